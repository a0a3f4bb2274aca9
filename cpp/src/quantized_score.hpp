// The score from rows rounded to int16.
#pragma once

#include <optional>

#include "hscore/scores.hpp"
#include "inflation.hpp"

namespace hscore {

/// As promised by Precision::automatic; nothing where it would not pay or does not succeed.
std::optional<HScore> quantized_h_score(const FeatureView& x, const LabelView& y,
                                        const Inflation& inflation,
                                        const WhiteningOptions& whitening);

}  // namespace hscore
