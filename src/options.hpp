// The options of one call, as the core wants them.
#pragma once

#include <stdexcept>
#include <string>

#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"
#include "hscore/whitening.hpp"
#include "interrupt.hpp"
#include "turn.hpp"

namespace hscore::python {

inline Precision precision_named(const std::string& name) {
  if (name == "auto") return Precision::automatic;
  if (name == "float64") return Precision::float64;
  if (name == "float32") return Precision::float32;
  if (name == "high") return Precision::high;
  throw std::invalid_argument("unknown precision " + name);
}

/// To be kept for as long as the call works.
struct Options {
  /// `threads` <= 0 means "as many as the environment allows and other calls leave".
  Options(int threads, double tolerance, pybind11::handle progress = Py_None, Index rows = 0) {
    const int count = turn.threads(threads);
    const StopCheck stop = watch(progress, rows);
    update.threads = count;
    update.stop = stop;
    whitening = {tolerance, count, stop};
  }
  Turn turn;
  UpdateOptions update;
  WhiteningOptions whitening;
};

/// `method` is "ledoit_wolf", "oas" or "fixed", for which alone `intensity` counts.
ShrinkageOptions shrinkage_options(const std::string& method, double intensity, bool paper,
                                   const WhiteningOptions& whitening);

}  // namespace hscore::python
