// From whitened classes to a score.
#pragma once

#include "hscore/scores.hpp"

namespace hscore {

HScore score_of(const std::vector<std::int64_t>& counts, Index features,
                WhitenedClasses&& whitened);
HScore score_of(const Moments& moments, WhitenedClasses&& whitened);

/// Whether float32 products squared these features without over- or underflow to speak of.
bool in_float32_range(const Moments& moments);

}  // namespace hscore
