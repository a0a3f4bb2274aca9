#include "hscore/moments.hpp"

#include <atomic>
#include <cmath>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "hscore/parallel.hpp"
#include "norm_update.hpp"
#include "rank_update.hpp"

namespace hscore {

namespace {

// Rows to pack at a time: enough to amortize the threads' meeting points, few enough that the
// packed block stays in the last-level cache.
Index block_rows(Index features) {
  constexpr Index most = 5 * kernel::depth;
  constexpr Index packed_bytes = Index{16} << 20;
  const Index fit = packed_bytes / (features * static_cast<Index>(sizeof(double)));
  return std::max(kernel::depth, std::min(most, fit / kernel::depth * kernel::depth));
}

// Below about 1e8 operations a second thread costs more than it gains.
int useful_threads(Index rows, Index features, int threads) {
  const double work =
      static_cast<double>(rows) * static_cast<double>(features) * static_cast<double>(features);
  return work < 1e8 ? 1 : threads;
}

// Up to here a scatter of its own per thread fits the caches and is cheap to add.
constexpr Index most_private_features = 512;

}  // namespace

Moments::Moments(Index features)
    : features_(checked_features(features)),
      shift_(static_cast<std::size_t>(PaddedMatrix::round_up(features)), 0.0),
      scatter_(PaddedMatrix::round_up(features), features),
      sums_(0, features),
      norms_(features) {}

void Moments::update(const FeatureView& features, const LabelView& labels,
                     const UpdateOptions& options) {
  if (features.cols != features_) {
    throw std::invalid_argument("features must have " + std::to_string(features_) +
                                " columns, got " + std::to_string(features.cols));
  }
  check_labels(features, labels);
  if (features.rows == 0) {
    grow(labels.classes);
    return;
  }
  const Index block = std::min(features.rows, block_rows(features_));
  if (rows_ > 0 && features.rows > block) {
    // An update of several blocks can be stopped halfway, so it gathers in a second object.
    Moments part(features_);
    part.choose_shift(features);
    part.grow(labels.classes);
    options.products == Products::float32
        ? part.accumulate<float>(features, labels, options, block)
        : part.accumulate<double>(features, labels, options, block);
    part.rows_when_centred_ = part.rows_;
    std::vector<std::int32_t> same(static_cast<std::size_t>(labels.classes));
    for (std::size_t c = 0; c < same.size(); ++c) same[c] = static_cast<std::int32_t>(c);
    merge(part, same);
    return;
  }
  grow(labels.classes);
  if (rows_ == 0) {
    choose_shift(features);
  } else {
    recentre_if_drifted();
  }
  options.products == Products::float32 ? accumulate<float>(features, labels, options, block)
                                        : accumulate<double>(features, labels, options, block);
  if (rows_when_centred_ == 0) rows_when_centred_ = rows_;
}

// The shift need only be near the mean compared with the spread: the mean of a few rows from all
// over the input does, and the rest is corrected when the scatter is read.
void Moments::choose_shift(const FeatureView& features) {
  const Index sample = std::min<Index>(features.rows, 64);
  const RowReader read(features);
  std::vector<double> row(static_cast<std::size_t>(features_));
  std::vector<double> first(row.size());
  std::vector<double> sum(row.size(), 0.0);
  read(0, 0, features_, first.data());
  for (Index i = 1; i < sample; ++i) {
    const Index from = i * features.rows / sample;
    read(from, 0, features_, row.data());
    for (std::size_t j = 0; j < row.size(); ++j) sum[j] += row[j] - first[j];
  }
  // About the first row, so that a constant column's shift is that constant to the last bit.
  for (std::size_t j = 0; j < row.size(); ++j) {
    shift_[j] = first[j] + sum[j] / static_cast<double>(sample);
  }
}

template <class T>
void Moments::accumulate(const FeatureView& features, const LabelView& labels,
                         const UpdateOptions& options, Index block) {
  const int threads = useful_threads(features.rows, features_, options.threads);
  // Worth it where the rows outnumber the statistics that each thread must clear and add.
  const bool many_rows = features.rows >= 20 * threads * (features_ + classes());
  if (threads > 1 && features_ <= most_private_features && many_rows) {
    accumulate_in_parts<T>(features, labels, options, threads);
    return;
  }
  const bool norms = options.norms && has_norms();
  std::vector<double> squared_norms;
  PackedRows<T> packed(block, features_);
  std::vector<double> squares(shift_.size(), 0.0);
  if constexpr (std::is_same_v<T, float>) {
    for (Index j = 0; j < features_; ++j) squares[static_cast<std::size_t>(j)] = scatter_(j, j);
  }
  for (Index first = 0; first < features.rows; first += block) {
    throw_if_stopped(options.stop);
    const Index count = std::min(block, features.rows - first);
    pack_rows(features.row_range(first, count), labels.codes + first, shift_.data(), sums_,
              squares.data(), packed, threads);
    rank_update<Sign::add>(packed, features_, features_, scatter_.row(0), scatter_.stride(),
                           threads);
    if (norms) norm_update(packed, norms_, squared_norms, threads);
  }
  if constexpr (std::is_same_v<T, float>) {
    for (Index j = 0; j < features_; ++j) scatter_(j, j) = squares[static_cast<std::size_t>(j)];
  }
  for (Index i = 0; i < labels.rows; ++i) ++counts_[static_cast<std::size_t>(labels.codes[i])];
  rows_ += features.rows;
}

// Few features: sharing one scatter would make the threads meet after every few microseconds of
// work. Each takes a stretch of the rows and statistics of its own, about the same shift, and the
// parts are added in order. The calling thread takes the first part and alone asks whether to stop.
template <class T>
void Moments::accumulate_in_parts(const FeatureView& features, const LabelView& labels,
                                  const UpdateOptions& options, int threads) {
  std::vector<Moments> parts;
  for (int t = 0; t < threads; ++t) {
    parts.emplace_back(features_);
    parts.back().shift_ = shift_;
    parts.back().grow(classes());
  }
  std::atomic<bool> stopped{false};
  for_each_thread(threads, [&](int t) {
    UpdateOptions serial;
    serial.products = options.products;
    serial.norms = options.norms;
    serial.stop = [&, t] {
      if (t == 0 && options.stop && options.stop()) stopped.store(true);
      return stopped.load(std::memory_order_relaxed);
    };
    const Index first = features.rows * t / threads;
    const Index count = features.rows * (t + 1) / threads - first;
    parts[static_cast<std::size_t>(t)].accumulate<T>(features.row_range(first, count),
                                                     labels.row_range(first, count), serial,
                                                     std::min(count, kernel::depth));
  });
  for (const Moments& part : parts) add_about_same_shift(part);
}

void Moments::add_about_same_shift(const Moments& part) {
  const auto add = [](const double* source, double* target, Index count) {
    for (Index j = 0; j < count; ++j) target[j] += source[j];
  };
  for (Index i = 0; i < features_; ++i) add(part.scatter_.row(i), scatter_.row(i), i + 1);
  for (Index c = 0; c < part.classes(); ++c) {
    add(part.sums_.row(c), sums_.row(c), features_);
    counts_[static_cast<std::size_t>(c)] += part.counts_[static_cast<std::size_t>(c)];
  }
  if (has_norms() && part.has_norms()) norms_.add(part.norms_);
  rows_ += part.rows_;
}

void Moments::grow(Index classes) {
  if (classes <= this->classes()) return;
  PaddedMatrix larger(classes, features_);
  std::copy_n(sums_.row(0), this->classes() * sums_.stride(), larger.row(0));
  counts_.resize(static_cast<std::size_t>(classes), 0);
  sums_ = std::move(larger);
}

std::vector<double> Moments::offset() const {
  std::vector<double> mean(static_cast<std::size_t>(features_), 0.0);
  for (Index c = 0; c < classes(); ++c) {
    const double* sum = sums_.row(c);
    for (std::size_t j = 0; j < mean.size(); ++j) mean[j] += sum[j];
  }
  for (double& value : mean) value /= static_cast<double>(std::max<Index>(rows_, 1));
  return mean;
}

// Moving the shift by h turns S = T + n h h' into T; it loses digits only where n h^2 outweighs T.
// Looked at whenever the number of rows has doubled, so that it costs nothing in a long stream.
void Moments::recentre_if_drifted() {
  if (rows_ < 2 * rows_when_centred_) return;
  rows_when_centred_ = rows_;
  const std::vector<double> h = offset();
  for (Index j = 0; j < features_; ++j) {
    const double d = h[static_cast<std::size_t>(j)];
    if (static_cast<double>(rows_) * d * d > scatter_(j, j) / 16) {
      recentre();
      return;
    }
  }
}

void Moments::recentre() {
  const std::vector<double> h = offset();
  const double n = static_cast<double>(rows_);
  if (has_norms()) norms_ = norms_about_mean();
  for (Index i = 0; i < features_; ++i) {
    double* row = scatter_.row(i);
    const double scaled = n * h[static_cast<std::size_t>(i)];
    for (Index j = 0; j <= i; ++j) row[j] -= scaled * h[static_cast<std::size_t>(j)];
  }
  for (Index c = 0; c < classes(); ++c) {
    double* sum = sums_.row(c);
    const double count = static_cast<double>(counts_[static_cast<std::size_t>(c)]);
    for (Index j = 0; j < features_; ++j) sum[j] -= count * h[static_cast<std::size_t>(j)];
  }
  for (std::size_t j = 0; j < h.size(); ++j) shift_[j] += h[j];
  rows_when_centred_ = rows_;
}

NormMoments Moments::norms_about_mean() const {
  const std::vector<double> h = offset();
  std::vector<double> sum = h;
  for (double& value : sum) value *= static_cast<double>(rows_);
  NormMoments result = norms_;
  result.move(h, scatter_, sum);
  return result;
}

void Moments::merge(const Moments& other, const std::vector<std::int32_t>& classes) {
  if (other.features_ != features_) {
    throw std::invalid_argument("cannot merge moments of " + std::to_string(other.features_) +
                                " features into moments of " + std::to_string(features_));
  }
  if (static_cast<Index>(classes.size()) != other.classes()) {
    throw std::invalid_argument("the class map must have " + std::to_string(other.classes()) +
                                " entries, got " + std::to_string(classes.size()));
  }
  Index most = this->classes();
  for (const std::int32_t code : classes) {
    if (code < 0) throw std::invalid_argument("the class map has a negative entry");
    most = std::max<Index>(most, code + 1);
  }
  const double n1 = static_cast<double>(rows_);
  const double n2 = static_cast<double>(other.rows_);
  grow(most);
  if (other.rows_ == 0) return;
  Moments theirs = other.copy();
  theirs.recentre();
  const bool norms = has_norms() && theirs.has_norms();
  if (rows_ == 0) {
    std::swap(shift_, theirs.shift_);
    std::swap(scatter_, theirs.scatter_);
    std::swap(norms_, theirs.norms_);
  } else {
    recentre();
    std::vector<double> h(static_cast<std::size_t>(features_));
    for (std::size_t j = 0; j < h.size(); ++j) h[j] = theirs.shift_[j] - shift_[j];
    const double to_pooled = n2 / (n1 + n2);
    if (norms) {
      const std::vector<double> none(h.size(), 0.0);
      const auto scaled = [&](double by) {
        std::vector<double> step = h;
        for (double& value : step) value *= by;
        return step;
      };
      norms_.move(scaled(to_pooled), scatter_, none);
      theirs.norms_.move(scaled(to_pooled - 1), theirs.scatter_, none);
      norms_.add(theirs.norms_);
    }
    const double weight = n1 * n2 / (n1 + n2);
    for (Index i = 0; i < features_; ++i) {
      double* row = scatter_.row(i);
      const double* their_row = theirs.scatter_.row(i);
      const double scaled = weight * h[static_cast<std::size_t>(i)];
      for (Index j = 0; j <= i; ++j) {
        row[j] += their_row[j] + scaled * h[static_cast<std::size_t>(j)];
      }
    }
    // Both sets of class sums move to the pooled mean.
    const auto rebase = [&](Moments& part, double by) {
      for (Index c = 0; c < part.classes(); ++c) {
        double* sum = part.sums_.row(c);
        const double count = static_cast<double>(part.counts_[static_cast<std::size_t>(c)]) * by;
        for (Index j = 0; j < features_; ++j) sum[j] += count * h[static_cast<std::size_t>(j)];
      }
    };
    rebase(*this, -to_pooled);
    rebase(theirs, 1 - to_pooled);
    for (std::size_t j = 0; j < h.size(); ++j) shift_[j] += to_pooled * h[j];
  }
  for (Index c = 0; c < theirs.classes(); ++c) {
    const Index code = classes[static_cast<std::size_t>(c)];
    double* sum = sums_.row(code);
    const double* their_sum = theirs.sums_.row(c);
    for (Index j = 0; j < features_; ++j) sum[j] += their_sum[j];
    counts_[static_cast<std::size_t>(code)] += theirs.counts_[static_cast<std::size_t>(c)];
  }
  rows_ += other.rows_;
  rows_when_centred_ = rows_;
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
  result.norms_ = norms_;
  return result;
}

MomentsState Moments::state() const {
  MomentsState state;
  state.features = features_;
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
  if (has_norms()) {
    state.norm_unit = norms_.unit;
    state.norm_fourth = norms_.fourth;
    state.norm_cubes.assign(norms_.cubes.begin(), norms_.cubes.begin() + features_);
  }
  return state;
}

Moments Moments::from_state(const MomentsState& state) {
  Moments result(state.features);
  const Index features = state.features;
  const std::size_t classes = state.counts.size();
  if (static_cast<Index>(state.shift.size()) != features ||
      state.scatter.size() != checked_product(features, features + 1, sizeof(double)) / 2 ||
      state.class_sums.size() !=
          checked_product(static_cast<Index>(classes), features, sizeof(double)) ||
      (!state.norm_cubes.empty() && static_cast<Index>(state.norm_cubes.size()) != features)) {
    throw std::invalid_argument("the parts of the moments' state have inconsistent lengths");
  }
  result.grow(static_cast<Index>(classes));
  std::copy(state.shift.begin(), state.shift.end(), result.shift_.begin());
  const double* next = state.scatter.data();
  for (Index i = 0; i < features; ++i) {
    std::copy_n(next, i + 1, result.scatter_.row(i));
    next += i + 1;
  }
  for (std::size_t c = 0; c < classes; ++c) {
    if (state.counts[c] < 0) {
      throw std::invalid_argument("the moments' state has a negative class count");
    }
    std::copy_n(state.class_sums.data() + static_cast<Index>(c) * features, features,
                result.sums_.row(static_cast<Index>(c)));
    result.rows_ += static_cast<Index>(state.counts[c]);
  }
  result.counts_ = state.counts;
  result.rows_when_centred_ = result.rows_;
  if (!state.norm_cubes.empty()) {
    result.norms_.rows = result.rows_;
    result.norms_.unit = state.norm_unit;
    result.norms_.fourth = state.norm_fourth;
    std::copy(state.norm_cubes.begin(), state.norm_cubes.end(), result.norms_.cubes.begin());
  }
  return result;
}

bool Moments::finite() const {
  for (Index j = 0; j < features_; ++j) {
    if (!std::isfinite(scatter_(j, j))) return false;
  }
  return true;
}

}  // namespace hscore
