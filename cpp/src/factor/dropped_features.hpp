// Features that the rank rule took for noise: are they?
#pragma once

#include "factor/factored_covariance.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// Counts features, of a few that were dropped, of which the chosen ones leave more in many rows
/// than the rounding of the values explains. One row a million times as large as all others does
/// that, and so do near-duplicates. The mean is shift + factored.offset, `unique_share` the
/// smallest one; the rows are read once.
Index dropped_above_noise(const FeatureView& x, const FactoredCovariance& factored,
                          const std::vector<double>& shift, double unique_share, int threads,
                          const StopCheck& stop);

}  // namespace hscore
