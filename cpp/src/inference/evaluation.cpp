#include "hscore/evaluation.hpp"

#include <cmath>

#include "inference/group_influence.hpp"
#include "inference/influence.hpp"
#include "inference/leverages.hpp"
#include "scores/scores.hpp"
#include "scores/shrunk_covariance.hpp"

namespace hscore {

namespace {

void add_influence(const FeatureView& x, const LabelView& y, ScoreParts& parts,
                   const EvaluationOptions& options, Evaluation& result) {
  const HScore& score = result.score;
  const int threads = options.score.whitening.threads;
  const StopCheck& stop = options.score.whitening.stop;
  const Index values = options.groups != nullptr ? options.n_groups : x.rows;
  const bool moves = parts.factored && score.rank > 0 && score.rank < score.rows - 1;
  if (!moves || score.classes < 2) {
    result.influence.assign(static_cast<std::size_t>(values), 0.0);
    // Without room beside the features every row is fitted exactly.
    const double rank = static_cast<double>(score.rank);
    if (!moves) result.squared_leverages = rank * rank / static_cast<double>(x.rows);
    return;
  }
  const FactoredCovariance& factored = *parts.factored;
  const ClassFacts facts = {count_rows(y), score.class_shares, score.weight, score.rank};
  if (options.groups != nullptr) {
    GroupInfluence found = group_influence(x, y, options.groups, options.n_groups, factored,
                                           parts.shift, facts, threads, stop);
    result.influence = std::move(found.values);
    result.rank_between = found.rank_between;
    return;
  }
  LeverageSketch sketch;
  if (!options.leverages) sketch = leverage_sketch(factored, score.weight, threads);
  const std::vector<double> leverages =
      row_leverages(x, Whitener(factored), sketch.coefficients, sketch.float32_products,
                    parts.shift, factored.offset, threads, stop);
  const bool bent = bends_the_fit(leverages);
  if (parts.fits.own.empty() || bent) {
    const FitCoefficients fits = fit_coefficients(factored, score.class_shares, threads);
    parts.fits = fit_rows(x, y, fits.values, fits.float32_products && !bent, parts.shift,
                          factored.offset, threads, stop);
  }
  result.influence = influence_of_fits(facts, y, parts.fits, leverages);
  if (sketch.coefficients.rows() > 0) return;
  result.squared_leverages = 0;
  for (const double h : leverages) result.squared_leverages += h * h;
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
  add_influence(x, y, parts, options, result);
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
