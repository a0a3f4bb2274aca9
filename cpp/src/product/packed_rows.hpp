// A block of rows in the order the register tile reads it: [slice][strip][row][lane].
#pragma once

#include <algorithm>
#include <atomic>
#include <vector>

#include "hscore/buffer.hpp"
#include "simd/vector.hpp"

namespace hscore {

template <class T>
class PackedRows {
 public:
  using Element = T;
  static constexpr Index width = kernel::Shape<T>::width;

  PackedRows(Index most_rows, Index features, Index depth = kernel::depth)
      : most_rows_(most_rows),
        slice_capacity_(std::min(most_rows, depth)),
        strips_((features + width - 1) / width),
        buffer_((most_rows + slice_capacity_ - 1) / slice_capacity_ * (slice_capacity_ + 1),
                strips_ * width) {}

  Index most_rows() const { return most_rows_; }
  void set_rows(Index rows) { rows_ = rows; }
  Index rows() const { return rows_; }
  Index strips() const { return strips_; }
  Index slices() const { return (rows_ + slice_capacity_ - 1) / slice_capacity_; }
  Index slice_capacity() const { return slice_capacity_; }
  Index slice_rows(Index slice) const {
    return std::min(slice_capacity_, rows_ - slice * slice_capacity_);
  }
  // One row more than is used: 192 x 32 bytes apart, strips would share few sets of the cache.
  Index strip_stride() const { return (slice_capacity_ + 1) * width; }
  T* strip(Index slice, Index strip) {
    return buffer_.data() + (slice * strips_ + strip - first_) * strip_stride();
  }
  const T* strip(Index slice, Index strip) const {
    return buffer_.data() + (slice * strips_ + strip - first_) * strip_stride();
  }
  /// For a panel of a matrix: the strip that is to be the first.
  void begin_at(Index strip) { first_ = strip; }

 private:
  Index first_ = 0;
  Index most_rows_;
  Index rows_ = 0;
  Index slice_capacity_;
  Index strips_;
  AlignedBuffer<T> buffer_;
};

namespace detail {

/// Features to pack at a time: their shift, a row of each class's sums and the strips' ends stay in
/// the first-level cache.
constexpr Index most_panel_cols = 64;

}  // namespace detail

/// Rows of one panel at a time, for each thread that is packing: on their way into integers they
/// need not leave the second-level cache.
template <class T>
class PanelScratch {
 public:
  PanelScratch(Index rows, Index depth, int threads) : taken_(static_cast<std::size_t>(threads)) {
    for (int t = 0; t < threads; ++t) panels_.emplace_back(rows, detail::most_panel_cols, depth);
  }

  /// For use(panel), whose first strip is `first`. No more threads at a time than there are panels.
  template <class Use>
  void with_panel(Index first, Use&& use) {
    std::size_t at = 0;
    while (taken_[at].test_and_set(std::memory_order_acquire)) at = (at + 1) % taken_.size();
    panels_[at].begin_at(first);
    use(panels_[at]);
    taken_[at].clear(std::memory_order_release);
  }

 private:
  struct Flag : std::atomic_flag {
    Flag() { clear(); }
  };
  std::vector<Flag> taken_;
  std::vector<PackedRows<T>> panels_;
};

}  // namespace hscore
