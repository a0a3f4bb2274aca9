#include "hscore/evaluation.hpp"

#include <cmath>

#include "factor/whitened_rows.hpp"
#include "inference/influence.hpp"
#include "scores/scores.hpp"
#include "scores/shrunk_covariance.hpp"

namespace hscore {

namespace {

std::vector<double> influence_of(const FeatureView& x, const LabelView& y, const HScore& score,
                                 ScoreParts& parts, const WhiteningOptions& options) {
  if (!parts.factored || score.rank == 0 || score.rank >= score.rows - 1 || score.classes < 2) {
    return std::vector<double>(static_cast<std::size_t>(x.rows), 0.0);
  }
  const std::vector<double> counts = count_rows(y);
  if (!parts.fits.own.empty()) {
    InfluenceFunction known;
    known.counts = counts;
    known.shares = score.class_shares;
    known.weight = score.weight;
    known.rank = score.rank;
    return influence_of_fits(known, y, parts.fits);
  }
  const InfluenceFunction function =
      influence_function(parts.shift, *parts.factored, counts, score.class_shares, options.threads,
                         std::move(parts.rounded_coefficients));
  return function(x, y, options.threads, options.stop);
}

double sum_of_squared_leverages(const FeatureView& x, const HScore& score, const ScoreParts& parts,
                                const WhiteningOptions& options) {
  const double n = static_cast<double>(x.rows);
  if (!parts.factored) {  // every row is fitted exactly
    const double leverage = static_cast<double>(score.rank) / n;
    return n * leverage * leverage;
  }
  std::vector<double> squared(static_cast<std::size_t>(x.rows));
  whiten_rows(*parts.factored, x.cols, x.rows, CentredRows(x, parts.shift, parts.factored->offset),
              options.threads, options.stop, [&](Index first, const Eigen::MatrixXd& block) {
                for (Index i = 0; i < block.cols(); ++i) {
                  const double leverage = block.col(i).squaredNorm();
                  squared[static_cast<std::size_t>(first + i)] = leverage * leverage;
                }
              });
  double sum = 0;
  for (const double value : squared) sum += value;
  return sum;
}

RegularizedHScore regularized(const FeatureView& x, const LabelView& y, const ScoreParts& parts,
                              const ShrinkageOptions& options) {
  if (parts.moments && x.rows >= x.cols) {
    if (parts.products == Products::float64) return regularized_h_score(*parts.moments, options);
    if (const auto score = regularized_from_float32(x, *parts.moments, options)) return *score;
    ShrinkageOptions exact = options;
    exact.precision = Precision::float64;
    return regularized_h_score(x, y, {options.whitening.threads, {}, options.whitening.stop},
                               exact);
  }
  return regularized_h_score(x, y, {options.whitening.threads, {}, options.whitening.stop},
                             options);
}

}  // namespace

Evaluation evaluate(const FeatureView& x, const LabelView& y, const EvaluationOptions& options) {
  const WhiteningOptions& whitening = options.score.whitening;
  ScoreParts parts;
  parts.norms = options.shrinkage && options.shrinkage->method == Shrinkage::ledoit_wolf;
  Evaluation result;
  result.score = h_score_and_parts(x, y, options.score, &parts);
  if (std::isnan(result.score.score)) return result;
  result.influence = influence_of(x, y, result.score, parts, whitening);
  if (options.leverages) {
    result.squared_leverages = sum_of_squared_leverages(x, result.score, parts, whitening);
  }
  if (options.shrinkage) {
    ShrinkageOptions shrinkage = *options.shrinkage;
    shrinkage.precision = options.score.precision;
    shrinkage.whitening.threads = whitening.threads;
    shrinkage.whitening.stop = whitening.stop;
    result.regularized = regularized(x, y, parts, shrinkage);
  }
  return result;
}

}  // namespace hscore
