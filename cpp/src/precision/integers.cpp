// The rows rounded to integers make a covariance at a multiple of the rate of float64. Its error is
// large, but of a known law (rounding_effect.hpp): with enough digits, classes or rows it is less
// than what is promised, and else a correction removes the term of first order.
#include "precision/integers.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "precision/correction.hpp"
#include "precision/inflation.hpp"
#include "precision/rounding_effect.hpp"
#include "scores/scores.hpp"
#include "simd/int16_kernel.hpp"

namespace hscore {

namespace {

struct Plan {
  bool pays = false;
  bool corrects = false;
  Quantization rounding;
};

// Integers that may do: what rounding makes of a feature, and what they cost more than the
// coarsest, both as shares, the latter of a float64 product.
struct Integers {
  double noise;
  double cost;
  int digits;
  Index stretch;
};

std::vector<Integers> integers_for(const FeatureView& x, const Inflation& inflation) {
  if (digits_pay(x)) {
    const double digit = 0.5 * inflation.reach / 127;
    return {{digit / 256, 0, 2, 0}, {digit / 65536, 0.15, 3, 0}, {digit / 16777216, 0.3, 4, 0}};
  }
  std::vector<Integers> choices;
  if (!kernel::has_row_pairs || 2 * x.cols > x.rows || x.cols < 128) return choices;
  // The fewer rows share a scale the less noise there is, and the more sums to scale.
  for (Index stretch = Quantization::most_stretch; stretch >= 48; stretch /= 2) {
    const double rows = static_cast<double>(stretch);
    choices.push_back({std::sqrt(rows / 6) / 46300, 12 / rows, 0, stretch});
  }
  return choices;
}

// By a sample of the features: a factor in float32 saves less than a correction that fails costs.
constexpr double most_rough_error = 0.003;

// A correction takes 2 N F C operations, twice as many where the back product is needed. What is
// read in blocks is read again for it, which float64 would not need.
bool correction_pays(const FeatureView& x, Index classes) {
  return 8 * classes <= x.cols && (is_narrow(x.dtype) || x.kind() != FeatureKind::blocks);
}

Plan plan_for(const FeatureView& x, Index classes, const Inflation& inflation) {
  const std::vector<Integers> choices = integers_for(x, inflation);
  const double rows = static_cast<double>(x.rows);
  const double features = static_cast<double>(x.cols);
  const double promise = promised_error(x.dtype);
  const bool may_correct = correction_pays(x, classes);
  double least = std::numeric_limits<double>::infinity();
  Plan plan;
  const auto consider = [&](const Integers& choice, double cost, bool corrects) {
    if (cost >= least) return;
    least = cost;
    plan.pays = true;
    plan.corrects = corrects;
    plan.rounding.digits = choice.digits;
    plan.rounding.stretch = choice.stretch;
  };
  // Of nearly as many classes as features the errors are not all alike.
  const double directions = static_cast<double>(std::min(classes, x.cols / 2));
  // To read blocks again may cost as much as the product.
  const double reading = x.kind() != FeatureKind::blocks ? 0.05 : 0.5;
  const double correction = 2 * static_cast<double>(classes) / features + reading;
  for (const Integers& choice : choices) {
    // By an estimate that may be off; less of the promise where the work would be lost.
    const double first =
        8 * choice.noise * std::sqrt(inflation.mean / (rows * directions)) / promise;
    if (first <= (may_correct ? 0.9 : 0.65)) consider(choice, choice.cost, false);
    if (!may_correct) continue;
    const double second =
        2 * features * choice.noise * choice.noise / rows * inflation.mean / promise;
    const double uncertain = 0.1 + 3 * std::sqrt(inflation.largest / inflation.mean / features);
    const double passes = uncertain * second <= 0.65 ? 1 : 2;
    consider(choice, choice.cost + passes * correction, true);
  }
  return plan;
}

// The rounding errors' deviation, as a share of the features' own, and how unevenly they are
// spread.
struct Noise {
  double share = 0;
  double unevenness = 0;
};

Noise noise_of(const Quantization& rounding, const FactoredCovariance& factored, Index rows) {
  double noise = 0;
  double mean_noise = 0;
  const LiveFeatures& live = factored.live;
  for (std::size_t k = 0; k < live.index.size(); ++k) {
    const std::size_t j = static_cast<std::size_t>(live.index[k]);
    const double to_share =
        static_cast<double>(rows) * live.scale[k] * live.scale[k] / live.sum_of_squares[k];
    noise += rounding.variance[j] * to_share;
    mean_noise += rounding.mean_variance[j] * to_share;
  }
  return {std::sqrt(noise / static_cast<double>(live.index.size())),
          std::max(noise / mean_noise - 1, 0.0)};
}

/// How far P T^-1 is from 1 as an operator: by random rounding, and by a factor in float32.
struct OperatorError {
  double by_rounding = 0;
  double by_factor = 0;
  double total() const { return by_rounding + by_factor; }
};

// Z + P^-1 R, given L^-1 R.
void refine(const FactoredCovariance& factored, const PaddedMatrix& whitened, Directions& directed,
            int threads) {
  const PaddedMatrix step = solve_classes(factored, whitened.row(0), whitened.rows(),
                                          whitened.stride(), directed.z.cols(), threads);
  directed.product = 0;
  for (Index c = 0; c < whitened.rows(); ++c) {
    for (Index j = 0; j < directed.z.cols(); ++j) {
      double& z = directed.z(c, j);
      z = static_cast<double>(static_cast<float>(z + step(c, j)));
      directed.product += directed.b(c, j) * z;
    }
  }
}

// With R = B - T Z, what a correction leaves is exactly tr(R' T^-1 R). P for T makes an error in it
// that follows the same law, with R in place of B. P^-1 R also is the way to a better Z.
std::optional<HScore> corrected_to_third_order(const FeatureView& x, const Moments& moments,
                                               const FactoredCovariance& factored,
                                               Directions&& directed, HScore result,
                                               const std::vector<double>& variance, double second,
                                               const OperatorError& off,
                                               const WhiteningOptions& whitening) {
  FitOptions options{whitening.threads};
  const double rows = static_cast<double>(x.rows);
  options.products = true;
  double excess = 1;
  for (int round = 0; round < 4; ++round) {
    const bool float32 = float32_fits_serve(x, directed.spread, result.score);
    ClassFit fitted = fit_in(float32, x, moments, factored, directed.z, options, whitening.stop);
    PaddedMatrix residual = std::move(fitted.products);
    for (Index c = 0; c < residual.rows(); ++c) {
      for (Index j = 0; j < x.cols; ++j) residual(c, j) = directed.b(c, j) - residual(c, j);
    }
    const PaddedMatrix whitened = factored.whiten(residual, whitening.threads);
    double gap = 0;
    for (Index c = 0; c < whitened.rows(); ++c) {
      for (Index j = 0; j < whitened.cols(); ++j) gap += whitened(c, j) * whitened(c, j);
    }
    const RoundingEffect effect =
        rounding_effect(factored, whitened.row(0), whitened.rows(), whitened.stride(), gap,
                        variance, rows, whitening.threads);
    // If the first residual exceeds the law, P may be farther from T by as much.
    if (round == 0) excess = std::sqrt(std::max(1.0, gap / second));
    const double left = excess * (6 * effect.deviation + 2 * excess * effect.second) +
                        2 * (excess * off.by_rounding + off.by_factor) * gap;
    HScore better = result;
    double energy = 0;
    for (const double part : fitted.energies) energy += part;
    replace_score(better, 2 * directed.product - energy + gap);
    better.error_bound = corrected_bound(float32, better, directed.spread, left);
    if (better.error_bound <= promised_error(x.dtype) * better.score) return better;
    refine(factored, whitened, directed, whitening.threads);
  }
  return std::nullopt;
}

}  // namespace

bool digits_pay(const FeatureView& x) {
  return product_dominates(x) && has_tile_unit();
}

std::optional<HScore> integer_h_score(const FeatureView& x, const LabelView& y,
                                      const Inflation& inflation,
                                      const WhiteningOptions& whitening) {
  Plan plan = plan_for(x, y.classes, inflation);
  if (!plan.pays) return std::nullopt;
  Quantization& rounding = plan.rounding;
  UpdateOptions update;
  update.threads = whitening.threads;
  update.products = Products::integer;
  update.stop = whitening.stop;
  update.only_finite = x.kind() == FeatureKind::blocks;
  update.quantization = &rounding;
  Moments moments(x.cols, PaddedMatrix::round_up(y.classes));
  moments.update(x, y, update);
  if (!moments.finite() || !in_float32_range(moments)) return std::nullopt;
  // A factor in float32 is off by more than 1e-7 where features depend on each other: a correction
  // removes that, too.
  const bool independent = inflation.mean <= 4;
  const bool rough = rounding.digits <= 2 && (plan.corrects || independent) &&
                     float32_factor_error(1 / inflation.largest) <= most_rough_error;
  const FactoredCovariance factored =
      factor_in_place(moments, whitening, rough ? Products::float32 : Products::float64);
  HScore result = score_of(moments, summarize(factored, whitening.threads));
  if (!factored.full_rank() || !(result.score > 0)) return std::nullopt;
  const Noise noise = noise_of(rounding, factored, x.rows);
  const double target = promised_error(x.dtype) * result.score;
  const RoundingEffect effect = rounding_effect(
      factored, factored.factor.extra_row(0), factored.factor.extra(), factored.factor.stride(),
      result.score, rounding.variance, static_cast<double>(x.rows), whitening.threads);
  // Of P T^-1 as an operator; beyond, what is said above of the terms is not so.
  const double away = std::max(effect.leverages - static_cast<double>(result.rank), 0.0);
  OperatorError off;
  off.by_rounding = operator_error(x, noise.share, away) / std::sqrt(result.smallest_unique_share);
  if (rough) off.by_factor = float32_factor_error(result.smallest_unique_share);
  if (off.by_rounding > 0.1 || off.total() > most_operator_error) return std::nullopt;
  result.integer_bits = rounding.digits == 0 ? 16 : 8 * rounding.digits;
  if ((!plan.corrects || is_narrow(x.dtype)) && (independent || !rough)) {
    HScore uncorrected = result;
    uncorrected.path = Path::integer;
    uncorrected.error_bound +=
        4 * effect.deviation + effect.second + (rough ? 1e-7 * effect.reach : 0);
    if (uncorrected.error_bound <= target) return uncorrected;
  }
  if (3 * y.classes > x.cols) return std::nullopt;
  result.path = Path::integer_corrected;
  Directions directed = directions(moments, factored, whitening.threads);
  double spread = 0;  // with all of Z at hand, exactly
  for (Index c = 0; c < directed.z.rows(); ++c) {
    for (Index j = 0; j < x.cols; ++j) {
      spread +=
          rounding.variance[static_cast<std::size_t>(j)] * directed.z(c, j) * directed.z(c, j);
    }
  }
  // Where one direction has most of what inflates, that part may be far from its mean.
  const double inflated = result.score * effect.inflated;
  const double largest = result.score * noise.share * noise.share / static_cast<double>(x.rows) /
                         result.smallest_unique_share;
  const double expected = inflated + effect.leverages * spread;
  const SecondOrder left{expected,
                         (0.1 + noise.unevenness) * expected + 6 * std::sqrt(largest * inflated)};
  // With few classes the probes are exact, and the next way uses them from the first pass on.
  if (!probes_are_exact(y.classes) && left.uncertainty <= target) {
    const auto score =
        corrected(x, moments, factored, directed, result, off.total(), whitening, {}, left);
    if (score) return score;
  }
  return corrected_to_third_order(x, moments, factored, std::move(directed), result,
                                  rounding.variance, effect.second, off, whitening);
}

}  // namespace hscore
