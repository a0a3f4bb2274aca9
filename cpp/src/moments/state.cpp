// Moments as plain vectors and back, to the last bit, and copies of them, whole or of some
// features.
#include <cmath>
#include <stdexcept>
#include <string>

#include "hscore/moments.hpp"

namespace hscore {

MomentsState Moments::state() const {
  MomentsState state;
  state.features = features_;
  state.rows = rows_;
  state.rows_when_centred = rows_when_centred_;
  state.cancelled = cancelled_;
  state.shift.assign(shift_.begin(), shift_.begin() + features_);
  state.counts = counts_;
  state.scatter.reserve(static_cast<std::size_t>(features_ * (features_ + 1) / 2));
  for (Index i = 0; i < features_; ++i) {
    const double* row = scatter_.row(i);
    state.scatter.insert(state.scatter.end(), row, row + i + 1);
  }
  for (Index c = 0; c < classes(); ++c) {
    const double* sum = sums_.row(c);
    state.class_sums.insert(state.class_sums.end(), sum, sum + features_);
  }
  if (has_norms_) {
    state.norm_unit = norms_.unit;
    state.norm_fourth = norms_.fourth;
    state.norm_cubes.assign(norms_.cubes.begin(), norms_.cubes.begin() + features_);
  }
  return state;
}

Moments Moments::from_state(const MomentsState& state) {
  const Index features = state.features;
  const std::size_t classes = state.counts.size();
  if (static_cast<Index>(state.shift.size()) != features ||
      state.scatter.size() != checked_product(features, features + 1, sizeof(double)) / 2 ||
      state.class_sums.size() !=
          checked_product(static_cast<Index>(classes), features, sizeof(double)) ||
      (!state.cancelled.empty() && static_cast<Index>(state.cancelled.size()) != features) ||
      (!state.norm_cubes.empty() && static_cast<Index>(state.norm_cubes.size()) != features)) {
    throw std::invalid_argument("the parts of the moments' state have inconsistent lengths");
  }
  if (state.rows < 0 || state.rows_when_centred < 0) {
    throw std::invalid_argument("the moments' state has a negative number of rows");
  }
  constexpr Index countable = Index{1} << 53;  // in a double, as the counts of the classes are
  if (state.rows > countable || state.rows_when_centred > countable) {
    throw std::invalid_argument("the moments' state has more rows than can be counted");
  }
  Moments result(features);
  result.grow(static_cast<Index>(classes));
  std::copy(state.shift.begin(), state.shift.end(), result.shift_.begin());
  const double* next = state.scatter.data();
  for (Index i = 0; i < features; ++i) {
    std::copy_n(next, i + 1, result.scatter_.row(i));
    next += i + 1;
  }
  for (std::size_t c = 0; c < classes; ++c) {
    if (!(state.counts[c] >= 0) || !std::isfinite(state.counts[c])) {
      throw std::invalid_argument("the moments' state has a class count that is none");
    }
    std::copy_n(state.class_sums.data() + static_cast<Index>(c) * features, features,
                result.sums_.row(static_cast<Index>(c)));
  }
  result.counts_ = state.counts;
  result.rows_ = state.rows;
  result.rows_when_centred_ = state.rows_when_centred;
  result.cancelled_ = state.cancelled;
  result.has_norms_ = !state.norm_cubes.empty();
  if (result.has_norms_) {
    result.norms_.unit = state.norm_unit;
    result.norms_.fourth = state.norm_fourth;
    std::copy(state.norm_cubes.begin(), state.norm_cubes.end(), result.norms_.cubes.begin());
  }
  return result;
}

Moments Moments::copy() const {
  Moments result(1);
  result.rows_ = rows_;
  result.features_ = features_;
  result.rows_when_centred_ = rows_when_centred_;
  result.shift_ = shift_;
  result.scatter_ = scatter_.copy();
  result.sums_ = sums_.copy();
  result.counts_ = counts_;
  result.cancelled_ = cancelled_;
  result.norms_ = norms_;
  result.has_norms_ = has_norms_;
  return result;
}

Moments Moments::columns(const std::vector<Index>& features) const {
  for (const Index j : features) {
    if (j < 0 || j >= features_) {
      throw std::invalid_argument("there is no feature " + std::to_string(j) + " of " +
                                  std::to_string(features_));
    }
  }
  Moments result(static_cast<Index>(features.size()));
  result.rows_ = rows_;
  result.rows_when_centred_ = rows_when_centred_;
  result.grow(classes());
  result.counts_ = counts_;
  result.has_norms_ = false;
  if (!cancelled_.empty()) result.cancelled_.resize(features.size());
  for (std::size_t i = 0; i < features.size(); ++i) {
    const Index row = static_cast<Index>(i);
    result.shift_[i] = shift_[static_cast<std::size_t>(features[i])];
    if (!cancelled_.empty()) result.cancelled_[i] = cancelled(features[i]);
    for (std::size_t j = 0; j <= i; ++j) {
      result.scatter_(row, static_cast<Index>(j)) =
          scatter_(std::max(features[i], features[j]), std::min(features[i], features[j]));
    }
    for (Index c = 0; c < classes(); ++c) result.sums_(c, row) = sums_(c, features[i]);
  }
  return result;
}

}  // namespace hscore
