// The interpreter's lock around the work of the core, and what becomes of calls when the
// interpreter ends.
//
// Once it is torn down, CPython before 3.14 ends each thread that asks for the lock, by unwinding
// its stack by force: through destructors and handlers that end the whole process instead. So a
// function that runs at exit asks the calls that compute to stop, and waits for them; a call that
// begins later gets a SystemExit; and a thread that comes too late for that waits here until the
// process is gone.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>
#ifdef __GLIBCXX__
#include <cxxabi.h>
#endif

namespace hscore::python {

/// Thrown where a call would begin or go on while the interpreter ends.
class Exiting : public std::exception {
 public:
  const char* what() const noexcept override { return "the interpreter is exiting"; }
};

/// Whether the interpreter is ending, and calls of this thread are to end before it.
bool is_exiting() noexcept;

/// Wait until the process is gone.
[[noreturn]] void wait_for_exit() noexcept;

/// Call what may run Python code, with the lock held. A thread that the interpreter ends in there
/// stays in there.
template <class Body>
auto run_python(Body&& body) {
#ifdef __GLIBCXX__
  try {
    return body();
  } catch (abi::__forced_unwind&) {
    wait_for_exit();
  }
#else
  return body();
#endif
}

/// Gives the lock away while it lives: the thread computes. Throws Exiting.
class Computing {
 public:
  Computing();
  Computing(const Computing&) = delete;
  Computing& operator=(const Computing&) = delete;
  ~Computing();

 private:
  PyThreadState* outer_;
};

/// Takes the lock back while it lives, within a Computing of the same thread.
class Interlude {
 public:
  Interlude();
  Interlude(const Interlude&) = delete;
  Interlude& operator=(const Interlude&) = delete;
  ~Interlude();

 private:
  PyThreadState* state_;
};

/// Have running calls stopped when the interpreter ends.
void stop_calls_at_exit();

}  // namespace hscore::python
