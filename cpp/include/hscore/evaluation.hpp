// A score with what is needed to judge it: what each row does to it, leverages, the regularized
// score. One call, so that all of it comes from the same statistics.
#pragma once

#include <limits>
#include <optional>
#include <vector>

#include "hscore/influence.hpp"
#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

struct EvaluationOptions {
  ScoreOptions score;
  bool leverages = false;  // costs as much as the score itself
  std::optional<ShrinkageOptions> shrinkage;
};

struct Evaluation {
  HScore score;                   // the same as without the rest
  std::vector<double> influence;  // per row, see InfluenceFunction; all 0 where any labels score so
  /// sum_i h_ii^2 of the leverages h_ii = (x_i - mean)' T^+ (x_i - mean), where asked for.
  double squared_leverages = std::numeric_limits<double>::quiet_NaN();
  std::optional<RegularizedHScore> regularized;
};

/// The score is NaN when the statistics are not finite, and the rest is then empty.
Evaluation evaluate(const FeatureView& features, const LabelView& labels,
                    const EvaluationOptions& options);

}  // namespace hscore
