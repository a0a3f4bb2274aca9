// Ctrl-C and progress for long calls: the core asks between blocks, and at most ten times a second
// Python's signal handlers run and the caller's progress function is called. When the interpreter
// ends, the answer is to stop.
#pragma once

#include <pybind11/pybind11.h>

#include <algorithm>
#include <chrono>
#include <memory>

#include "hscore/errors.hpp"
#include "interpreter.hpp"

namespace hscore::python {

/// Call while computing. `progress` is None or called with the rows read so far and in all;
/// the caller keeps it alive. Work that reads the rows again counts no more.
inline StopCheck watch(pybind11::handle progress, std::ptrdiff_t rows) {
  using Clock = std::chrono::steady_clock;
  static constexpr auto period = std::chrono::milliseconds(100);
  struct State {
    Clock::time_point next;
    std::ptrdiff_t done;
  };
  // Shared by all copies of the check, so that they keep one account.
  const auto state = std::make_shared<State>(State{Clock::now() + period, 0});
  return [state, progress, rows](std::ptrdiff_t more) {
    state->done = std::min(rows, state->done + more);
    if (is_exiting()) return true;
    const auto now = Clock::now();
    if (now < state->next) return false;
    const Interlude python;
    const bool raised = run_python([&] {
      if (PyErr_CheckSignals() != 0) return true;  // leaves KeyboardInterrupt set
      if (progress.is_none()) return false;
      PyObject* answer = PyObject_CallFunction(progress.ptr(), "nn", state->done, rows);
      Py_XDECREF(answer);
      return answer == nullptr;  // leaves what it raised
    });
    state->next = Clock::now() + period;
    return raised || is_exiting();
  };
}

}  // namespace hscore::python
