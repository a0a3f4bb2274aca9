#include "precision/correction.hpp"

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

Directions directions(const Moments& moments, const FactoredCovariance& factored, int threads) {
  const AugmentedMatrix& factor = factored.factor;
  Directions result{class_directions(moments, factored.offset),
                    solve_classes(factored, factor.extra_row(0), factor.extra(), factor.stride(),
                                  moments.features(), threads)};
  for (Index c = 0; c < moments.classes(); ++c) {
    for (Index j = 0; j < moments.features(); ++j) {
      result.product += result.b(c, j) * result.z(c, j);
    }
    for (std::size_t k = 0; k < factored.live.index.size(); ++k) {
      const double z = result.z(c, factored.live.index[k]) / factored.live.scale[k];
      result.spread += factored.live.sum_of_squares[k] * z * z;
    }
  }
  return result;
}

ClassFit fit_in_own_type(const FeatureView& x, const Moments& moments,
                         const FactoredCovariance& factored, const PaddedMatrix& z,
                         const double* signs, const FitOptions& options, const StopCheck& stop) {
  return is_narrow(x.dtype)
             ? fit_classes<float>(x, moments.shift(), factored.offset, z, signs, options, stop)
             : fit_classes<double>(x, moments.shift(), factored.offset, z, signs, options, stop);
}

double second_order(const FactoredCovariance& factored, const double* wanted,
                    const std::vector<double>& probed) {
  std::vector<double> residual(probed.size());
  for (std::size_t j = 0; j < residual.size(); ++j) residual[j] = wanted[j] - probed[j];
  return factored.inverse_quadratic(residual);
}

void replace_score(HScore& result, double score) {
  const double factor = result.score > 0 ? score / result.score : 0;
  for (double& share : result.class_shares) share *= factor;
  result.score = score;
}

double corrected_bound(const FeatureView& x, const HScore& result, double left) {
  return std::max(left,
                  (is_narrow(x.dtype) ? 1e-7 : 1e-13) * result.score +
                      10 * std::numeric_limits<double>::epsilon() / result.smallest_unique_share);
}

std::optional<HScore> corrected(const FeatureView& x, const Moments& moments,
                                const FactoredCovariance& factored, const Directions& directed,
                                HScore result, const WhiteningOptions& whitening,
                                const RowFits& rows, const SecondOrder& law) {
  FitOptions options{whitening.threads};
  options.rows = rows;
  const PaddedMatrix signs = probe_signs(1, directed.b.rows());
  const ClassFit fitted =
      fit_in_own_type(x, moments, factored, directed.z, signs.row(0), options, whitening.stop);
  const PaddedMatrix mixed = mix_classes(signs, x.cols, [&](Index c) { return directed.b.row(c); });
  const double probed = second_order(factored, mixed.row(0), fitted.probed);
  // One probe of a sum of squares: ten times it is a safe reading.
  const bool lawful = law.expected > 0 && probed <= 10 * law.expected;
  const double left = lawful ? law.uncertainty : 10 * probed;
  if (!(left <= promised_error(x.dtype) * result.score)) return std::nullopt;
  double energy = 0;
  for (const double part : fitted.energies) energy += part;
  replace_score(result, 2 * directed.product - energy + (lawful ? law.expected : 0));
  result.error_bound = corrected_bound(x, result, left);
  return result;
}

}  // namespace hscore
