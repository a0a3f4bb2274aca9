#include "hscore/value_scores.hpp"

#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "factor/factored_covariance.hpp"
#include "scores/shrunk_covariance.hpp"

namespace hscore {

namespace {

// With T_xx = L L' and T_yy = K K', both on the columns that the rank rule keeps, the score is
// | L^-1 T_xy K^-T |_F^2. The class sums over the roots of the class sizes are T_xy K^-T of the
// indicators, so that classes are a special case.
class Targets {
 public:
  Targets(const Moments& joint, Index targets, const WhiteningOptions& options)
      : features_(joint.features() - targets), cross_(targets, features_) {
    if (targets < 1 || features_ < 1) {
      throw std::invalid_argument("there must be a feature and a target, got " +
                                  std::to_string(targets) + " targets in " +
                                  std::to_string(joint.features()) + " columns");
    }
    std::vector<Index> columns(static_cast<std::size_t>(targets));
    std::iota(columns.begin(), columns.end(), features_);
    try {
      factored_ = factor_covariance(joint.columns(columns), options);
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument("of the targets, " + std::string(error.what()));
    }
    const std::vector<double> offset = joint.offset();
    const double n = joint.weight();
    for (Index t = 0; t < targets; ++t) {
      const double* row = joint.shifted_scatter().row(features_ + t);
      const double mean = offset[static_cast<std::size_t>(features_ + t)];
      for (Index j = 0; j < features_; ++j) {
        cross_(t, j) = row[j] - n * mean * offset[static_cast<std::size_t>(j)];
      }
      squares_.push_back(row[features_ + t] - n * mean * mean);
    }
  }

  Index rank() const { return factored_.rank(); }
  double smallest_unique_share(int threads) const {
    return factored_.smallest_unique_share(threads);
  }
  static Moments features_of(const Moments& joint, Index targets) {
    std::vector<Index> columns(static_cast<std::size_t>(joint.features() - targets));
    std::iota(columns.begin(), columns.end(), Index{0});
    return joint.columns(columns);
  }

  /// How much the whitened features explain of the whitened targets, and of each target alone.
  double squared(const FactoredCovariance& features, int threads, std::vector<double>* each) const {
    const PaddedMatrix whitened = features.whiten(cross_, threads);
    PaddedMatrix transposed(whitened.cols(), whitened.rows());
    for (Index t = 0; t < whitened.rows(); ++t) {
      double sum = 0;
      for (Index k = 0; k < whitened.cols(); ++k) {
        transposed(k, t) = whitened(t, k);
        sum += whitened(t, k) * whitened(t, k);
      }
      if (each != nullptr) each->push_back(sum / squares_[static_cast<std::size_t>(t)]);
    }
    if (each != nullptr) {
      std::vector<bool> live(each->size(), false);
      for (const Index t : factored_.live.index) live[static_cast<std::size_t>(t)] = true;
      for (std::size_t t = 0; t < live.size(); ++t) {
        (*each)[t] = live[t] ? std::min((*each)[t], 1.0) : std::numeric_limits<double>::quiet_NaN();
      }
    }
    const PaddedMatrix both = factored_.whiten(transposed, threads);
    double sum = 0;
    for (Index k = 0; k < both.rows(); ++k) {
      for (Index t = 0; t < both.cols(); ++t) sum += both(k, t) * both(k, t);
    }
    return sum;
  }

 private:
  Index features_;
  FactoredCovariance factored_;
  PaddedMatrix cross_;  // T_yx
  std::vector<double> squares_;
};

}  // namespace

ValueScore h_score_of_values(const Moments& joint, Index targets, const WhiteningOptions& options) {
  const Targets y(joint, targets, options);
  const FactoredCovariance x = factor_covariance(Targets::features_of(joint, targets), options);
  ValueScore result;
  HScore& total = result.total;
  total.rows = joint.rows();
  total.weight = joint.weight();
  total.features = joint.features() - targets;
  const Index freedom = std::max<Index>(total.rows - 1, 0);
  const Index target_rank = std::min(y.rank(), freedom);
  total.classes = target_rank + 1;
  total.rank = std::min(x.rank(), freedom);
  total.smallest_pivot = x.smallest_pivot();
  total.smallest_unique_share = x.smallest_unique_share(options.threads);
  const double squared = y.squared(x, options.threads, &result.shares);
  const double most = static_cast<double>(std::min(total.rank, target_rank));
  // Features or targets that span all rows explain everything.
  const bool saturated = std::max(total.rank, target_rank) >= freedom;
  total.score = saturated || most == 0 ? most : std::min(squared, most);
  if (!saturated && most > 0) {
    total.error_bound =
        10 * std::numeric_limits<double>::epsilon() *
        (1 / total.smallest_unique_share + 1 / y.smallest_unique_share(options.threads));
  }
  return result;
}

RegularizedHScore regularized_h_score_of_values(const Moments& joint, Index targets,
                                                const ShrinkageOptions& options) {
  const Targets y(joint, targets, options.whitening);
  const ShrunkCovariance shrunk = shrink_covariance(Targets::features_of(joint, targets), options);
  RegularizedHScore result = shrunk.summary;
  result.classes = std::min(y.rank(), std::max<Index>(joint.rows() - 1, 0)) + 1;
  if (!result.finite || joint.rows() < 2) return result;
  const double ratio = divisor_ratio(options, joint.weight());
  if (result.intensity == 0) {
    result.score = ratio * h_score_of_values(joint, targets, options.whitening).total.score;
  } else if (shrunk.factored.rank() > 0) {
    const double squared = y.squared(shrunk.factored, options.whitening.threads, nullptr);
    result.score = score_from(squared, result.intensity, ratio, result);
  }
  return result;
}

}  // namespace hscore
