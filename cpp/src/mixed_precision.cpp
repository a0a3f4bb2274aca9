// float32 speed, float64 answers. With P = T + E the scatter from float32 products and Z = P^-1 B,
//     H >= 2 tr(B' Z) - tr(Z' T Z)        for any Z, with equality at Z = T^-1 B,
// so that one more pass over the rows, which gives tr(Z' T Z) without T, leaves an error of second
// order in E. That error is tr(R' T^-1 R) with R = B - T Z, and for random signs w the mean of
// (R w)' T^-1 (R w) is exactly it (Hutchinson 1990): the same pass yields T Z w, and so an
// estimate.
#include <cmath>
#include <limits>

#include "class_fit.hpp"
#include "hscore/parallel.hpp"
#include "hscore/saturation.hpp"
#include "hscore/triangular_moments.hpp"
#include "scores.hpp"

namespace hscore {

namespace {

constexpr double float32_eps = 6e-8;

bool is_narrow(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
}

Moments gather(const FeatureView& x, const LabelView& y, Products products,
               const WhiteningOptions& options) {
  Moments moments(x.cols);
  UpdateOptions update;
  update.threads = options.threads;
  update.products = products;
  update.stop = options.stop;
  moments.update(x, y, update);
  return moments;
}

HScore not_finite() {
  HScore result;
  result.score = std::numeric_limits<double>::quiet_NaN();
  return result;
}

HScore in_float64(const FeatureView& x, const LabelView& y, const WhiteningOptions& options) {
  const Moments moments = gather(x, y, Products::float64, options);
  return moments.finite() ? h_score(moments, options) : not_finite();
}

HScore without_squares(const FeatureView& x, const LabelView& y, const WhiteningOptions& options) {
  TriangularMoments moments(x.cols);
  moments.update(x, y, {options.threads, options.stop});
  return moments.finite() ? h_score(moments, options) : not_finite();
}

// float32 products square values between these without over- or underflow to speak of.
bool in_float32_range(const Moments& moments) {
  const double rows = moments.weight();
  for (Index j = 0; j < moments.features(); ++j) {
    const double mean_square = moments.shifted_scatter()(j, j) / rows;
    if (!(mean_square < 1e30)) return false;
    if (mean_square < 1e-24 && mean_square != 0) return false;
  }
  return true;
}

// Whether the detour pays: a correction costs 2 N F C operations, the product it helps N F^2.
bool float32_pays(const FeatureView& x, Index classes) {
  const double work =
      static_cast<double>(x.rows) * static_cast<double>(x.cols) * static_cast<double>(x.cols);
  if (x.cols < 128 || work < 2e9 || x.cols >= x.rows) return false;
  return is_narrow(x.dtype) ? 2 * classes <= x.cols : 8 * classes <= x.cols;
}

struct Directions {
  PaddedMatrix b;
  PaddedMatrix z;      // float32 values, so that either pass sees the same Z
  double product = 0;  // tr(B' Z)
  double spread = 0;   // sum_c sum_j T_jj z_cj^2: what independent errors of P's entries do to H
};

Directions directions(const Moments& moments, const FactoredCovariance& factored, int threads) {
  Directions result{class_directions(moments, factored.offset),
                    class_coefficients(factored, moments.features(), threads)};
  for (Index c = 0; c < moments.classes(); ++c) {
    for (Index j = 0; j < moments.features(); ++j) {
      double& z = result.z(c, j);
      z = static_cast<double>(static_cast<float>(z));
      result.product += result.b(c, j) * z;
      result.spread += moments.shifted_scatter()(j, j) * z * z;
    }
  }
  return result;
}

// Signs without a pattern, the same on every call.
std::vector<double> probe_signs(Index classes) {
  std::vector<double> signs(static_cast<std::size_t>(classes));
  std::uint32_t state = 1;
  for (double& sign : signs) {
    state = state * 1664525u + 1013904223u;
    sign = state >> 31 != 0 ? 1.0 : -1.0;
  }
  return signs;
}

// Spread the total correction over the classes in proportion to their shares.
void replace_score(HScore& result, double score) {
  const double factor = result.score > 0 ? score / result.score : 0;
  for (double& share : result.class_shares) share *= factor;
  result.score = score;
}

}  // namespace

HScore h_score(const FeatureView& x, const LabelView& y, const ScoreOptions& options) {
  const WhiteningOptions& whitening = options.whitening;
  if (may_be_saturated(x.rows, x.cols)) {
    if (std::optional<HScore> saturated = saturated_h_score(x, y, whitening)) return *saturated;
  }
  if (options.precision == Precision::high) return without_squares(x, y, whitening);
  const bool forced = options.precision == Precision::float32;
  const bool wanted = options.precision == Precision::automatic && float32_pays(x, y.classes);
  if (!forced && !wanted) return in_float64(x, y, whitening);

  const Moments moments = gather(x, y, Products::float32, whitening);
  if (!moments.finite() || !in_float32_range(moments)) return in_float64(x, y, whitening);
  const FactoredCovariance factored = factor_covariance(moments, whitening);
  HScore result = score_of(moments, summarize(factored));
  result.path = Path::float32;
  result.error_bound =
      std::max(result.error_bound, 20 * float32_eps * result.score / result.smallest_unique_share);
  if (forced) return result;
  constexpr double least_pivot = 1e-3;
  if (!factored.plain || result.smallest_pivot < least_pivot || !(result.score > 0)) {
    return in_float64(x, y, whitening);
  }

  const double target = is_narrow(x.dtype) ? 1e-6 : 1e-9;
  const Directions directed = directions(moments, factored, whitening.threads);
  // Ten times: sums of like terms round alike, so the entries' errors are not quite independent.
  const double uncorrected = 10 * float32_eps * directed.spread;
  if (uncorrected <= target * result.score) {
    result.error_bound = uncorrected;
    return result;
  }
  const std::vector<double> signs = probe_signs(y.classes);
  const ClassFit fit = is_narrow(x.dtype)
                           ? fit_classes<float>(x, moments.shift(), factored.offset, directed.z,
                                                signs, whitening.threads, whitening.stop)
                           : fit_classes<double>(x, moments.shift(), factored.offset, directed.z,
                                                 signs, whitening.threads, whitening.stop);
  std::vector<double> residual(fit.probed.size(), 0.0);
  for (std::size_t j = 0; j < residual.size(); ++j) {
    for (Index c = 0; c < y.classes; ++c) {
      residual[j] += signs[static_cast<std::size_t>(c)] * directed.b(c, static_cast<Index>(j));
    }
    residual[j] -= fit.probed[j];
  }
  // One probe of a sum of squares: ten times it is a safe reading.
  const double second_order = 10 * factored.inverse_quadratic(residual);
  if (!(second_order <= target * result.score)) return in_float64(x, y, whitening);
  replace_score(result, 2 * directed.product - fit.energy);
  result.path = Path::float32_corrected;
  result.error_bound = std::max(
      second_order, (is_narrow(x.dtype) ? 1e-7 : 1e-13) * result.score +
                        10 * std::numeric_limits<double>::epsilon() / result.smallest_unique_share);
  return result;
}

}  // namespace hscore
