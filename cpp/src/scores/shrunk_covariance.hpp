// The factor behind a regularized score, kept for those who need more of it.
#pragma once

#include <limits>
#include <optional>

#include "factor/factored_covariance.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

struct ShrunkCovariance {
  RegularizedHScore summary;
  /// Of A / mu, applied to features in units of sqrt(N mu). Empty where the score is known without
  /// it: nothing varies, the intensity is 0 or 1, or the statistics are not finite.
  FactoredCovariance factored;
  double deviation = 0;   // | T / (N mu) - I |_F^2, where the intensity was estimated from it
  double multiplier = 0;  // H_a = multiplier * sum of squares of the whitened class means
};

ShrunkCovariance shrink_covariance(const Moments& moments, const ShrinkageOptions& options);

/// A score and, where float32 products have gone into it and nothing else was in the way, what
/// their rounding may have done to it; infinity where that is not known.
struct RoundedScore {
  ShrunkCovariance shrunk;
  double error = std::numeric_limits<double>::infinity();
};

RoundedScore rounded_score(const Moments& moments, const ShrinkageOptions& options);

/// The score that the rows' moments of float32 products lead to, corrected by a pass over the rows
/// where the promise for their type needs it; nothing when it cannot be kept.
std::optional<RegularizedHScore> regularized_from_float32(const FeatureView& features,
                                                          const Moments& moments,
                                                          const ShrinkageOptions& options);

/// The rows x rows form, which never builds features x features: for fewer rows than features and
/// something added. Nothing when what is added is too little to factor plainly.
std::optional<RegularizedHScore> score_by_samples(const FeatureView& features,
                                                  const LabelView& labels,
                                                  const UpdateOptions& update,
                                                  const ShrinkageOptions& options);

/// | cov / mu - I |_F^2 of the population, estimated from a few hundred evenly spaced rows.
double sampled_deviation(const FeatureView& features, const WhiteningOptions& options);

/// ratio (1 - a) squared. Shrinking only takes away from the plain score; rounding must not bring
/// it outside its bounds.
double score_from(double squared, double a, double ratio, const RegularizedHScore& result);

/// Squares of values below 1e-154 underflow. What is small only beside other features is right to
/// vanish, since the score depends on their ratio.
void refuse_underflow(double unit, bool varies);

/// Every pivot is in units of its noise level.
constexpr double least_plain_pivot = 4;

/// A second thread loses where there is little to do.
inline int useful_threads(double order, double others, int threads) {
  return order * order * others < 1e8 ? 1 : threads;
}

/// N / d: the convention's divisor of the class means' covariance.
double divisor_ratio(const ShrinkageOptions& options, double weight);

}  // namespace hscore
