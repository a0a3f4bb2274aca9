// float32 speed, float64 answers. With P = T + E the scatter from float32 products, one more pass
// over the rows leaves an error of second order in E (correction.hpp). That error is tr(R' T^-1 R)
// with R = B - T Z, and for random signs w the mean of (R w)' T^-1 (R w) is exactly it (Hutchinson
// 1990): the same pass yields T Z w, and so an estimate. With many classes a pass over a few random
// mixes of them costs less than one over each, and tells whether the answer needs a correction at
// all.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>

#include "factor/dropped_features.hpp"
#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"
#include "hscore/saturation.hpp"
#include "hscore/triangular_moments.hpp"
#include "precision/correction.hpp"
#include "precision/integers.hpp"
#include "scores/scores.hpp"

namespace hscore {

namespace {

Moments gather(const FeatureView& x, const LabelView& y, Products products,
               const WhiteningOptions& options, const ScoreParts* parts) {
  Moments moments(x.cols, PaddedMatrix::round_up(y.classes));
  UpdateOptions update;
  update.norms = parts != nullptr && parts->norms;
  update.threads = options.threads;
  update.products = products;
  update.stop = options.stop;
  update.only_finite = x.kind() == FeatureKind::blocks;  // rather than read on
  moments.update(x, y, update);
  return moments;
}

HScore not_finite() {
  HScore result;
  result.score = std::numeric_limits<double>::quiet_NaN();
  return result;
}

// In place, unless the moments are to be kept.
FactoredCovariance factor_of(Moments& moments, const WhiteningOptions& options,
                             const ScoreParts* parts) {
  return parts == nullptr ? factor_in_place(moments, options, Products::float64)
                          : factor_covariance(moments, options);
}

void keep(ScoreParts* parts, Moments&& moments, FactoredCovariance&& factored, Products products) {
  if (parts == nullptr) return;
  parts->shift = moments.shift();
  parts->moments = std::move(moments);
  parts->factored = std::move(factored);
  parts->products = products;
}

// The most squares of a feature about the shift for each about the mean, which are what is left
// when those of the mean are taken off.
double cancelled_by_mean(const FactoredCovariance& factored, double rows) {
  double most = 1;
  for (std::size_t k = 0; k < factored.live.index.size(); ++k) {
    const double d =
        factored.offset[static_cast<std::size_t>(factored.live.index[k])] * factored.live.scale[k];
    most = std::max(most, 1 + rows * d * d / factored.live.sum_of_squares[k]);
  }
  return most > 2 ? most : 1;
}

HScore in_float64(const FeatureView& x, const LabelView& y, const WhiteningOptions& options,
                  ScoreParts* parts) {
  Moments moments = gather(x, y, Products::float64, options, parts);
  if (!moments.finite()) return not_finite();
  FactoredCovariance factored = factor_of(moments, options, parts);
  HScore result = score_of(moments, summarize(factored, options.threads));
  if (parts == nullptr) result.error_bound *= cancelled_by_mean(factored, moments.weight());
  // Who gives a tolerance has said what is noise. Blocks are not read again for that.
  const bool asks = !factored.full_rank() && options.tolerance == default_tolerance;
  if (asks && x.kind() != FeatureKind::blocks && result.rank < result.rows - 1) {
    result.dropped_above_noise = dropped_above_noise(
        x, factored, moments.shift(), result.smallest_unique_share, options.threads, options.stop);
  }
  keep(parts, std::move(moments), std::move(factored), Products::float64);
  return result;
}

HScore without_squares(const FeatureView& x, const LabelView& y, const WhiteningOptions& options,
                       ScoreParts* parts) {
  TriangularMoments moments(x.cols);
  moments.update(x, y, {options.threads, options.stop});
  if (!moments.finite()) return not_finite();
  if (parts == nullptr) return h_score(moments, options);
  parts->shift = moments.shift();
  return h_score_and_factor(moments, options, &parts->factored.emplace());
}

constexpr Index error_probes = 16;

// What P in place of T does to the score, measured on a few random mixes of the classes instead of
// on each. With w random signs, b = B w and z = P^-1 b, the mean of 2 b'z - z'Tz - b'P^-1 b is the
// error up to second order.
double sampled_error(const FeatureView& x, const Moments& moments,
                     const FactoredCovariance& factored, double score,
                     const WhiteningOptions& options) {
  constexpr Index probes = error_probes;
  const AugmentedMatrix& factor = factored.factor;
  const Index features = moments.features();
  const PaddedMatrix signs = probe_signs(probes, moments.classes());
  const PaddedMatrix directions = class_directions(moments, factored.offset);
  const PaddedMatrix b = mix_classes(signs, features, [&](Index c) { return directions.row(c); });
  const PaddedMatrix whitened =
      mix_classes(signs, factor.order(), [&](Index c) { return factor.extra_row(c); });
  const PaddedMatrix z = solve_classes(factored, whitened.row(0), probes, whitened.stride(),
                                       features, options.threads);
  const PaddedMatrix mixes = class_probes(probes);
  FitOptions fitting{options.threads};
  fitting.probes = &mixes;
  const bool float32 = float32_fits_serve(x, spread_of(factored, z) / probes, score);
  const ClassFit fitted = fit_in(float32, x, moments, factored, z, fitting, options.stop);
  double sum = 0;
  double squares = 0;
  for (Index k = 0; k < probes; ++k) {
    double error = -fitted.energies[static_cast<std::size_t>(k)];
    for (Index j = 0; j < features; ++j) error += 2 * b(k, j) * z(k, j);
    for (Index j = 0; j < factor.order(); ++j) error -= whitened(k, j) * whitened(k, j);
    sum += error;
    squares += error * error;
  }
  const double mean = sum / probes;
  const double variance = std::max(squares / probes - mean * mean, 0.0) / (probes - 1);
  // Ten times the largest mix of the second order is a safe reading of it.
  const Remainder rest = remainder(factored, mixes, b, fitted.products, options.threads);
  return std::abs(mean) + 4 * std::sqrt(variance) + 10 * rest.largest / probes;
}

}  // namespace

// A correction costs 2 N F C operations, the product it helps N F^2; an error of no more than what
// narrow features have anyway can be had without it. To read blocks again may cost as much as the
// product.
bool float32_pays(const FeatureView& x, Index classes) {
  return product_dominates(x) &&
         (is_narrow(x.dtype) || (8 * classes <= x.cols && x.kind() != FeatureKind::blocks));
}

namespace {

HScore score_of_rows(const FeatureView& x, const LabelView& y, const ScoreOptions& options,
                     ScoreParts* parts) {
  const WhiteningOptions& whitening = options.whitening;
  check_fits(y.classes, std::max<Index>(x.cols, 1), sizeof(double));
  if (may_be_saturated(x.rows, x.cols) && x.kind() != FeatureKind::blocks) {
    if (std::optional<HScore> saturated = saturated_h_score(x, y, whitening)) return *saturated;
  }
  if (options.precision == Precision::high) return without_squares(x, y, whitening, parts);
  const bool forced = options.precision == Precision::float32;
  const bool automatic = options.precision == Precision::automatic;
  const bool wanted = automatic && float32_pays(x, y.classes);
  // Who wants the parts has more use for better ones.
  const bool rounds = parts == nullptr && (wanted || (automatic && digits_pay(x)));
  Inflation inflation;
  if (wanted || rounds) {
    inflation = sample_inflation(x.kind() != FeatureKind::blocks ? x : x.blocks->first());
  }
  if (rounds) {
    if (const auto score = integer_h_score(x, y, inflation, whitening)) return *score;
    // What a correction did not help is read one more time, and not three.
    if (x.kind() == FeatureKind::blocks && x.blocks->readings() > 1)
      return in_float64(x, y, whitening, parts);
  }
  if (!forced && !wanted) return in_float64(x, y, whitening, parts);

  const bool narrow = is_narrow(x.dtype);
  if (wanted) {
    // Of so many classes the errors could not be corrected, and they would be too large.
    if (narrow && 2 * y.classes > x.cols && inflation.mean > 120) {
      return in_float64(x, y, whitening, parts);
    }
  }
  Moments moments = gather(x, y, Products::float32, whitening, parts);
  if (!moments.finite() || !in_float32_range(moments)) return in_float64(x, y, whitening, parts);
  FactoredCovariance factored = factor_of(moments, whitening, parts);
  HScore result = score_of(moments, summarize(factored, whitening.threads));
  result.path = Path::float32;
  result.error_bound =
      std::max(result.error_bound, 20 * float32_eps * result.score / result.smallest_unique_share);
  std::optional<Directions> directed;
  const auto finish = [&] {
    keep(parts, std::move(moments), std::move(factored), Products::float32);
    return result;
  };
  if (forced) return finish();
  // Below, what is left after a correction is as a rule more than promised, or not to be trusted.
  const double least_pivot = narrow ? 1e-5 : 1e-3;
  if (!factored.full_rank() || result.smallest_pivot < least_pivot || !(result.score > 0)) {
    return in_float64(x, y, whitening, parts);
  }

  const double target = promised_error(x.dtype) * result.score;
  if (!narrow || x.cols * y.classes <= 8 * x.rows) {
    directed = directions(moments, factored, whitening.threads);
    // Ten times: sums of like terms round alike, so the entries' errors are not quite independent.
    const double uncorrected = 10 * float32_eps * directed->spread;
    if (uncorrected <= target) {
      result.error_bound = uncorrected;
      return finish();
    }
  }
  if (narrow && y.classes > 2 * error_probes) {
    const double sampled = sampled_error(x, moments, factored, result.score, whitening);
    if (sampled <= target) {
      result.error_bound = sampled;
      return finish();
    }
  }
  if (narrow && 2 * y.classes > x.cols) return in_float64(x, y, whitening, parts);
  if (!directed) directed = directions(moments, factored, whitening.threads);
  KeptFits fits;
  if (parts != nullptr) fits.resize(x.rows);
  result.path = Path::float32_corrected;
  const auto score =
      corrected(x, moments, factored, *directed, result,
                float32_factor_error(result.smallest_unique_share), whitening, fits.rows(y));
  if (!score) return in_float64(x, y, whitening, parts);
  result = *score;
  if (parts != nullptr) parts->fits = std::move(fits);
  return finish();
}

}  // namespace

HScore h_score(const FeatureView& x, const LabelView& y, const ScoreOptions& options) {
  return h_score_and_parts(x, y, options, nullptr);
}

HScore h_score_and_parts(const FeatureView& x, const LabelView& y, const ScoreOptions& options,
                         ScoreParts* parts) {
  try {
    return score_of_rows(x, y, options, parts);
  } catch (const NotFinite&) {
    return not_finite();
  }
}

}  // namespace hscore
