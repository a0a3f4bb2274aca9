#include "hscore/moments.hpp"

#include <atomic>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>

#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"
#include "norm_update.hpp"
#include "rank_update.hpp"

namespace hscore {

namespace {

// Rows to pack at a time: enough to amortize the threads' meeting points, few enough that the
// packed block stays in the last-level cache, and that the caller is asked whether to stop several
// times a second.
Index block_rows(Index features) {
  constexpr Index slice = kernel::depth;
  constexpr Index most = 5 * slice;
  constexpr Index packed_bytes = Index{16} << 20;
  const Index row_bytes = features * static_cast<Index>(sizeof(double));
  const Index rows = std::max(slice, std::min(most, packed_bytes / row_bytes / slice * slice));
  const double work_per_row = static_cast<double>(features) * static_cast<double>(features);
  return std::min(rows, std::max<Index>(16, static_cast<Index>(2e10 / work_per_row)));
}

// Below about 1e8 operations a second thread costs more than it gains.
int useful_threads(Index rows, Index features, int threads) {
  const double work =
      static_cast<double>(rows) * static_cast<double>(features) * static_cast<double>(features);
  return work < 1e8 ? 1 : threads;
}

void check_weights(const double* weights, Index rows) {
  for (Index i = 0; i < rows; ++i) {
    if (weights[i] >= 0 && std::isfinite(weights[i])) continue;
    throw std::invalid_argument("weights must be finite and not negative, got " +
                                std::to_string(weights[i]) + " in row " + std::to_string(i));
  }
}

// Its square can be summed over any number of rows.
constexpr double largest_safe_value = 1e140;

void begin(Quantization& rounding, Index features) {
  rounding.variance.assign(static_cast<std::size_t>(features), 0.0);
  rounding.mean_variance = rounding.variance;
}

// From sums over the rows to means.
void finish(Quantization& rounding, Index rows, const PaddedMatrix& scatter) {
  for (Index j = 0; j < scatter.cols(); ++j) {
    const std::size_t at = static_cast<std::size_t>(j);
    rounding.mean_variance[at] /= static_cast<double>(rows);
    if (scatter(j, j) > 0) rounding.variance[at] /= scatter(j, j);
  }
}

// Up to here a scatter of its own per thread fits the caches and is cheap to add.
constexpr Index most_private_features = 512;

}  // namespace

Moments::Moments(Index features, Index room)
    : features_(checked_features(features)),
      shift_(static_cast<std::size_t>(PaddedMatrix::round_up(features)), 0.0),
      scatter_(PaddedMatrix::round_up(features) + room, features),
      sums_(0, features),
      norms_(features) {}

struct Moments::Batch {
  FeatureView features;
  LabelView labels;
  const double* weights;
  Index start = 0;  // of all rows

  Batch row_range(Index first, Index count) const {
    return {features.row_range(first, count), labels.row_range(first, count),
            weights == nullptr ? nullptr : weights + first, start + first};
  }
};

// Kept from one block of rows to the next: the first touch of fresh memory costs as much as packing
// into it, or more.
class Moments::Workspace {
 public:
  template <class Packed, class... Stretch>
  Packed& room_for(Index rows, Index features, Stretch... stretch) {
    std::optional<Packed>& packed = std::get<std::optional<Packed>>(packed_);
    if (!packed || packed->most_rows() < rows) packed.emplace(rows, features, stretch...);
    return *packed;
  }

