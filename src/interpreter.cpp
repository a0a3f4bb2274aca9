#include "interpreter.hpp"

#include <atomic>
#include <chrono>
#include <thread>
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

#include "turn.hpp"

namespace hscore::python {

namespace {

namespace py = pybind11;

// Threads that compute, and whether they are to stop.
std::atomic<int> computing{0};
std::atomic<bool> exiting{false};
thread_local bool ends_interpreter = false;
// The state of the thread while it computes.
thread_local PyThreadState* released = nullptr;

bool is_finalizing() noexcept {
#if defined(PYPY_VERSION)
  return Py_IsInitialized() == 0;
#elif PY_VERSION_HEX >= 0x030D0000
  return Py_IsFinalizing() != 0;
#else
  return _Py_IsFinalizing() != 0;
#endif
}

// The interpreter may begin to end between the question and the answer.
void take_lock(PyThreadState* state) noexcept {
  if (is_finalizing()) wait_for_exit();
  run_python([&] { PyEval_RestoreThread(state); });
}

void stop_calls() {
  ends_interpreter = true;
  exiting = true;
  // Calls ask between blocks of work. One that does not is left to itself: what it reads is its
  // own.
  constexpr auto patience = std::chrono::seconds(10);
  const auto end = std::chrono::steady_clock::now() + patience;
  PyThreadState* state = PyEval_SaveThread();
  while (computing > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  PyEval_RestoreThread(state);
}

// Of the threads of the parent there is only this one, which is in Python code.
[[maybe_unused]] void forget_other_threads() {
  computing = 0;
  Turn::forget_other_threads();
}

}  // namespace

bool is_exiting() noexcept {
  return exiting && !ends_interpreter;
}

void wait_for_exit() noexcept {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

Computing::Computing() : outer_(released) {
  // Counted first: then either this sees that the interpreter is ending, or that waits for this.
  ++computing;
  if (is_exiting()) {
    --computing;
    throw Exiting();
  }
  released = PyEval_SaveThread();
}

Computing::~Computing() {
  PyThreadState* state = released;
  released = outer_;
  take_lock(state);
  --computing;
}

Interlude::Interlude() : state_(released) {
  if (state_ == nullptr) return;
  take_lock(state_);
  released = nullptr;
  --computing;
}

Interlude::~Interlude() {
  if (state_ == nullptr) return;
  ++computing;
  released = state_;
  PyEval_SaveThread();
}

void stop_calls_at_exit() {
  // Other interpreters end while the process goes on.
  if (PyInterpreterState_Get() != PyInterpreterState_Main()) return;
  py::module_::import("atexit").attr("register")(py::cpp_function(&stop_calls));
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, &forget_other_threads);
#endif
}

}  // namespace hscore::python
