// The score from rows rounded to integers that the tile unit multiplies exactly.
#pragma once

#include <optional>

#include "inflation.hpp"
#include "scores.hpp"

namespace hscore {

/// The fewest digits that should keep what Precision::automatic promises, by what a glance says of
/// the features; 0 where none would.
int digits_for(const FeatureView& features, Index classes, const Inflation& inflation);

/// Whether there is a tile unit, and the problem so large that its products pay.
bool fixed_point_pays(const FeatureView& features);

/// Nothing where the promise was not kept. Leaves its parts if they are wanted, but for norms.
std::optional<HScore> fixed_point_h_score(const FeatureView& x, const LabelView& y, int digits,
                                          const WhiteningOptions& whitening, ScoreParts* parts);

}  // namespace hscore
