// With as many digits as the promise asks for, what the rounding does to the score is less: no
// second pass over the rows, and no limit to the classes.
#include "fixed_point_score.hpp"

#include <cmath>

#include "rounding_effect.hpp"
#include "scores.hpp"
#include "tile_unit.hpp"

namespace hscore {

int digits_for(const FeatureView& x, Index classes, const Inflation& inflation) {
  const double rows = static_cast<double>(x.rows);
  const double directions = static_cast<double>(std::min(classes, x.cols / 2));
  const double share =
      8 * std::sqrt(inflation.mean / (rows * directions)) / promised_error(x.dtype);
  double noise = 0.5 * inflation.reach / 127;
  for (int digits = 2; digits <= tiles::most_digits; ++digits) {
    noise /= 256;
    if (noise * share <= 0.65) return digits;
  }
  return 0;
}

bool fixed_point_pays(const FeatureView& x) {
  const double work =
      static_cast<double>(x.rows) * static_cast<double>(x.cols) * static_cast<double>(x.cols);
  return x.cols >= 128 && work >= 2e9 && x.cols < x.rows && tiles::usable();
}

std::optional<HScore> fixed_point_h_score(const FeatureView& x, const LabelView& y, int digits,
                                          const WhiteningOptions& whitening, ScoreParts* parts) {
  Quantization rounding;
  rounding.digits = digits;
  UpdateOptions update;
  update.threads = whitening.threads;
  update.products = Products::fixed_point;
  update.stop = whitening.stop;
  update.only_finite = x.blocks != nullptr;
  update.quantization = &rounding;
  Moments moments(x.cols, PaddedMatrix::round_up(y.classes));
  moments.update(x, y, update);
  if (!moments.finite()) return std::nullopt;
  double noise = 0;  // of a value, as a share of the size of its feature
  for (Index j = 0; j < x.cols; ++j) {
    const double size = moments.shifted_scatter()(j, j) / static_cast<double>(x.rows);
    if (size > 0) noise += rounding.variance[static_cast<std::size_t>(j)] / size;
  }
  noise = std::sqrt(noise / static_cast<double>(x.cols));
  // Where two digits are enough the features are so independent that float32 factors them as well.
  const bool rough = digits == 2;
  FactoredCovariance factored =
      factor_for(parts, moments, whitening, rough ? Products::float32 : Products::float64);
  HScore result = score_of(moments, summarize(factored, whitening.threads));
  if (!factored.full_rank() || !(result.score > 0)) return std::nullopt;
  // Of P T^-1 as an operator; beyond, what is said of the terms is not so.
  if (operator_error(x, noise) > 0.1 * std::sqrt(result.smallest_unique_share)) return std::nullopt;
  const RoundingEffect effect =
      rounding_effect(factored, factored.factor.extra_row(0), factored.factor.extra(),
                      factored.factor.stride(), result.score, rounding.variance, whitening.threads);
  result.path = Path::fixed_point;
  result.error_bound += 4 * effect.deviation + effect.second + (rough ? 1e-7 : 0) * result.score;
  if (result.error_bound > promised_error(x.dtype) * result.score) return std::nullopt;
  keep(parts, std::move(moments), std::move(factored), Products::fixed_point);
  return result;
}

}  // namespace hscore
