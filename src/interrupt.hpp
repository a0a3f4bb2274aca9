// Ctrl-C for long calls: the core asks between blocks, Python's signal handlers run at most ten
// times a second.
#pragma once

#include <pybind11/pybind11.h>

#include <chrono>

#include "hscore/errors.hpp"

namespace hscore::python {

/// Call with the GIL released.
inline StopCheck signal_check() {
  using Clock = std::chrono::steady_clock;
  return [next = Clock::now() + std::chrono::milliseconds(100)]() mutable {
    const auto now = Clock::now();
    if (now < next) return false;
    next = now + std::chrono::milliseconds(100);
    const pybind11::gil_scoped_acquire gil;
    return PyErr_CheckSignals() != 0;  // leaves KeyboardInterrupt set
  };
}

}  // namespace hscore::python
