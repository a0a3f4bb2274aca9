// The score from rows rounded to integers.
#pragma once

#include <optional>

#include "hscore/scores.hpp"
#include "precision/inflation.hpp"

namespace hscore {

/// Whether there is a tile unit, and the problem so large that its products pay.
bool digits_pay(const FeatureView& features);

/// As promised by Precision::automatic; nothing where it would not pay or does not succeed.
std::optional<HScore> integer_h_score(const FeatureView& x, const LabelView& y,
                                      const Inflation& inflation,
                                      const WhiteningOptions& whitening);

}  // namespace hscore
