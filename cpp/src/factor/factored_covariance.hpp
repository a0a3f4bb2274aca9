// The factor behind a score, kept for those who need more of it than the whitened class means.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <vector>

#include "factor/cholesky.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

/// Features that vary, in units of their noise level.
struct LiveFeatures {
  std::vector<Index> index;
  std::vector<double> scale;
  std::vector<double> sum_of_squares;  // in scaled units
};

struct FactoredCovariance {
  std::vector<double> offset;  // mean minus the moments' shift
  LiveFeatures live;
  std::vector<Index> chosen;  // live features in order of elimination
  AugmentedMatrix factor;     // rows: the chosen; extra rows: whitened class means; rank columns

  Index rank() const { return static_cast<Index>(chosen.size()); }
  bool full_rank() const { return chosen.size() == live.index.size(); }
  double smallest_pivot() const;
  /// The smallest share of any chosen feature's sum of squares that all the others leave,
  /// 1 / max_j T_jj (T^-1)_jj. An estimate, from above, that is exact as a rule.
  double smallest_unique_share(int threads) const;
  /// Rows L^-1 v for rows v on all features.
  PaddedMatrix whiten(const PaddedMatrix& rows, int threads) const;
  /// v' T^-1 v on the live features.
  double inverse_quadratic(const std::vector<double>& v) const;
  std::vector<double> class_norms() const;
};

using LowerFactor =
    Eigen::Map<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
               Eigen::OuterStride<>>;

/// L, its rows in the order of `chosen`.
inline LowerFactor lower_factor(const FactoredCovariance& factored) {
  const Index rank = factored.rank();
  return LowerFactor(factored.factor.row(0), rank, rank,
                     Eigen::OuterStride<>(factored.factor.stride()));
}

/// How many rows a task solves for: each reads and packs all of L, so few tasks, but one for each
/// thread.
inline Index rows_per_solve(Index rows, int threads) {
  return std::clamp<Index>((rows + threads - 1) / std::max(threads, 1), 8, 256);
}

WhitenedClasses summarize(const FactoredCovariance& factored, int threads);

/// What is factored: the scatter of the live features in units of their noise levels, the class
/// directions in the extra rows.
struct ScaledCovariance {
  std::vector<double> offset;  // mean minus the moments' shift
  LiveFeatures live;
  AugmentedMatrix matrix;
};

/// As many as pay for a factorization of that size.
int threads_for(Index order, Index extra, int threads);

ScaledCovariance scale_covariance(const Moments& moments, double tolerance, int threads);

/// Of a feature that is no more than noise nothing is left.
constexpr double noise_pivot = 1;

FactoredCovariance factor_covariance(const Moments& moments, const WhiteningOptions& options);

/// Takes the scatter, which need not be copied if it has room for the classes. See pivoted_cholesky
/// for `products`.
FactoredCovariance factor_in_place(Moments& moments, const WhiteningOptions& options,
                                   Products products);

}  // namespace hscore
