#include "hscore/shrinkage.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "factor/cholesky.hpp"
#include "factor/class_fit.hpp"
#include "factor/scaled_scatter.hpp"
#include "scores/scores.hpp"
#include "scores/shrunk_covariance.hpp"

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

double score_from(double squared, double a, double ratio, const RegularizedHScore& result) {
  const double most = static_cast<double>(std::max<Index>(result.classes - 1, 0));
  return ratio * std::clamp((1 - a) * squared, 0.0, most);
}

void refuse_underflow(double unit, bool varies) {
  if (varies && unit < 1e-290) {
    throw std::invalid_argument(
        "features vary so little that their squares underflow float64: multiply all by one "
        "constant, which leaves the score unchanged");
  }
}

namespace {

constexpr double least_pivoted_pivot = 1;

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

RoundedScore score_moments(const Moments& moments, const ShrinkageOptions& options,
                           bool in_float32) {
  RoundedScore rounded;
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
    spectrum.deviation = rounded.shrunk.deviation = deviation.value;
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
  // Other targets may have more classes, and ask for the factor.
  if (a == 1 || (in_float32 && result.classes < 2)) return rounded;
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

RoundedScore rounded_score(const Moments& moments, const ShrinkageOptions& options) {
  return score_moments(moments, options, true);
}

ShrunkCovariance shrink_covariance(const Moments& moments, const ShrinkageOptions& options) {
  return score_moments(moments, options, false).shrunk;
}

RegularizedHScore regularized_h_score(const Moments& moments, const ShrinkageOptions& options) {
  return shrink_covariance(moments, options).summary;
}

}  // namespace hscore
