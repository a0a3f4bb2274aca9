#include "hscore/shrinkage.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "cholesky.hpp"
#include "class_fit.hpp"
#include "hscore/parallel.hpp"
#include "hscore/saturation.hpp"
#include "sample_gram.hpp"
#include "scores.hpp"
#include "shrunk_covariance.hpp"

namespace hscore {

// Everything is in units of the mean variance mu, to which the score is blind:
//     A / mu = (1 - a) T / (N mu) + a I,    H_a = (1 - a) (N / d) | chol(A / mu)^-1 B |^2 / (N mu)
// so nothing overflows that is not already too large to be squared.

double divisor_ratio(const ShrinkageOptions& options, double n) {
  if (options.convention == Convention::toolkits && !(n > 1)) {
    throw std::invalid_argument("the weights must sum to more than 1, got " + std::to_string(n));
  }
  return options.convention == Convention::paper ? 1 : n / (n - 1);
}

// Shrinking only takes away from the plain score; rounding must not bring it outside its bounds.
double score_from(double squared, double a, double ratio, const RegularizedHScore& result) {
  const double most = static_cast<double>(std::max<Index>(result.classes - 1, 0));
  return ratio * std::clamp((1 - a) * squared, 0.0, most);
}

namespace {

constexpr double least_plain_pivot = 4;
constexpr double least_pivoted_pivot = 1;

int useful_threads(double order, double others, int threads) {
  return order * order * others < 1e8 ? 1 : threads;
}

// Squares of values below 1e-154 underflow. What is small only beside other features is right to
// vanish, since the score depends on their ratio.
void refuse_underflow(double unit, bool varies) {
  if (varies && unit < 1e-290) {
    throw std::invalid_argument(
        "features vary so little that their squares underflow float64: multiply all by one "
        "constant, which leaves the score unchanged");
  }
}

// T / (N mu), read from the statistics about the shift.
class ScaledScatter {
 public:
  explicit ScaledScatter(const Moments& moments)
      : moments_(moments), offset_(moments.offset()), rows_(moments.weight()) {
    const double features = static_cast<double>(moments.features());
    for (Index j = 0; j < moments.features(); ++j) mean_variance_ += raw(j, j) / rows_ / features;
  }
  double mean_variance() const { return mean_variance_; }
  double unit() const { return rows_ * mean_variance_; }
  double operator()(Index i, Index j) const { return raw(i, j) / unit(); }
  bool is_live(Index j) const {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const double scatter = raw(j, j);
    const double mean = moments_.shift()[static_cast<std::size_t>(j)] + offset(j);
    return scatter > 8 * eps * eps * (scatter + rows_ * mean * mean) &&
           scatter > default_tolerance * moments_.cancelled(j);
  }
  bool varies() const {
    for (Index c = 0; c < moments_.classes(); ++c) {
      for (Index j = 0; j < moments_.features(); ++j) {
        if (moments_.shifted_class_sums()(c, j) != 0 && moments_.cancelled(j) == 0) return true;
      }
    }
    return false;
  }
  /// Class c's column of B / sqrt(N mu).
  double class_mean(Index c, Index j) const {
    const double count = moments_.counts()[static_cast<std::size_t>(c)];
    const double sum = moments_.shifted_class_sums()(c, j) - count * offset(j);
    return sum / std::sqrt(count * rows_) / std::sqrt(mean_variance_);
  }
  struct Deviation {
    double value = 0;  // | T / (N mu) - I |_F^2
    double rounding =
        0;  // what independent errors eps sqrt(T_ii T_jj) of the T_ij do to it, per eps
  };
  Deviation deviation(int threads) const {
    constexpr Index task_rows = 64;
    const Index features = moments_.features();
    const Index tasks = (features + task_rows - 1) / task_rows;
    std::vector<double> diagonal(static_cast<std::size_t>(features));
    for (std::size_t j = 0; j < diagonal.size(); ++j) {
      diagonal[j] = (*this)(static_cast<Index>(j), static_cast<Index>(j));
    }
    std::vector<Deviation> parts(static_cast<std::size_t>(tasks));
    parallel_for(tasks, threads, [&](Index task) {
      Deviation& part = parts[static_cast<std::size_t>(task)];
      for (Index i = task * task_rows; i < std::min(features, (task + 1) * task_rows); ++i) {
        double off_diagonal = 0;
        double weighted = 0;
        for (Index j = 0; j < i; ++j) {
          const double square = (*this)(i, j) * (*this)(i, j);
          off_diagonal += square;
          weighted += square * diagonal[static_cast<std::size_t>(j)];
        }
        const double own = diagonal[static_cast<std::size_t>(i)];
        part.value += 2 * off_diagonal + (own - 1) * (own - 1);
        part.rounding += own * weighted;
      }
    });
    Deviation sum;
    for (const Deviation& part : parts) {
      sum.value += part.value;
      sum.rounding += part.rounding;
    }
    sum.rounding = 4 * std::sqrt(sum.rounding);
    return sum;
  }

