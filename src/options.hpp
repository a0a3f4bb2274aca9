// The options of one call, as the core wants them.
#pragma once

#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "hscore/whitening.hpp"
#include "interrupt.hpp"

namespace hscore::python {

struct Options {
  /// `threads` <= 0 means "as many as the environment allows".
  Options(int threads, double tolerance, pybind11::handle progress = Py_None, Index rows = 0) {
    const int count = thread_count(threads);
    const StopCheck stop = watch(progress, rows);
    update.threads = count;
    update.stop = stop;
    whitening = {tolerance, count, stop};
  }
  UpdateOptions update;
  WhiteningOptions whitening;
};

}  // namespace hscore::python
