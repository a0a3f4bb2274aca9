// The influence of each group of rows on the score.
#pragma once

#include "factor/factored_covariance.hpp"
#include "hscore/views.hpp"
#include "inference/influence.hpp"

namespace hscore {

struct GroupInfluence {
  std::vector<double> values;  // (G - 1) (H - H without the group), exactly
  /// How much of the features' rank lies between groups: sum_g n_g |w_g|^2, w_g the mean of the
  /// group's whitened rows. The rest lies within groups.
  double rank_between = 0;
};

/// groups[i] in 0 .. n_groups - 1. The mean is shift + offset of `factored`. For every class that a
/// group takes away with it, what a class less takes from the score by chance, rank / (N - 1), is
/// not counted.
GroupInfluence group_influence(const FeatureView& x, const LabelView& y, const std::int32_t* groups,
                               Index n_groups, const FactoredCovariance& factored,
                               const std::vector<double>& shift, const ClassFacts& facts,
                               int threads, const StopCheck& stop);

}  // namespace hscore
