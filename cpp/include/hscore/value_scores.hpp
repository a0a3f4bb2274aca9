// Scores for targets that are values: several labels a row as 0 and 1, or continuous ones.
#pragma once

#include <vector>

#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

struct ValueScore {
  /// `classes` is the rank of the targets plus one, so that it bounds the score as classes do.
  HScore total;
  std::vector<double> shares;  // R^2 of each target; NaN for one that is constant
};

/// H = tr(cov(f)^+ cov(f, Y) cov(Y)^+ cov(Y, f)), the sum of the squared canonical correlations,
/// from the moments of features and, in the last columns, the targets. Classes do not count.
ValueScore h_score_of_values(const Moments& joint, Index targets, const WhiteningOptions& options);

/// The same with the features' covariance shrunk. Ledoit and Wolf's intensity is the caller's to
/// find: the norm moments are those of the features and the targets together.
RegularizedHScore regularized_h_score_of_values(const Moments& joint, Index targets,
                                                const ShrinkageOptions& options);

}  // namespace hscore
