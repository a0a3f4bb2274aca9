// The score from rows rounded to integers that the tile unit multiplies exactly.
#pragma once

#include <optional>

#include "inflation.hpp"
#include "scores.hpp"

namespace hscore {

/// Whether there is a tile unit, and the problem so large that its products pay.
bool fixed_point_pays(const FeatureView& features);

/// As promised by Precision::automatic; nothing where it would not pay or does not succeed. Leaves
/// its parts if they are wanted, but for norms.
std::optional<HScore> fixed_point_h_score(const FeatureView& x, const LabelView& y,
                                          const Inflation& inflation,
                                          const WhiteningOptions& whitening, ScoreParts* parts);

}  // namespace hscore
