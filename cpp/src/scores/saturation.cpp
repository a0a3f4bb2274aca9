#include "hscore/saturation.hpp"

#include <cmath>

#include "factor/cholesky.hpp"
#include "factor/sample_gram.hpp"

namespace hscore {

std::optional<HScore> saturated_h_score(const FeatureView& features, const LabelView& labels,
                                        const WhiteningOptions& options) {
  check_labels(features, labels);
  const Index n = features.rows;
  const double rows = static_cast<double>(n);
  const double work = rows * rows * static_cast<double>(features.cols);
  const int threads = work < 1e8 ? 1 : options.threads;
  const SampleGram gram = sample_gram(features, FeatureScale::unit_variance, threads, options.stop);
  if (gram.live < n - 1) return std::nullopt;

  // Centring makes 1 a null vector. With a multiple of 1 1' added the matrix is of full rank if and
  // only if the rows were of rank n - 1. Every pivot must stay well above the noise, as in
  // whitening.cpp.
  const double lift = static_cast<double>(gram.live) / (rows * rows);
  const double tolerance = options.tolerance > 0 ? options.tolerance : default_tolerance;
  AugmentedMatrix matrix(n, 0);
  std::vector<double> scale(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) {
    const double diagonal = gram.values(i, i) + lift;
    if (!(diagonal > 0)) return std::nullopt;
    scale[static_cast<std::size_t>(i)] = 1 / std::sqrt(tolerance * diagonal);
    for (Index j = 0; j <= i; ++j) {
      matrix.row(i)[j] = (gram.values(i, j) + lift) *
                         (scale[static_cast<std::size_t>(i)] * scale[static_cast<std::size_t>(j)]);
    }
  }
  constexpr double least_pivot = 4;
  if (!cholesky(matrix, least_pivot, threads, options.stop)) return std::nullopt;

  HScore result;
  result.rows = n;
  result.weight = rows;
  result.features = features.cols;
  result.rank = n - 1;
  result.class_shares.assign(static_cast<std::size_t>(labels.classes), 0.0);
  for (Index i = 0; i < n; ++i) {
    result.class_shares[static_cast<std::size_t>(labels.codes[i])] += 1;
  }
  for (double& share : result.class_shares) {
    if (share == 0) continue;
    ++result.classes;
    share = 1 - share / rows;
  }
  result.score = static_cast<double>(result.classes - 1);
  return result;
}

}  // namespace hscore
