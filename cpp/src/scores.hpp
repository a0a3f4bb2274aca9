// From whitened classes to a score.
#pragma once

#include "hscore/scores.hpp"

namespace hscore {

HScore score_of(const std::vector<double>& counts, Index rows, Index features,
                WhitenedClasses&& whitened);
HScore score_of(const Moments& moments, WhitenedClasses&& whitened);

/// Relative rounding error of a float32 product, as the error estimates count it.
constexpr double float32_eps = 6e-8;

/// What `Precision::automatic` promises, relative to the float64 answer.
inline double promised_error(DType dtype) {
  return is_narrow(dtype) ? 1e-6 : 1e-9;
}

/// Whether the problem is so large and the classes so few that float32 products pay, the work of
/// bringing the float64 answer back included.
bool float32_pays(const FeatureView& features, Index classes);

/// Whether float32 products squared these features without over- or underflow to speak of.
bool in_float32_range(const Moments& moments);

}  // namespace hscore