 private:
  std::tuple<std::optional<PackedRows<double>>, std::optional<PackedRows<float>>,
             std::optional<QuantizedRows>>
      packed_;
};

void Moments::update(const FeatureView& features, const LabelView& labels,
                     const UpdateOptions& options, const double* weights) {
  if (features.cols != features_) {
    throw std::invalid_argument("features must have " + std::to_string(features_) +
                                " columns, got " + std::to_string(features.cols));
  }
  check_labels(features, labels);
  if (weights != nullptr) check_weights(weights, features.rows);
  if (options.products == Products::int16 && options.quantization == nullptr) {
    Quantization unwanted;
    UpdateOptions quantized = options;
    quantized.quantization = &unwanted;
    return update(features, labels, quantized, weights);
  }
  const Batch batch{features, labels, weights};
  const Index before = classes();
  if (rows_ == 0) {
    try {
      grow(labels.classes);
      gather(batch, options);
    } catch (...) {
      forget_rows();
      counts_.resize(static_cast<std::size_t>(before));
      throw;
    }
    rows_when_centred_ = rows_;
    return;
  }
  const bool large = features.blocks != nullptr || features.rows > block_rows(features_);
  const bool may_overflow =
      options.only_finite &&
      (features.blocks != nullptr ||
       find_non_finite(features, large ? options.threads : 1, options.stop, largest_safe_value)
               .count > 0);
  if (large || may_overflow) {
    // What takes several blocks can be stopped halfway, so it gathers in a second object.
    Moments part(features_);
    part.update(features, labels, options, weights);
    std::vector<std::int32_t> same(static_cast<std::size_t>(labels.classes));
    std::iota(same.begin(), same.end(), 0);
    if (!may_overflow) return merge(part, same);
    Moments both = copy();
    both.merge(part, same);
    if (!both.finite()) throw NotFinite();
    *this = std::move(both);
    return;
  }
  try {
    grow(labels.classes);
    recentre_if_drifted();
    if (options.quantization != nullptr) begin(*options.quantization, features_);
    Workspace workspace;
    accumulate(batch, options, workspace);  // one block: what it throws, it throws before it adds
    if (options.quantization != nullptr) finish(*options.quantization, features.rows, scatter_);
  } catch (...) {
    counts_.resize(static_cast<std::size_t>(before));
    throw;
  }
}

// Into statistics without rows; when it throws they are good for nothing. The shift must be near
// the mean of all rows for products of less than float64: it follows while the rows double, and
// more rows than there are yet get one of their own.
void Moments::gather(const Batch& batch, const UpdateOptions& options) {
  if (options.quantization != nullptr) begin(*options.quantization, features_);
  Workspace workspace;
  for_each_block(batch.features, [&](const FeatureView& block, Index first) {
    Batch part = batch.row_range(first, block.rows);
    part.features = block;
    if (rows_ == 0) {
      choose_shift(part);
      accumulate(part, options, workspace);
    } else if (block.rows > rows_) {
      Moments more(features_);
      more.grow(classes());
      more.choose_shift(part);
      more.accumulate(part, options, workspace);
      std::vector<std::int32_t> same(counts_.size());
      std::iota(same.begin(), same.end(), 0);
      merge(more, same);
    } else {
      recentre_if_drifted();
      accumulate(part, options, workspace);
    }
    if (options.only_finite && !finite()) throw NotFinite();
  });
  if (options.quantization != nullptr) {
    finish(*options.quantization, batch.features.rows, scatter_);
  }
}

// The shift need only be near the mean compared with the spread: the mean of a few rows from all
// over the input does, and the rest is corrected when the scatter is read.
void Moments::choose_shift(const Batch& batch) {
  std::vector<Index> counted;  // rows of no weight may lie anywhere
  if (batch.weights != nullptr) {
    for (Index i = 0; i < batch.features.rows; ++i) {
      if (batch.weights[i] > 0) counted.push_back(i);
    }
    if (counted.empty()) return;
  }
  const Index rows =
      batch.weights == nullptr ? batch.features.rows : static_cast<Index>(counted.size());
  const Index sample = std::min<Index>(rows, 64);
  const RowReader read_row(batch.features);
  const auto read = [&](Index i, std::vector<double>& target) {
    const Index row = counted.empty() ? i : counted[static_cast<std::size_t>(i)];
    read_row(row, 0, features_, target.data());
  };
  std::vector<double> row(static_cast<std::size_t>(features_));
  std::vector<double> first(row.size());
  std::vector<double> sum(row.size(), 0.0);
  read(0, first);
  for (Index i = 1; i < sample; ++i) {
    read(i * rows / sample, row);
    for (std::size_t j = 0; j < row.size(); ++j) sum[j] += row[j] - first[j];
  }
  // About the first row, so that a constant column's shift is that constant to the last bit.
  for (std::size_t j = 0; j < row.size(); ++j) {
    shift_[j] = first[j] + sum[j] / static_cast<double>(sample);
  }
}

void Moments::accumulate(const Batch& batch, const UpdateOptions& options, Workspace& workspace) {
  if (batch.features.rows == 0) return;
  const Index block = std::min(batch.features.rows, block_rows(features_));
  if (options.products == Products::float64) {
    return accumulate_as<PackedRows<double>>(batch, options, block, workspace);
  }
#if defined(HSCORE_ROW_PAIRS)
  if (options.products == Products::int16) {
    const Index stretch = options.quantization->stretch;
    const Index rows = std::max<Index>(1, 2 * block / stretch) * stretch;
    return accumulate_as<QuantizedRows>(batch, options, std::min(batch.features.rows, rows),
                                        workspace);
  }
#endif
  accumulate_as<PackedRows<float>>(batch, options, block, workspace);
}

template <class Packed>
void Moments::accumulate_as(const Batch& batch, const UpdateOptions& options, Index block,
                            Workspace& workspace) {
  const Index rows = batch.features.rows;
  const int threads = useful_threads(rows, features_, options.threads);
  // Worth it where the rows outnumber the statistics that each thread must clear and add.
  const bool many_rows = rows >= 20 * threads * (features_ + classes());
  if (threads > 1 && features_ <= most_private_features && many_rows) {
    accumulate_in_parts<Packed>(batch, options, threads);
    return;
  }
  using Element = typename Packed::Element;
  constexpr bool rounds = std::is_same_v<Element, float>;
  const bool norms = options.norms && has_norms_ && std::is_floating_point_v<Element>;
  std::vector<double> squared_norms;
  if (norms) squared_norms.reserve(static_cast<std::size_t>(block));
  constexpr bool quantizes = std::is_same_v<Packed, QuantizedRows>;
  Packed& packed = [&]() -> Packed& {
    if constexpr (quantizes)
      return workspace.room_for<Packed>(block, features_, options.quantization->stretch);
    else
      return workspace.room_for<Packed>(block, features_);
  }();
  if constexpr (quantizes) packed.clear_noise();
  std::vector<double> squares(shift_.size(), 0.0);  // of float32 products the diagonal, exactly
  if constexpr (rounds) {
    for (Index j = 0; j < features_; ++j) squares[static_cast<std::size_t>(j)] = scatter_(j, j);
  }
  for (Index first = 0; first < rows; first += block) {
    throw_if_stopped(options.stop, std::min(first, block));
    const Batch part = batch.row_range(first, std::min(block, rows - first));
    if constexpr (quantizes) {
      pack_rows(part.features, part.start, part.labels.codes, part.weights, shift_.data(), sums_,
                packed, threads);
    } else {
      pack_rows(part.features, part.labels.codes, part.weights, shift_.data(), sums_,
                squares.data(), packed, threads);
    }
    rank_update<Sign::add>(packed, features_, features_, scatter_.row(0), scatter_.stride(),
                           threads);
    if constexpr (std::is_floating_point_v<Element>) {
      if (norms) norm_update(packed, part.weights, norms_, squared_norms, threads);
    }
  }
  if constexpr (quantizes) {
    // Errors of the diagonal go with those beside it: with the exact one, what they do to features
    // that depend on each other would no longer cancel. Only what they add as a rule is removed.
    for (Index j = 0; j < features_; ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      double total = 0;  // an int16 can not say that a value is not finite
      for (Index c = 0; c < classes(); ++c) total += sums_(c, j);
      scatter_(j, j) = std::isfinite(total) ? scatter_(j, j) - packed.added()[j]
                                            : std::numeric_limits<double>::quiet_NaN();
      options.quantization->mean_variance[at] += packed.added()[j];
      options.quantization->variance[at] += packed.noise()[j];
    }
  } else if constexpr (rounds) {
    for (Index j = 0; j < features_; ++j) scatter_(j, j) = squares[static_cast<std::size_t>(j)];
  }
  for (Index i = 0; i < rows; ++i) {
    const double weight = batch.weights == nullptr ? 1 : batch.weights[i];
    counts_[static_cast<std::size_t>(batch.labels.codes[i])] += weight;
    rows_ += weight > 0;
  }
  has_norms_ = norms;
}

// Few features: sharing one scatter would make the threads meet after every few microseconds of
// work. Each takes a stretch of the rows and statistics of its own, about the same shift, and the
// parts are added in order. The calling thread takes the first part and alone asks whether to stop.
template <class Packed>
void Moments::accumulate_in_parts(const Batch& batch, const UpdateOptions& options, int threads) {
  std::vector<Moments> parts;
  std::vector<Quantization> rounding(static_cast<std::size_t>(threads));
  for (int t = 0; t < threads; ++t) {
    if (options.quantization != nullptr) {
      rounding[static_cast<std::size_t>(t)].stretch = options.quantization->stretch;
      begin(rounding[static_cast<std::size_t>(t)], features_);
    }
    parts.emplace_back(features_);
    parts.back().shift_ = shift_;
    parts.back().grow(classes());
  }
  std::atomic<bool> stopped{false};
  std::atomic<Index> unreported{0};
  for_each_thread(threads, [&](int t) {
    UpdateOptions serial;
    serial.products = options.products;
    serial.norms = options.norms && has_norms_;
    serial.quantization = &rounding[static_cast<std::size_t>(t)];
    serial.stop = [&, t](Index rows) {
      unreported.fetch_add(rows, std::memory_order_relaxed);
      if (t == 0 && options.stop && options.stop(unreported.exchange(0))) stopped.store(true);
      return stopped.load(std::memory_order_relaxed);
    };
    const Index first = batch.features.rows * t / threads;
    const Index count = batch.features.rows * (t + 1) / threads - first;
    const Index slice =
        std::is_same_v<Packed, QuantizedRows>
            ? serial.quantization->stretch *
                  std::max<Index>(1, Quantization::most_stretch / serial.quantization->stretch)
            : kernel::depth;
    Workspace workspace;
    parts[static_cast<std::size_t>(t)].accumulate_as<Packed>(batch.row_range(first, count), serial,
                                                             std::min(count, slice), workspace);
  });
  for (const Quantization& part : rounding) {
    for (std::size_t j = 0; j < part.variance.size(); ++j) {
      options.quantization->mean_variance[j] += part.mean_variance[j];
      options.quantization->variance[j] += part.variance[j];
    }
  }
  for (const Moments& part : parts) add_about_same_shift(part);
}

void Moments::grow(Index classes) {
  const Index before = this->classes();
  if (classes <= before) return;
  counts_.reserve(static_cast<std::size_t>(classes));
  if (classes > sums_.rows()) {
    // New classes may come one by one.
    const Index room = before == 0 ? classes : std::max(classes, before + before / 2);
    PaddedMatrix larger(room, features_);
    std::copy_n(sums_.row(0), before * sums_.stride(), larger.row(0));
    sums_ = std::move(larger);
  }
  counts_.resize(static_cast<std::size_t>(classes), 0.0);
}

void Moments::forget_rows() noexcept {
  for (Index i = 0; i < features_; ++i) std::fill_n(scatter_.row(i), features_, 0.0);
  for (Index c = 0; c < sums_.rows(); ++c) std::fill_n(sums_.row(c), features_, 0.0);
  std::fill(counts_.begin(), counts_.end(), 0.0);
  std::fill(shift_.begin(), shift_.end(), 0.0);
  std::fill(norms_.cubes.begin(), norms_.cubes.end(), 0.0);
  norms_.unit = norms_.fourth = 0;
  cancelled_.clear();
  has_norms_ = true;
  rows_ = rows_when_centred_ = 0;
}

double Moments::weight() const {
  return std::accumulate(counts_.begin(), counts_.end(), 0.0);
}

std::vector<double> Moments::total() const {
  std::vector<double> total(static_cast<std::size_t>(features_), 0.0);
  for (Index c = 0; c < classes(); ++c) {
    const double* sum = sums_.row(c);
    for (std::size_t j = 0; j < total.size(); ++j) total[j] += sum[j];
  }
  return total;
}

std::vector<double> Moments::offset() const {
  std::vector<double> mean = total();
  const double n = weight();
  for (double& value : mean) value = n > 0 ? value / n : 0;
  return mean;
}

bool Moments::finite() const {
  for (Index j = 0; j < features_; ++j) {
    if (!std::isfinite(scatter_(j, j))) return false;
  }
  return true;
}

}  // namespace hscore
