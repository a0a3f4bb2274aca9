#include "scores/scores.hpp"

#include <algorithm>
#include <limits>

namespace hscore {

HScore score_of(const std::vector<double>& counts, Index rows, Index features,
                WhitenedClasses&& whitened) {
  HScore result;
  result.rows = rows;
  result.features = features;
  for (const double count : counts) {
    result.weight += count;
    result.classes += count > 0;
  }
  // The noise of float32 products may look like more directions than the rows can span.
  result.rank = std::min(whitened.rank, std::max<Index>(result.rows - 1, 0));
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
    const double most = counts[c] == 0 ? 0.0 : 1 - counts[c] / result.weight;
    double& share = result.class_shares[c];
    share = saturated ? most : std::min(share, most);
    result.score += share;
  }
  const double most = static_cast<double>(std::min(result.rank, result.classes - 1));
  result.score = saturated ? most : std::min(result.score, most);
  // Measured on random and adversarial families: at most 5.2 eps / share. Sums over rows that are
  // partly alike, such as the zeros of rectified features, add up to 8 eps of the score.
  if (!saturated) {
    result.error_bound = std::numeric_limits<double>::epsilon() *
                         (10 / result.smallest_unique_share + 20 * result.score);
  }
  return result;
}

std::vector<double> count_rows(const LabelView& labels) {
  std::vector<double> counts(static_cast<std::size_t>(labels.classes), 0.0);
  for (Index i = 0; i < labels.rows; ++i) ++counts[static_cast<std::size_t>(labels.codes[i])];
  return counts;
}

bool in_float32_range(const Moments& moments) {
  const double rows = static_cast<double>(moments.rows());
  // Values whose squares underflowed to nothing have class sums all the same.
  const auto is_constant = [&](Index j) {
    for (Index c = 0; c < moments.classes(); ++c) {
      if (moments.shifted_class_sums()(c, j) != 0) return false;
    }
    return true;
  };
  for (Index j = 0; j < moments.features(); ++j) {
    const double mean_square = moments.shifted_scatter()(j, j) / rows;
    if (!(mean_square < 1e30)) return false;
    if (mean_square < 1e-24 && !(mean_square == 0 && is_constant(j))) return false;
  }
  return true;
}

namespace {

// How much sums of squares have cancelled: rows were taken away again, or weights are so unequal
// that the shift, a mean without them, is far from the mean.
struct Cancellation {
  double factor = 1;  // the most squares there were, for each that is left
  bool lost = false;  // nothing but rounding errors may be left of a feature
};

Cancellation cancellation_of(const Moments& moments) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  Cancellation result;
  if (moments.shifted_scatter().row(0) == nullptr) return result;  // taken, and fresh from rows
  const std::vector<double> offset = moments.offset();
  const double n = moments.weight();
  bool any_left = false;
  bool any_lost = false;
  for (Index j = 0; j < moments.features(); ++j) {
    const double d = offset[static_cast<std::size_t>(j)];
    const double cancelled = moments.cancelled(j);
    const double before = std::max(moments.shifted_scatter()(j, j), cancelled);
    const double left = moments.shifted_scatter()(j, j) - n * d * d;
    if (left > default_tolerance * cancelled) {
      any_left = any_left || left > 0;
      if (before > 2 * left && left > 0) result.factor = std::max(result.factor, before / left);
    } else if (cancelled > 0) {
      any_lost = true;
      result.lost = result.lost || left > 64 * eps * cancelled;
    }
  }
  // A feature that was constant but for the rows taken away is no doubt; all of them at once are.
  result.lost = result.lost || (any_lost && !any_left);
  return result;
}

}  // namespace

HScore score_of(const Moments& moments, WhitenedClasses&& whitened) {
  HScore result =
      score_of(moments.counts(), moments.rows(), moments.features(), std::move(whitened));
  const Cancellation cancellation = cancellation_of(moments);
  result.error_bound *= cancellation.factor;
  if (cancellation.lost) {
    result.error_bound = static_cast<double>(std::max<Index>(result.classes - 1, 0));
  }
  return result;
}

HScore h_score(const Moments& moments, const WhiteningOptions& options) {
  return score_of(moments, whiten_classes(moments, options));
}

}  // namespace hscore
