// Far more features than rows: when the features separate any labels, the score is known without
// them.
#pragma once

#include <optional>

#include "hscore/scores.hpp"

namespace hscore {

/// Whether it pays to ask whether the rank is rows - 1 before building features x features.
inline bool may_be_saturated(Index rows, Index features) {
  return rows >= 2 && rows <= features / 2;
}

/// The H-score if the features have rank rows - 1, which makes it classes - 1 exactly; nothing if
/// they have not, or are not finite. Decided on the rows x rows Gram matrix of the features, each
/// scaled to unit variance: no row is predictable from the others. Time O(rows^2 features), memory
/// O(rows^2).
std::optional<HScore> saturated_h_score(const FeatureView& features, const LabelView& labels,
                                        const WhiteningOptions& options);

}  // namespace hscore
