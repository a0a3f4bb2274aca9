// The options of one call, as the core wants them.
#pragma once

#include <string>

#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "hscore/shrinkage.hpp"
#include "hscore/whitening.hpp"
#include "interrupt.hpp"

namespace hscore::python {

struct Options {
  /// `threads` <= 0 means "as many as the environment allows".
  Options(int threads, double tolerance) {
    const int count = thread_count(threads);
    const StopCheck stop = signal_check();
    update = {count, Products::float64, stop};
    whitening = {tolerance, count, stop};
  }
  UpdateOptions update;
  WhiteningOptions whitening;
};

/// `method` is "ledoit_wolf", "oas" or "fixed", for which alone `intensity` counts.
ShrinkageOptions shrinkage_options(const std::string& method, double intensity, bool paper,
                                   const WhiteningOptions& whitening);

}  // namespace hscore::python
