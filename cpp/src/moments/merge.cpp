// Adding, removing and moving statistics. Everything is a sum over rows of u = x - shift, so two
// sets about one shift add term by term, and about another shift, with e = old - new, p = sum u
// before the move and q = p + n e after it,
//     sum (u + e)(u + e)' = S + e q' + p e'
// which is the rule of Chan, Golub and LeVeque (1983) when both move to the pooled mean. The shift
// stays where it is as long as it is near the mean, and x - shift is exact there, so that a large
// offset costs nothing however often parts are merged.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "hscore/moments.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

namespace {

// S = T + n d d' loses digits only where n d^2 outweighs T.
bool has_drifted(double rows, double offset, double sum_of_squares) {
  return rows * offset * offset > sum_of_squares / 16;
}

// One set's way to the new shift.
struct Move {
  Move(const std::vector<double>& from, const std::vector<double>& to, std::vector<double> total,
       double rows)
      : step(total.size()), before(std::move(total)), after(before) {
    for (std::size_t j = 0; j < step.size(); ++j) {
      step[j] = from[j] - to[j];
      after[j] += rows * step[j];
      still = still && step[j] == 0;
    }
  }
  double added(std::size_t i, std::size_t j) const {
    return step[i] * after[j] + before[i] * step[j];
  }
  /// Of NormMoments: how the shift moves, not the rows.
  std::vector<double> of_shift() const {
    std::vector<double> result = step;
    for (double& value : result) value = -value;
    return result;
  }
  std::vector<double> step, before, after;
  bool still = true;
};

// What is left of a class. Weights that are no whole numbers leave rounding errors.
double remaining(double mine, double theirs, Index code) {
  const double left = mine - theirs;
  const bool whole = mine == std::floor(mine) && theirs == std::floor(theirs);
  const double rounding = whole ? 0 : 0x1p-36 * mine;
  if (left < -rounding) {
    throw std::invalid_argument("cannot subtract " + std::to_string(theirs) + " rows of class " +
                                std::to_string(code) + " from " + std::to_string(mine) +
                                ": they were never added");
  }
  return left <= rounding ? 0 : left;
}

}  // namespace

void Moments::recentre_if_drifted() {
  if (!may_have_drifted(rows_)) return;
  const double n = weight();
  const std::vector<double> mean = offset();
  for (Index j = 0; j < features_; ++j) {
    if (!has_drifted(n, mean[static_cast<std::size_t>(j)], scatter_(j, j))) continue;
    combine(Moments(features_), {}, 1);
    break;
  }
  rows_when_centred_ = rows_;
}

void Moments::merge(const Moments& other, const std::vector<std::int32_t>& classes) {
  combine(other, classes, 1);
}

void Moments::subtract(const Moments& other, const std::vector<std::int32_t>& classes) {
  combine(other, classes, -1);
}

