// From whitened classes to a score.
#pragma once

#include "hscore/scores.hpp"

namespace hscore {

HScore score_of(const std::vector<double>& counts, Index rows, Index features,
                WhitenedClasses&& whitened);
HScore score_of(const Moments& moments, WhitenedClasses&& whitened);

}  // namespace hscore
