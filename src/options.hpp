// The options of one call, as the core wants them.
#pragma once

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <string>

#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"
#include "hscore/whitening.hpp"
#include "interrupt.hpp"

namespace hscore::python {

inline Precision precision_named(const std::string& name) {
  if (name == "auto") return Precision::automatic;
  if (name == "float64") return Precision::float64;
  if (name == "float32") return Precision::float32;
  if (name == "high") return Precision::high;
  throw std::invalid_argument("unknown precision " + name);
}

/// Counts the calls at work in this process while it lives, so that those that may choose their
/// number of threads share what there is: a pool of Python threads would otherwise start that many
/// for each of its own.
class Turn {
 public:
  Turn() : calls_(1 + running_.fetch_add(1, std::memory_order_relaxed)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() { running_.fetch_sub(1, std::memory_order_relaxed); }

  int threads(int requested) const { return share(requested, calls_); }
  /// For what is done beside the calls at work, or within the only one.
  static int threads_beside(int requested) {
    return share(requested, std::max(1, running_.load(std::memory_order_relaxed)));
  }

 private:
  static int share(int requested, int calls) {
    const int most = thread_count(requested);
    return requested > 0 ? most : std::max(1, most / calls);
  }
  inline static std::atomic<int> running_{0};
  int calls_;
};

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
