// Influence values of rows from their fits.
#pragma once

#include <optional>

#include "factor/factored_covariance.hpp"
#include "hscore/influence.hpp"
#include "scores/scores.hpp"

namespace hscore {

/// `shift` + factored.offset is the mean; `shares` are the class shares of the score. `rounded` may
/// hold the coefficients in float32 where they are known, and serves if float32 does.
InfluenceFunction influence_function(const std::vector<double>& shift,
                                     const FactoredCovariance& factored,
                                     const std::vector<double>& counts,
                                     const std::vector<double>& shares, int threads,
                                     std::optional<PaddedMatrix>&& rounded = std::nullopt);

/// The values from the fits, which are in the units of `function.coefficients`.
std::vector<double> influence_of_fits(const InfluenceFunction& function, const LabelView& labels,
                                      const KeptFits& fits);

}  // namespace hscore
