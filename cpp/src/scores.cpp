#include "scores.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>

namespace hscore {

HScore score_of(const std::vector<std::int64_t>& counts, Index features,
                WhitenedClasses&& whitened) {
  HScore result;
  result.features = features;
  for (const std::int64_t count : counts) {
    result.rows += static_cast<Index>(count);
    result.classes += count > 0;
  }
  result.rank = whitened.rank;
  result.smallest_pivot = whitened.smallest_pivot;
  result.smallest_unique_share = whitened.smallest_unique_share;
  result.class_shares = std::move(whitened.squared_norms);
  if (result.rank == 0 || result.classes < 2) {
    std::fill(result.class_shares.begin(), result.class_shares.end(), 0.0);
    return result;
  }
  // A class indicator about its mean has squared norm 1 - n_c / N in these units, and a projection
  // is no longer than what it projects. With rank N - 1 it keeps everything: H = C - 1.
  const bool saturated = result.rank >= result.rows - 1;
  for (std::size_t c = 0; c < result.class_shares.size(); ++c) {
    const double count = static_cast<double>(counts[c]);
    const double most = count == 0 ? 0.0 : 1 - count / static_cast<double>(result.rows);
    double& share = result.class_shares[c];
    share = saturated ? most : std::min(share, most);
    result.score += share;
  }
  const double most = static_cast<double>(std::min(result.rank, result.classes - 1));
  result.score = saturated ? most : std::min(result.score, most);
  // Measured on random and adversarial families: at most 5.2 eps / share.
  if (!saturated) {
    result.error_bound = 10 * std::numeric_limits<double>::epsilon() / result.smallest_unique_share;
  }
  return result;
}

HScore score_of(const Moments& moments, WhitenedClasses&& whitened) {
  return score_of(moments.counts(), moments.features(), std::move(whitened));
}

void throw_underflow() {
  throw std::invalid_argument(
      "features vary so little that their squares underflow float64: multiply all by one "
      "constant, which leaves the score unchanged");
}

namespace {

// Constant features are exactly zero about the shift. Where all are taken for constant and some sum
// is not zero, the squares have vanished.
bool has_underflown(const Moments& moments) {
  for (Index c = 0; c < moments.classes(); ++c) {
    for (Index j = 0; j < moments.features(); ++j) {
      const bool no_square = moments.shifted_scatter()(j, j) < least_square;
      if (no_square && moments.shifted_class_sums()(c, j) != 0) return true;
    }
  }
  return false;
}

}  // namespace

HScore h_score(const Moments& moments, const WhiteningOptions& options) {
  HScore result = score_of(moments, whiten_classes(moments, options));
  if (result.rank == 0 && has_underflown(moments)) throw_underflow();
  return result;
}

}  // namespace hscore
