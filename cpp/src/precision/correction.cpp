#include "precision/correction.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "scores/scores.hpp"

namespace hscore {

PaddedMatrix solve_classes(const FactoredCovariance& factored, const double* whitened,
                           Index classes, Index stride, Index features, int threads) {
  PaddedMatrix z = class_coefficients(factored.factor, whitened, classes, stride, factored.chosen,
                                      factored.live.index, factored.live.scale, features, threads);
  for (Index c = 0; c < classes; ++c) {
    for (Index j = 0; j < features; ++j) z(c, j) = static_cast<double>(static_cast<float>(z(c, j)));
  }
  return z;
}

double spread_of(const FactoredCovariance& factored, const PaddedMatrix& z) {
  double spread = 0;
  for (Index c = 0; c < z.rows(); ++c) {
    for (std::size_t k = 0; k < factored.live.index.size(); ++k) {
      const double value = z(c, factored.live.index[k]) / factored.live.scale[k];
      spread += factored.live.sum_of_squares[k] * value * value;
    }
  }
  return spread;
}

Directions directions(const Moments& moments, const FactoredCovariance& factored, int threads) {
  const AugmentedMatrix& factor = factored.factor;
  Directions result{class_directions(moments, factored.offset),
                    solve_classes(factored, factor.extra_row(0), factor.extra(), factor.stride(),
                                  moments.features(), threads)};
  for (Index c = 0; c < moments.classes(); ++c) {
    for (Index j = 0; j < moments.features(); ++j) {
      result.product += result.b(c, j) * result.z(c, j);
    }
  }
  result.spread = spread_of(factored, result.z);
  return result;
}

namespace {

// The error that rounding to float32 makes in a sum of 192 products, as a share of the root of the
// sum of their squares.
constexpr double float32_sum_error = 2e-7;

}  // namespace

bool float32_fits_serve(const FeatureView& x, double spread, double score) {
  return is_narrow(x.dtype) &&
         2 * float32_sum_error * std::sqrt(spread * score) <= promised_error(x.dtype) * score;
}

ClassFit fit_in(bool float32, const FeatureView& x, const Moments& moments,
                const FactoredCovariance& factored, const PaddedMatrix& z,
                const FitOptions& options, const StopCheck& stop) {
  return float32 ? fit_classes<float>(x, moments.shift(), factored.offset, z, options, stop)
                 : fit_classes<double>(x, moments.shift(), factored.offset, z, options, stop);
}

Remainder remainder(const FactoredCovariance& factored, const PaddedMatrix& probes,
                    const PaddedMatrix& b, const PaddedMatrix& products, int threads) {
  PaddedMatrix residual = mix_classes(probes, b.cols(), [&](Index c) { return b.row(c); });
  for (Index k = 0; k < residual.rows(); ++k) {
    for (Index j = 0; j < residual.cols(); ++j) residual(k, j) -= products(k, j);
  }
  const PaddedMatrix whitened = factored.whiten(residual, threads);
  Remainder result;
  result.exact = probes_are_exact(probes.cols());
  for (Index k = 0; k < whitened.rows(); ++k) {
    double square = 0;
    for (Index j = 0; j < whitened.cols(); ++j) square += whitened(k, j) * whitened(k, j);
    result.trace += square;
    result.largest = std::max(result.largest, square);
  }
  if (result.exact) {
    result.largest = result.trace;
  } else {
    result.trace /= static_cast<double>(whitened.rows());
  }
  return result;
}

// Float32 updates leave noise of up to 41 float32_eps of a feature's own sum of squares.
double float32_factor_error(double smallest_unique_share) {
  return 41 * float32_eps / smallest_unique_share;
}

void replace_score(HScore& result, double score) {
  const double factor = result.score > 0 ? score / result.score : 0;
  for (double& share : result.class_shares) share *= factor;
  result.score = score;
}

double corrected_bound(bool float32, const HScore& result, double spread, double left) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  const double fits = float32 ? float32_sum_error * std::sqrt(spread * result.score) : 0;
  const double sums = 10 * eps * std::sqrt(static_cast<double>(result.rank) * spread);
  return left + fits + sums + 5e-14 * result.score;
}

std::optional<HScore> corrected(const FeatureView& x, const Moments& moments,
                                const FactoredCovariance& factored, const Directions& directed,
                                HScore result, double operator_error,
                                const WhiteningOptions& whitening, const RowFits& rows,
                                const SecondOrder& law) {
  if (operator_error > most_operator_error) return std::nullopt;
  const bool float32 = float32_fits_serve(x, directed.spread, result.score);
  const PaddedMatrix probes = class_probes(directed.b.rows());
  FitOptions options{whitening.threads};
  options.rows = rows;
  options.probes = &probes;
  const ClassFit fitted =
      fit_in(float32, x, moments, factored, directed.z, options, whitening.stop);
  const Remainder rest =
      remainder(factored, probes, directed.b, fitted.products, whitening.threads);
  // An exact remainder is added, but for P in place of T. With many classes the law may be added,
  // if the probes agree with it; else ten times the largest probe is a safe reading.
  double added = 0;
  double left = 10 * rest.largest;
  const double off = std::max(std::abs(rest.trace - law.expected), rest.largest - law.expected);
  if (rest.exact) {
    added = rest.trace;
    left = 2 * operator_error * rest.trace;
  } else if (law.expected > 0 && off <= 0.3 * law.expected) {
    added = law.expected;
    left = law.uncertainty + 2 * operator_error * law.expected + off;
  }
  double energy = 0;
  for (const double part : fitted.energies) energy += part;
  replace_score(result, 2 * directed.product - energy + added);
  result.error_bound = corrected_bound(float32, result, directed.spread, left);
  if (!(result.error_bound <= promised_error(x.dtype) * result.score)) return std::nullopt;
  return result;
}

}  // namespace hscore
