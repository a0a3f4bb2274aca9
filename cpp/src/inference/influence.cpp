// Without row i, in whitened coordinates w (T becomes the identity), S_k the sum of class k, c the
// class of the row, M = N - 1 and h = |w|^2:
//     T' = I - (N / M) w w',   T'^-1 = I + g w w',   g = (N / M) / (1 - (N / M) h)
//     S_k' = S_k + (n_k / M) w for k != c,   S_c' = S_c + a w,   a = (n_c - 1) / M - 1
//     H' = sum_k (|S_k'|^2 + g (w'S_k')^2) / n_k'
// where w'S_k = sqrt(n_k) v_k, v_k = (x - mean)' T^-1 b_k, and sum_k w'S_k = 0. So the fits of a
// row and h are all that is needed. A row that alone varies in some direction takes it along: T'
// has no inverse there, and g = -1 / h leaves the direction out.
#include "inference/influence.hpp"

#include <algorithm>
#include <cmath>

#include "factor/class_fit.hpp"
#include "inference/leverages.hpp"

namespace hscore {

FitCoefficients fit_coefficients(const FactoredCovariance& factored,
                                 const std::vector<double>& shares, int threads) {
  double score = 0;
  for (const double share : shares) score += share;
  const AugmentedMatrix& factor = factored.factor;
  FitCoefficients result;
  result.values = class_coefficients(factor, factor.extra_row(0), factor.extra(), factor.stride(),
                                     factored.chosen, factored.live.index, factored.live.scale,
                                     static_cast<Index>(factored.offset.size()), threads);
  result.float32_products = float32_serves(factored, result.values, score, 1e-5);
  return result;
}

bool bends_the_fit(const std::vector<double>& leverages) {
  return std::any_of(leverages.begin(), leverages.end(), [](double h) { return h > 0.25; });
}

InfluenceFunction influence_function(const Moments& moments, const WhiteningOptions& options) {
  const FactoredCovariance factored = factor_covariance(moments, options);
  const HScore score = score_of(moments, summarize(factored, options.threads));
  InfluenceFunction result;
  const Index features = static_cast<Index>(factored.offset.size());
  result.centre.assign(moments.shift().begin(), moments.shift().begin() + features);
  for (std::size_t j = 0; j < result.centre.size(); ++j) result.centre[j] += factored.offset[j];
  result.counts = moments.counts();
  result.shares = score.class_shares;
  for (const double count : result.counts) result.weight += count;
  result.rank = factored.rank();
  FitCoefficients fits = fit_coefficients(factored, result.shares, options.threads);
  result.coefficients = std::move(fits.values);
  result.float32_products = fits.float32_products;
  const Whitener whitener(factored);
  result.chosen = whitener.source;
  result.scale = whitener.scale;
  for (Index k = 0; k < whitener.rank(); ++k) {
    const double* row = factored.factor.row(k);
    result.factor.insert(result.factor.end(), row, row + whitener.rank());
  }
  LeverageSketch sketch = leverage_sketch(factored, result.weight, options.threads);
  result.sketch = std::move(sketch.coefficients);
  result.float32_sketch = sketch.float32_products;
  return result;
}

std::vector<double> influence_of_fits(const ClassFacts& facts, const LabelView& labels,
                                      const KeptFits& fits, const std::vector<double>& leverages) {
  std::vector<double> values(fits.own.size(), 0.0);
  const double n = facts.weight;
  const double m = n - 1;
  if (!(m > static_cast<double>(facts.rank))) return values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = static_cast<std::size_t>(labels.codes[i]);
    const double count = facts.counts[c];
    const double share = facts.shares[c];
    const double root = std::sqrt(count);
    const double own = fits.own[i];
    const double u = root * own;
    const double h = leverages[i];
    const double left = 1 - n / m * h;
    // Below this the row's own direction is all that is left of it: rounding decides the rest.
    const double g = left > 1e-10 ? n / m / left : (h > 0 ? -1 / h : 0.0);
    // What every class would gain if the row were of another, less what its own would have gained.
    const double as_other =
        2 * u / m + count * h / (m * m) + g * (own + root * h / m) * (own + root * h / m);
    double change = n * h / (m * m) + g * (fits.squares[i] + n * h * h / (m * m)) - as_other;
    if (count > 1) {
      const double a = (count - 1) / m - 1;
      const double projected = u + a * h;
      change += (share + 2 * a * u + a * a * h + g * projected * projected) / (count - 1);
    } else {
      change += static_cast<double>(facts.rank) / m - share;
    }
    values[i] = -m * change;
  }
  return values;
}

KeptFits fit_rows(const FeatureView& x, const LabelView& y, const PaddedMatrix& coefficients,
                  bool float32_products, const std::vector<double>& shift,
                  const std::vector<double>& offset, int threads, const StopCheck& stop) {
  KeptFits fits;
  fits.resize(x.rows);
  const FitOptions options{threads, false, fits.rows(y)};
  if (float32_products) {
    PaddedMatrix rounded = coefficients.copy();
    round_to_float32(rounded);
    fit_classes<float>(x, shift, offset, rounded, options, stop);
  } else {
    fit_classes<double>(x, shift, offset, coefficients, options, stop);
  }
  return fits;
}

std::vector<double> InfluenceFunction::operator()(const FeatureView& features,
                                                  const LabelView& labels, int threads,
                                                  const StopCheck& stop) const {
  check_labels(features, labels);
  if (features.cols != coefficients.cols() || labels.classes > coefficients.rows()) {
    throw std::invalid_argument("the rows have other features or classes than the function");
  }
  if (features.rows == 0) return {};
  const std::vector<double> offset(centre.size(), 0.0);
  const std::vector<double> leverages =
      row_leverages(features, Whitener(factor.data(), chosen, scale), sketch, float32_sketch,
                    centre, offset, threads, stop);
  const KeptFits fits =
      fit_rows(features, labels, coefficients, float32_products && !bends_the_fit(leverages),
               centre, offset, threads, stop);
  return influence_of_fits({counts, shares, weight, rank}, labels, fits, leverages);
}

}  // namespace hscore
