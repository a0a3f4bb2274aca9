#include "precision/rounding_effect.hpp"

#include <Eigen/Dense>
#include <cmath>

#include "precision/correction.hpp"

namespace hscore {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RowMajor random_signs(Index rows, Index cols) {
  const PaddedMatrix signs = probe_signs(rows, cols);
  RowMajor copy(rows, cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < cols; ++j) copy(i, j) = signs(i, j);
  }
  return copy;
}

}  // namespace

// The three sums over k are tr(M' diag(v) M) for M = L^-T W W', L^-T and Z = L^-T W, estimated by
// random signs s as sum_k v_k (M s)_k^2 (Hutchinson 1990).
RoundingEffect rounding_effect(const FactoredCovariance& factored, const double* first_row,
                               Index classes, Index stride, double score,
                               const std::vector<double>& variance, double rows, int threads) {
  constexpr Index for_deviation = 16;
  constexpr Index for_second = 8;
  const AugmentedMatrix& factor = factored.factor;
  const Index rank = factor.order();
  const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> whitened(first_row, classes, rank,
                                                                     Eigen::OuterStride<>(stride));
  RowMajor probes(for_deviation + 2 * for_second + 1, rank);
  const RowMajor mixed = random_signs(for_deviation, rank) * whitened.transpose();
  probes.topRows(for_deviation).noalias() = mixed * whitened;
  probes.middleRows(for_deviation, for_second) = random_signs(for_second, rank);
  probes.middleRows(for_deviation + for_second, for_second).noalias() =
      random_signs(for_second, classes) * whitened;
  // The offset's own part is no sum over features to be estimated: W W' L^-1 d.
  PaddedMatrix offset(1, static_cast<Index>(variance.size()));
  std::copy(factored.offset.begin(), factored.offset.end(), offset.row(0));
  const PaddedMatrix whitened_offset = factored.whiten(offset, threads);
  const Eigen::Map<const Eigen::RowVectorXd> d(whitened_offset.row(0), rank);
  probes.bottomRows(1).noalias() = (d * whitened.transpose()).eval() * whitened;
  const PaddedMatrix solved = class_coefficients(
      factor, probes.data(), probes.rows(), rank, factored.chosen, factored.live.index,
      factored.live.scale, static_cast<Index>(variance.size()), threads);
  const auto mean = [&](Index first, Index count) {
    double sum = 0;
    for (Index k = first; k < first + count; ++k) {
      for (std::size_t j = 0; j < variance.size(); ++j) {
        const double value = solved(k, static_cast<Index>(j));
        sum += variance[j] * value * value;
      }
    }
    return sum / static_cast<double>(count);
  };
  RoundingEffect effect;
  effect.deviation = 2 * std::sqrt(mean(0, for_deviation) + rows * mean(probes.rows() - 1, 1));
  effect.spread = mean(for_deviation + for_second, for_second);
  effect.inflated = mean(for_deviation, for_second);
  effect.leverages = static_cast<double>(rank) + rows * d.squaredNorm();
  effect.second = score * effect.inflated + effect.leverages * effect.spread;
  for (Index k = for_deviation + for_second; k < for_deviation + 2 * for_second; ++k) {
    for (std::size_t j = 0; j < factored.live.index.size(); ++j) {
      const double z = solved(k, factored.live.index[j]) / factored.live.scale[j];
      effect.reach += factored.live.sum_of_squares[j] * z * z / for_second;
    }
  }
  return effect;
}

double operator_error(const FeatureView& x, double noise, double away) {
  const double ratio = static_cast<double>(x.cols) / static_cast<double>(x.rows);
  return (std::sqrt(8.0) + std::sqrt(away)) * std::sqrt(ratio) * noise;
}

}  // namespace hscore
