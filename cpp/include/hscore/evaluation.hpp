// A score with what is needed to judge it: what each row does to it, leverages, the regularized
// score. One call, so that all of it comes from the same statistics.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "hscore/influence.hpp"
#include "hscore/scores.hpp"
#include "hscore/shrinkage.hpp"

namespace hscore {

struct EvaluationOptions {
  ScoreOptions score;
  bool leverages = false;  // exact ones of all rows: about as much work as the score itself
  /// Rows that belong together, groups[i] in 0 .. n_groups - 1; null if each stands for itself.
  const std::int32_t* groups = nullptr;
  Index n_groups = 0;
  std::optional<ShrinkageOptions> shrinkage;
};

struct Evaluation {
  HScore score;  // the same as without the rest
  /// Per row, see InfluenceFunction, or per group: (G - 1) (H - H without the group). All 0 where
  /// any labels score so.
  std::vector<double> influence;
  /// sum_i h_ii^2 of the leverages h_ii = (x_i - mean)' T^+ (x_i - mean), where they are exact.
  double squared_leverages = std::numeric_limits<double>::quiet_NaN();
  /// With groups, how much of the rank lies between them: sum_g n_g |w_g|^2 for the means w_g of
  /// their whitened rows.
  double rank_between = std::numeric_limits<double>::quiet_NaN();
  std::optional<RegularizedHScore> regularized;
};

/// The score is NaN when the statistics are not finite, and the rest is then empty.
Evaluation evaluate(const FeatureView& features, const LabelView& labels,
                    const EvaluationOptions& options);

}  // namespace hscore
