// One feature matrix against many targets: the scatter is formed and factored once.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

/// Told between groups of targets how many are done, on the calling thread.
using TargetProgress = std::function<void(Index done)>;

struct TargetOptions {
  /// Keep whitened rows in float32 and add them up in float32 within a block: twice as fast, to
  /// about 1e-7. The scatter, its factor and the whitening are float64 always.
  bool float32_rows = false;
  WhiteningOptions whitening;
  std::optional<ShrinkageOptions> shrinkage;  // the regularized scores instead
  /// Estimate the standard errors of plain scores from as many rows, spread over the matrix.
  Index error_rows = 0;
  TargetProgress progress;
};

struct TargetScores {
  bool finite = false;  // false when a NaN, an infinity or an overflow has reached the sums
  Index rows = 0;
  Index features = 0;
  Index rank = 0;
  double error_bound = 0;      // absolute, of rounding, of the largest
  double intensity = 0;        // of the shrinkage
  std::vector<double> scores;  // per target
  std::vector<Index> classes;  // per target, with at least one row
  /// Per target; nan where the score is the same whatever the labels are; empty if not asked for.
  std::vector<double> standard_errors;
};

/// Where the classes of all targets together are fewer than the rows, their sums are whitened
/// (memory: 8 bytes per class and feature), else the rows, once for all targets (4 or 8 bytes per
/// row and feature), and every target sums whitened rows.
TargetScores h_scores(const FeatureView& features, const std::vector<LabelView>& targets,
                      const TargetOptions& options);

}  // namespace hscore