 private:
  double offset(Index j) const { return offset_[static_cast<std::size_t>(j)]; }
  double raw(Index i, Index j) const {
    return moments_.shifted_scatter()(i, j) - rows_ * offset(i) * offset(j);
  }
  const Moments& moments_;
  std::vector<double> offset_;
  double rows_;
  double mean_variance_ = 0;
};

// The noise level of every pivot becomes 1, as in whitening.cpp.
std::vector<double> shrunk_scale(const ScaledScatter& scatter, const std::vector<Index>& live,
                                 double intensity, double tolerance) {
  std::vector<double> scale;
  for (const Index j : live) {
    const double diagonal = (1 - intensity) * scatter(j, j) + intensity;
    scale.push_back(1 / std::sqrt(tolerance * diagonal));
  }
  return scale;
}

// With B' below.
AugmentedMatrix shrunk_matrix(const ScaledScatter& scatter, const Moments& moments,
                              const std::vector<Index>& live, const std::vector<double>& scale,
                              double intensity, int threads) {
  const Index order = static_cast<Index>(live.size());
  AugmentedMatrix matrix(order, moments.classes());
  constexpr Index rows_per_task = 32;
  const Index rows = order + moments.classes();
  parallel_for((rows + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
    for (Index i = task * rows_per_task; i < std::min(rows, (task + 1) * rows_per_task); ++i) {
      const std::size_t at = static_cast<std::size_t>(i);
      if (i < order) {
        double* row = matrix.row(i);
        const double factor = (1 - intensity) * scale[at];
        for (std::size_t j = 0; j <= at; ++j) {
          row[j] = scatter(live[at], live[j]) * (factor * scale[j]);
        }
        row[i] += intensity * scale[at] * scale[at];
      } else {
        const Index c = i - order;
        if (moments.counts()[static_cast<std::size_t>(c)] == 0) continue;
        double* row = matrix.extra_row(c);
        for (std::size_t j = 0; j < live.size(); ++j) {
          row[j] = scatter.class_mean(c, live[j]) * scale[j];
        }
      }
    }
  });
  return matrix;
}

}  // namespace

double shrinkage_intensity(const ShrinkageOptions& options, const SpectrumSummary& spectrum) {
  if (options.method == Shrinkage::fixed) return options.intensity;
  const double n = spectrum.rows;
  const double f = spectrum.features;
  if (f == 1) return 0;
  if (options.method == Shrinkage::oas) {
    const double numerator = (spectrum.deviation + f) / (f * f) + 1;
    const double denominator = (n + 1) * spectrum.deviation / (f * f);
    return denominator > 0 ? std::min(numerator / denominator, 1.0) : 1;
  }
  const double delta = spectrum.deviation / f;
  const double beta = (spectrum.fourth / n - (spectrum.deviation + f)) / (n * f);
  return delta > 0 ? std::clamp(beta, 0.0, delta) / delta : 0;
}

namespace {

// A score and, where float32 products have gone into it and nothing else was in the way, what their
// rounding may have done to it; infinity where that is not known.
struct Rounded {
  ShrunkCovariance shrunk;
  double error = std::numeric_limits<double>::infinity();
};

// With Z = A^-1 B and everything in units of mu, an error E of T moves the score by
// -(1 - a)^2 tr(Z' E Z) at fixed a, and a itself moves with the deviation. Entries' errors count as
// independent and, since sums of like terms round alike, ten times.
double float32_error(const ScaledScatter& scatter, const AugmentedMatrix& factor,
                     const std::vector<Index>& chosen, const std::vector<Index>& live,
                     const std::vector<double>& scale, const Moments& moments, double a,
                     double squared, double intensity_error, int threads) {
  const PaddedMatrix z =
      class_coefficients(factor, factor.extra_row(0), factor.extra(), factor.stride(), chosen, live,
                         scale, moments.features(), threads);
  double spread = 0;
  double norm = 0;
  for (Index c = 0; c < z.rows(); ++c) {
    for (const Index j : live) {
      const double square = z(c, j) * z(c, j);
      norm += square;
      spread += scatter(j, j) * square;
    }
  }
  const double fitted = (squared - a * norm) / (1 - a);  // tr(Z' T Z)
  const double slope = squared + (1 - a) * (norm - fitted);
  return (1 - a) * (1 - a) * 10 * float32_eps * spread + std::abs(slope) * intensity_error;
}

Rounded score_moments(const Moments& moments, const ShrinkageOptions& options, bool in_float32) {
  Rounded rounded;
  RegularizedHScore& result = rounded.shrunk.summary;
  result.rows = moments.rows();
  result.features = moments.features();
  for (const double count : moments.counts()) result.classes += count > 0;
  result.intensity = options.intensity;
  if (options.method == Shrinkage::ledoit_wolf && !moments.has_norms()) {
    throw std::invalid_argument(
        "these moments were collected without the norm moments that "
        "Ledoit and Wolf's shrinkage needs");
  }
  const double ratio = moments.rows() > 1 ? divisor_ratio(options, moments.weight()) : 1;
  const ScaledScatter scatter(moments);
  const double mean_variance = scatter.mean_variance();
  result.finite = std::isfinite(scatter.unit());
  if (!result.finite) return rounded;
  refuse_underflow(scatter.unit(), scatter.varies());

  std::vector<Index> live;
  for (Index j = 0; j < moments.features(); ++j) {
    if (scatter.is_live(j)) live.push_back(j);
  }
  SpectrumSummary spectrum{moments.weight(), static_cast<double>(moments.features())};
  if (live.empty()) {  // all constant: nothing varies, whatever the intensity
    result.intensity = shrinkage_intensity(options, spectrum);
    return rounded;
  }
  const double order = static_cast<double>(live.size());
  const double classes = static_cast<double>(moments.classes());
  const int threads = useful_threads(order, order + classes, options.whitening.threads);
  double intensity_rounding = 0;
  if (options.method != Shrinkage::fixed) {
    const ScaledScatter::Deviation deviation = scatter.deviation(threads);
    spectrum.deviation = deviation.value;
    // Either rule's intensity is about inversely proportional to the deviation; the fourth powers
    // come from rounded rows.
    intensity_rounding = deviation.rounding / deviation.value + 1;
    if (options.method == Shrinkage::ledoit_wolf) {
      const NormMoments norms = moments.norms_about_mean();
      const double unit = norms.unit * mean_variance;
      spectrum.fourth = norms.fourth / unit / unit;
    }
  }
  const double a = result.intensity = shrinkage_intensity(options, spectrum);
  if (a == 1 || result.classes < 2) return rounded;
  if (a == 0) {
    result.score =
        divisor_ratio(options, moments.weight()) * h_score(moments, options.whitening).score;
    return rounded;
  }
  FactoredCovariance& factored = rounded.shrunk.factored;
  factored.offset = moments.offset();
  factored.live.index = live;
  factored.live.scale = shrunk_scale(scatter, live, a, options.whitening.tolerance);
  const std::vector<double>& scale = factored.live.scale;
  factored.factor = shrunk_matrix(scatter, moments, live, scale, a, threads);
  factored.chosen =
      pivoted_cholesky(factored.factor, least_pivoted_pivot, threads, options.whitening.stop);
  double squared = 0;
  for (const double norm : factored.class_norms()) squared += norm;
  // With so little added that the rank rule had to decide there is no estimate.
  if (in_float32 && factored.full_rank()) {
    const double intensity_error = 10 * float32_eps * (a + 1 / spectrum.rows) * intensity_rounding;
    rounded.error = ratio * float32_error(scatter, factored.factor, factored.chosen, live, scale,
                                          moments, a, squared, intensity_error, threads);
  }
  rounded.shrunk.multiplier = (1 - a) * ratio;
  result.score = score_from(squared, a, ratio, result);
  for (double& value : factored.live.scale) value /= std::sqrt(scatter.unit());
  return rounded;
}

}  // namespace

ShrunkCovariance shrink_covariance(const Moments& moments, const ShrinkageOptions& options) {
  return score_moments(moments, options, false).shrunk;
}

RegularizedHScore regularized_h_score(const Moments& moments, const ShrinkageOptions& options) {
  return shrink_covariance(moments, options).summary;
}

namespace {

// The rows x rows form. With K = X_c X_c' / (N mu) and y_c a class's centred indicator
//     B' A^-1 B / (N mu) = sum_c y_c' K (a I + (1 - a) K)^-1 y_c / n_c
// Both K y_c and y_c ride along the factorization. K has the null vector 1, to which both are
// orthogonal, so adding a multiple of 1 1' changes nothing and spares a pivot of size a.
// Returns false when a is too small to factor plainly.
bool score_by_samples(const PaddedMatrix& gram, double unit, double a, const LabelView& labels,
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

RegularizedHScore regularized_h_score(const FeatureView& features, const LabelView& labels,
                                      const UpdateOptions& update,
                                      const ShrinkageOptions& options) {
  check_labels(features, labels);
  check_fits(labels.classes, features.cols, sizeof(double));
  // Nothing added means the plain score, which has a rule for the rank.
  const bool plain = options.method == Shrinkage::fixed && options.intensity == 0;
  if (!plain && features.rows < features.cols && features.rows > 0) {
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
    if (a > 0 &&
        score_by_samples(gram.values, unit, a, labels, counts, options, threads, &squared)) {
      result.score = score_from(squared, a, divisor_ratio(options, rows), result);
      return result;
    }
  }
  const auto gather = [&](Products products) {
    Moments moments(features.cols);
    UpdateOptions gathering = update;
    gathering.norms = options.method == Shrinkage::ledoit_wolf;
    gathering.products = products;
    moments.update(features, labels, gathering);
    return moments;
  };
  const bool forced = options.precision == Precision::float32;
  const bool wanted = options.precision == Precision::automatic && is_narrow(features.dtype) &&
                      2 * labels.classes <= features.cols && float32_pays(features, labels.classes);
  if (forced || wanted) {
    const Moments moments = gather(Products::float32);
    if (in_float32_range(moments)) {
      const Rounded rounded = score_moments(moments, options, wanted);
      const double promised = promised_error(features.dtype) * rounded.shrunk.summary.score;
      if (forced || rounded.error <= promised) return rounded.shrunk.summary;
    }
  }
  return regularized_h_score(gather(Products::float64), options);
}

}  // namespace hscore