void Moments::combine(const Moments& other, const std::vector<std::int32_t>& classes, double sign) {
  if (&other == this) return combine(other.copy(), classes, sign);
  const bool removes = sign < 0;
  if (other.features_ != features_) {
    throw std::invalid_argument(std::string("cannot ") + (removes ? "subtract" : "merge") +
                                " moments of " + std::to_string(other.features_) + " features " +
                                (removes ? "from" : "into") + " moments of " +
                                std::to_string(features_));
  }
  const Index most = merged_classes(this->classes(), other.classes(), classes);
  std::vector<double> counts = counts_;
  counts.resize(static_cast<std::size_t>(most), 0.0);
  for (std::size_t c = 0; c < classes.size(); ++c) {
    double& count = counts[static_cast<std::size_t>(classes[c])];
    count = removes ? remaining(count, other.counts_[c], classes[c]) : count + other.counts_[c];
  }
  if (removes && other.rows_ > rows_) {
    throw std::invalid_argument("cannot subtract " + std::to_string(other.rows_) + " rows from " +
                                std::to_string(rows_));
  }
  if (!removes && other.rows_ > std::numeric_limits<Index>::max() - rows_) {
    throw std::invalid_argument("cannot merge moments of more rows than can be counted");
  }
  const bool fresh = rows_ == 0;
  const double n1 = weight();
  const double n2 = other.weight();
  const double n = std::accumulate(counts.begin(), counts.end(), 0.0);
  if (removes && (other.rows_ == rows_) != (n == 0)) {
    throw std::invalid_argument("cannot subtract rows whose weights differ from those added");
  }
  if (removes && n == 0) {
    forget_rows();
    return;
  }
  const std::vector<double>& start = fresh ? other.shift_ : shift_;

  // The diagonal, about the old shift, says whether the shift must move.
  std::vector<double> target = start;
  std::vector<double> cancelled = cancelled_;
  const Move there(other.shift_, start, other.total(), n2);
  std::vector<double> mean = total();
  bool drifted = false;
  if (cancelled.empty() && (removes || !other.cancelled_.empty())) cancelled.resize(mean.size());
  for (Index j = 0; j < features_; ++j) {
    const std::size_t at = static_cast<std::size_t>(j);
    const double mine = scatter_(j, j);
    const double sum = mine + sign * (other.scatter_(j, j) + there.added(at, at));
    mean[at] = n > 0 ? (mean[at] + sign * there.after[at]) / n : 0;
    drifted = drifted || has_drifted(n, mean[at], sum);
    if (!cancelled.empty()) {
      cancelled[at] = std::max({cancelled[at], other.cancelled(j), removes ? mine : 0});
    }
    if (removes && sum - n * mean[at] * mean[at] < -default_tolerance * cancelled[at]) {
      throw std::invalid_argument("cannot subtract rows that were never added: feature " +
                                  std::to_string(j) + " would have a negative sum of squares");
    }
  }
  if (drifted) {
    for (std::size_t j = 0; j < mean.size(); ++j) target[j] += mean[j];
  }
  const Move ours(start, target, total(), n1);
  const Move theirs(other.shift_, target, other.total(), n2);
  const bool has_norms = (has_norms_ || fresh) && other.has_norms_;
  NormMoments norms = norms_;
  if (has_norms) {
    norms.move(ours.of_shift(), scatter_, ours.before, n1);
    NormMoments their_norms = other.norms_;
    their_norms.move(theirs.of_shift(), other.scatter_, theirs.before, n2);
    norms.add(their_norms, sign);
  }
  grow(most);

  // From here on nothing throws.
  const std::size_t features = static_cast<std::size_t>(features_);
  for (std::size_t i = 0; i < features; ++i) {
    double* row = scatter_.row(static_cast<Index>(i));
    const double* their_row = other.scatter_.row(static_cast<Index>(i));
    if (!ours.still) {
      for (std::size_t j = 0; j <= i; ++j) row[j] += ours.added(i, j);
    }
    if (n2 == 0) continue;
    if (theirs.still) {
      for (std::size_t j = 0; j <= i; ++j) row[j] += sign * their_row[j];
    } else {
      for (std::size_t j = 0; j <= i; ++j) row[j] += sign * (their_row[j] + theirs.added(i, j));
    }
  }
  for (std::size_t c = 0; c < counts_.size(); ++c) {
    double* sum = sums_.row(static_cast<Index>(c));
    for (std::size_t j = 0; j < features; ++j) sum[j] += counts_[c] * ours.step[j];
  }
  for (std::size_t c = 0; c < classes.size(); ++c) {
    double* sum = sums_.row(classes[c]);
    const double* their_sum = other.sums_.row(static_cast<Index>(c));
    for (std::size_t j = 0; j < features; ++j) {
      sum[j] += sign * (their_sum[j] + other.counts_[c] * theirs.step[j]);
    }
  }
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] == 0) std::fill_n(sums_.row(static_cast<Index>(c)), features_, 0.0);
  }
  counts_.swap(counts);
  cancelled_.swap(cancelled);
  shift_.swap(target);
  std::swap(norms_, norms);
  has_norms_ = has_norms;
  rows_ += removes ? -other.rows_ : other.rows_;
  rows_when_centred_ = rows_;
}

NormMoments Moments::norms_about_mean() const {
  NormMoments result = norms_;
  result.move(offset(), scatter_, total(), weight());
  return result;
}

}  // namespace hscore
