// The factor behind a regularized score, kept for those who need more of it.
#pragma once

#include "factored_covariance.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

struct ShrunkCovariance {
  RegularizedHScore summary;
  /// Of A / mu, applied to features in units of sqrt(N mu). Empty where the score is known without
  /// it: nothing varies, the intensity is 0 or 1, or the statistics are not finite.
  FactoredCovariance factored;
  double multiplier = 0;  // H_a = multiplier * sum of squares of the whitened class means
};

ShrunkCovariance shrink_covariance(const Moments& moments, const ShrinkageOptions& options);

/// N / d: the convention's divisor of the class means' covariance.
double divisor_ratio(const ShrinkageOptions& options, double weight);

}  // namespace hscore
