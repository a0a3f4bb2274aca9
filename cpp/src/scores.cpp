#include "hscore/scores.hpp"

#include <limits>

namespace hscore {

HScore h_score(const Moments& moments, const WhiteningOptions& options) {
  WhitenedClasses whitened = whiten_classes(moments, options);
  HScore result;
  result.rows = moments.rows();
  result.features = moments.features();
  for (const std::int64_t count : moments.counts()) result.classes += count > 0;
  result.rank = whitened.rank;
  result.smallest_pivot = whitened.smallest_pivot;
  result.class_shares = std::move(whitened.squared_norms);
  for (const double share : result.class_shares) result.score += share;
  // Measured: the error stays below 1.5 eps / pivot on every family tried; 10 leaves room.
  result.error_bound = 10 * std::numeric_limits<double>::epsilon() / result.smallest_pivot;
  return result;
}

}  // namespace hscore
