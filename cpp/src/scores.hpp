// From whitened classes to a score.
#pragma once

#include "hscore/scores.hpp"

namespace hscore {

HScore score_of(const std::vector<std::int64_t>& counts, Index features,
                WhitenedClasses&& whitened);
HScore score_of(const Moments& moments, WhitenedClasses&& whitened);

/// Sums of squares below this have lost digits to underflow, as those of values below 1e-154 do.
constexpr double least_square = 1e-290;
[[noreturn]] void throw_underflow();

}  // namespace hscore
