#include <algorithm>
#include <cmath>

#include "factor/cholesky.hpp"
#include "factor/sample_gram.hpp"
#include "scores/shrunk_covariance.hpp"

namespace hscore {

namespace {

// The rows x rows form. With K = X_c X_c' / (N mu) and y_c a class's centred indicator
//     B' A^-1 B / (N mu) = sum_c y_c' K (a I + (1 - a) K)^-1 y_c / n_c
// Both K y_c and y_c ride along the factorization. K has the null vector 1, to which both are
// orthogonal, so adding a multiple of 1 1' changes nothing and spares a pivot of size a.
// Returns false when a is too small to factor plainly.
bool squared_by_samples(const PaddedMatrix& gram, double unit, double a, const LabelView& labels,
                        const std::vector<double>& counts, const ShrinkageOptions& options,
                        int threads, double* squared) {
  const Index n = gram.cols();
  const Index classes = labels.classes;
  double trace = 0;
  for (Index i = 0; i < n; ++i) trace += gram(i, i) / unit;
  const double lift = trace / static_cast<double>(n) / static_cast<double>(n);
  AugmentedMatrix matrix(n, 2 * classes);
  std::vector<double> scale;
  for (Index i = 0; i < n; ++i) {
    const double diagonal = (1 - a) * (gram(i, i) / unit) + a + lift;
    scale.push_back(1 / std::sqrt(options.whitening.tolerance * diagonal));
  }
  for (Index i = 0; i < n; ++i) {
    const double* source = gram.row(i);
    double* target = matrix.row(i);
    const std::size_t at = static_cast<std::size_t>(i);
    const Index own = labels.codes[i];
    for (Index j = 0; j <= i; ++j) {
      const std::size_t to = static_cast<std::size_t>(j);
      const double value = source[j] / unit;
      target[j] = ((1 - a) * value + lift) * (scale[at] * scale[to]);
      matrix.extra_row(labels.codes[j])[i] += value;
      if (j < i) matrix.extra_row(own)[j] += value;
    }
    target[i] += a * scale[at] * scale[at];
  }
  for (Index c = 0; c < classes; ++c) {
    const double count = counts[static_cast<std::size_t>(c)];
    if (count == 0) continue;
    const double root = 1 / std::sqrt(count);
    double* product = matrix.extra_row(c);
    double* indicator = matrix.extra_row(classes + c);
    for (Index i = 0; i < n; ++i) {
      const double factor = root * scale[static_cast<std::size_t>(i)];
      product[i] *= factor;
      indicator[i] = factor * ((labels.codes[i] == c ? 1.0 : 0.0) - count / static_cast<double>(n));
    }
  }
  if (!cholesky(matrix, least_plain_pivot, threads, options.whitening.stop)) return false;
  *squared = 0;
  for (Index c = 0; c < classes; ++c) {
    const double* product = matrix.extra_row(c);
    const double* indicator = matrix.extra_row(classes + c);
    for (Index i = 0; i < n; ++i) *squared += product[i] * indicator[i];
  }
  return true;
}

SpectrumSummary summarize(const PaddedMatrix& gram, double unit, Index features) {
  const double n = static_cast<double>(gram.cols());
  const double f = static_cast<double>(features);
  SpectrumSummary spectrum{n, f};
  double squares = 0;
  for (Index i = 0; i < gram.cols(); ++i) {
    const double* row = gram.row(i);
    double off_diagonal = 0;
    for (Index j = 0; j < i; ++j) off_diagonal += (row[j] / unit) * (row[j] / unit);
    const double diagonal = row[i] / unit;
    squares += 2 * off_diagonal + diagonal * diagonal;
    spectrum.fourth += n * n * diagonal * diagonal;
  }
  spectrum.deviation = std::max(squares - f, 0.0);
  return spectrum;
}

}  // namespace

std::optional<RegularizedHScore> score_by_samples(const FeatureView& features,
                                                  const LabelView& labels,
                                                  const UpdateOptions& update,
                                                  const ShrinkageOptions& options) {
  const double rows = static_cast<double>(features.rows);
  const int threads = useful_threads(rows, static_cast<double>(features.cols), update.threads);
  const SampleGram gram = sample_gram(features, FeatureScale::as_is, threads, update.stop);
  RegularizedHScore result;
  result.rows = features.rows;
  result.features = features.cols;
  std::vector<double> counts(static_cast<std::size_t>(labels.classes), 0.0);
  for (Index i = 0; i < labels.rows; ++i) counts[static_cast<std::size_t>(labels.codes[i])] += 1;
  for (const double count : counts) result.classes += count > 0;
  double unit = 0;  // N mu
  for (Index i = 0; i < features.rows; ++i) {
    unit += gram.values(i, i) / static_cast<double>(features.cols);
  }
  result.finite = std::isfinite(unit);
  if (!result.finite) return result;
  refuse_underflow(unit, gram.varies);
  SpectrumSummary spectrum{rows, static_cast<double>(features.cols)};
  if (gram.live > 0) spectrum = summarize(gram.values, unit, features.cols);
  const double a = result.intensity = shrinkage_intensity(options, spectrum);
  if (gram.live == 0 || a == 1 || result.classes < 2) return result;
  double squared = 0;
  if (!(a > 0) ||
      !squared_by_samples(gram.values, unit, a, labels, counts, options, threads, &squared)) {
    return std::nullopt;
  }
  result.score = score_from(squared, a, divisor_ratio(options, rows), result);
  return result;
}

double sampled_deviation(const FeatureView& features, const WhiteningOptions& options) {
  constexpr Index most_rows = 256;
  FeatureView sample = features;
  const Index step = std::max<Index>(1, features.rows / most_rows);
  sample.rows = std::min(most_rows, features.rows);
  std::vector<Index> kept;  // every `step`-th of those that are
  if (features.kept == nullptr) {
    sample.row_stride *= step;
  } else {
    for (Index i = 0; i < sample.rows; ++i) kept.push_back(features.kept[i * step]);
    sample.kept = kept.data();
  }
  const SampleGram gram = sample_gram(sample, FeatureScale::as_is, options.threads, options.stop);
  const double f = static_cast<double>(features.cols);
  double unit = 0;
  for (Index i = 0; i < sample.rows; ++i) unit += gram.values(i, i) / f;
  if (!(unit > 0)) return 0;
  // The sample's own noise adds (tr cov)^2 / rows.
  return summarize(gram.values, unit, features.cols).deviation -
         f * f / static_cast<double>(sample.rows);
}

}  // namespace hscore
