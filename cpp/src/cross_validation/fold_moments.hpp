// One pass over the rows that sorts them into the statistics of their folds.
#pragma once

#include <vector>

#include "hscore/cross_validation.hpp"

namespace hscore {

/// Throws NotFinite as soon as a value is not.
std::vector<Moments> fold_moments(const FeatureView& features, const LabelView& labels,
                                  const std::int32_t* folds, Index n_folds, const double* weights,
                                  int threads, const StopCheck& stop);

}  // namespace hscore
