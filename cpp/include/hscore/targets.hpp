// One feature matrix against many targets: the scatter is formed and factored once.
#pragma once

#include <functional>
#include <memory>
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

/// Many targets whose rows come in batches: one scatter, and the class sums of every target.
/// Memory: that of the scatter, and 8 bytes per feature for each class of each target.
class TargetMoments {
 public:
  explicit TargetMoments(Index features);
  TargetMoments(TargetMoments&&) noexcept;
  TargetMoments& operator=(TargetMoments&&) noexcept;
  ~TargetMoments();

  /// Add rows, with a label vector of each target; later batches may have more classes. If the
  /// statistics of the features refuse the rows, nothing is added.
  void update(const FeatureView& features, const std::vector<LabelView>& targets,
              const UpdateOptions& options);

  /// float32_rows and error_rows are of no effect: the rows are gone.
  TargetScores scores(const TargetOptions& options) const;

  Index rows() const;
  Index features() const;

  /// Everything, to be stored and read again to the last bit.
  struct Parts {
    Moments moments;                          // all rows as one class
    std::vector<double> centre;               // of the class sums
    std::vector<std::vector<double>> counts;  // of each target's classes
    std::vector<std::vector<double>> sums;    // of each target, class after class
  };
  Parts parts() const;
  /// Throws std::invalid_argument where the parts do not fit each other.
  static TargetMoments from_parts(Parts&& parts);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hscore
