// A block of rows in the order the register tile reads it: [slice][strip][row][lane]. Packing
// subtracts the shift and converts the element type, so there is never a centred or converted copy
// of the features, and it adds each row to its class's sum while the row is in cache.
#pragma once

#include <algorithm>
#include <atomic>
#include <cmath>
#include <type_traits>
#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/parallel.hpp"
#include "kernel.hpp"

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

struct Unweighted {};

/// Packed rows carry the root, so that their products carry the weight.
struct Weighted {
  explicit Weighted(double value) : weight(value), root(std::sqrt(value)) {}
  double weight;
  double root;
};

template <class V>
HSCORE_INLINE V weigh(V value, Unweighted) {
  return value;
}
template <class V>
HSCORE_INLINE V weigh(V value, const Weighted& by) {
  return value * by.weight;
}
template <class V>
HSCORE_INLINE V weigh_root(V value, Unweighted) {
  return value;
}
template <class V>
HSCORE_INLINE V weigh_root(V value, const Weighted& by) {
  return value * by.root;
}

/// In the place of the squares, where nobody asks for them.
struct Unsquared {
  Unsquared operator+(Index) const { return {}; }
};

// One row of one strip, `count` columns of it real. The source may be unaligned.
template <class T, class Source, class Weight, class Squares>
HSCORE_INLINE void pack_strip(const Source* source, Index count, const double* shift, Weight weight,
                              double* sums, Squares squares, T* target) {
  constexpr bool squared = std::is_same_v<Squares, double*>;
  constexpr Index width = PackedRows<T>::width;
  if (count >= width) {
    for (Index l = 0; l < width; l += kernel::double_lanes) {
      const kernel::DoubleLanes centred =
          kernel::load_lanes(source + l) - kernel::load_lanes(shift + l);
      kernel::store_lanes(sums + l, kernel::load_lanes(sums + l) + weigh(centred, weight));
      if constexpr (squared) {
        kernel::store_lanes(squares + l,
                            kernel::load_lanes(squares + l) + weigh(centred, weight) * centred);
      }
      kernel::store_lanes(target + l, weigh_root(centred, weight));
    }
    return;
  }
  for (Index l = 0; l < width; ++l) {
    double centred = 0;
    if (l < count) {
      Source value;
      std::memcpy(&value, source + l, sizeof value);
      centred = value - shift[l];
      sums[l] += weigh(centred, weight);
      if constexpr (squared) squares[l] += weigh(centred, weight) * centred;
    }
    target[l] = static_cast<T>(weigh_root(centred, weight));
  }
}

// row_of(i) points to the panel's columns of row i, weight_of(i) is its weight.
template <class T, class Squares, class RowOf, class WeightOf>
void pack_panel(const FeatureView& x, const std::int32_t* codes, Index first_strip,
                Index last_strip, const double* shift, PaddedMatrix& sums, Squares squares,
                PackedRows<T>& out, RowOf&& row_of, WeightOf&& weight_of) {
  constexpr Index width = PackedRows<T>::width;
  const Index first_col = first_strip * width;
  const Index cols = std::min(x.cols, last_strip * width) - first_col;
  Index slice = 0;
  Index depth = 0;
  for (Index i = 0; i < x.rows; ++i) {
    const auto* source = row_of(i);
    const auto weight = weight_of(i);
    double* sum = sums.row(codes[i]) + first_col;
    T* target = out.strip(slice, first_strip) + depth * width;
    const unsigned char* ahead = x.at(i + kernel::rows_ahead, first_col);
    for (Index j = 0; j < cols; j += width) {
      if (x.table == nullptr) HSCORE_PREFETCH(ahead + j * x.col_stride);
      pack_strip<T>(source + j, cols - j, shift + first_col + j, weight, sum + j,
                    squares + first_col + j, target);
      target += out.strip_stride();
    }
    if (++depth == out.slice_capacity()) {
      depth = 0;
      ++slice;
    }
  }
}

}  // namespace detail

namespace detail {

// Their shift, a row of each class's sums and the strips' ends stay in the first-level cache.
constexpr Index most_panel_cols = 64;

/// Whether rows are contiguous values of that type, which may be unaligned.
template <class Source>
bool is_native(const FeatureView& x) {
  constexpr DType dtype = std::is_same_v<Source, float> ? DType::float32 : DType::float64;
  return x.dtype == dtype && x.col_stride == Index{sizeof(Source)} && !x.swapped &&
         x.table == nullptr;
}

// All rows of x, of the features in some strips.
template <class T, class Squares>
void pack_strips(const FeatureView& x, const std::int32_t* codes, const double* weights,
                 Index first_strip, Index last_strip, const double* shift, PaddedMatrix& sums,
                 Squares squares, PackedRows<T>& out) {
  constexpr Index width = PackedRows<T>::width;
  const Index first_col = first_strip * width;
  const Index cols = std::min(x.cols, last_strip * width) - first_col;
  const auto pack = [&](auto&& row_of) {
    if (weights == nullptr) {
      pack_panel(x, codes, first_strip, last_strip, shift, sums, squares, out, row_of,
                 [](Index) { return Unweighted{}; });
    } else {
      pack_panel(x, codes, first_strip, last_strip, shift, sums, squares, out, row_of,
                 [&](Index i) { return Weighted(weights[i]); });
    }
  };
  // Native float32 and float64 rows are read in place; anything else passes through a few
  // rows of scratch.
  if (is_native<float>(x)) {
    pack([&](Index i) { return reinterpret_cast<const float*>(x.at(i, first_col)); });
  } else if (is_native<double>(x)) {
    pack([&](Index i) { return reinterpret_cast<const double*>(x.at(i, first_col)); });
  } else {
    RowsInOrder rows(x, first_col, cols);
    pack([&](Index i) { return rows(i); });
  }
}

/// Call body(first, last) for panels of strips. No sum is shared between threads then, and the
/// bits do not depend on their number.
template <class Body>
void for_each_panel(Index strips, Index width, int threads, Body&& body) {
  const Index even_share = (strips + 2 * threads - 1) / (2 * threads);
  const Index panel = std::max<Index>(1, std::min(most_panel_cols / width, even_share));
  parallel_for((strips + panel - 1) / panel, threads,
               [&](Index task) { body(task * panel, std::min(strips, (task + 1) * panel)); });
}

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

/// Pack all rows of x, centred by `shift` and weighted unless `weights` is null, and add them to
/// the class sums; when packing rounds to float32, add the exact squares to `squares` (padded) as
/// well: the diagonal is a sum of positive terms, whose float32 rounding errors do not cancel.
template <class T>
void pack_rows(const FeatureView& x, const std::int32_t* codes, const double* weights,
               const double* shift, PaddedMatrix& sums, double* squares, PackedRows<T>& out,
               int threads) {
  out.set_rows(x.rows);
  detail::for_each_panel(out.strips(), out.width, threads, [&](Index first, Index last) {
    if constexpr (std::is_same_v<T, float>) {
      detail::pack_strips(x, codes, weights, first, last, shift, sums, squares, out);
    } else {
      detail::pack_strips(x, codes, weights, first, last, shift, sums, detail::Unsquared{}, out);
    }
  });
}

}  // namespace hscore
