// A block of rows in the order the register tile reads it: [slice][strip][row][lane]. Packing
// subtracts the shift and converts the element type, so there is never a centred or converted copy
// of the features, and it adds each row to its class's sum while the row is in cache.
#pragma once

#include <algorithm>

#include "hscore/buffer.hpp"
#include "hscore/parallel.hpp"
#include "kernel.hpp"

namespace hscore {

template <class T>
class PackedRows {
 public:
  static constexpr Index width = kernel::Shape<T>::width;

  PackedRows(Index most_rows, Index features)
      : slice_capacity_(std::min(most_rows, kernel::depth)),
        strips_((features + width - 1) / width),
        buffer_((most_rows + slice_capacity_ - 1) / slice_capacity_ * slice_capacity_,
                strips_ * width) {}

  void set_rows(Index rows) { rows_ = rows; }
  Index rows() const { return rows_; }
  Index strips() const { return strips_; }
  Index slices() const { return (rows_ + slice_capacity_ - 1) / slice_capacity_; }
  Index slice_capacity() const { return slice_capacity_; }
  Index slice_rows(Index slice) const {
    return std::min(slice_capacity_, rows_ - slice * slice_capacity_);
  }
  Index strip_stride() const { return slice_capacity_ * width; }
  T* strip(Index slice, Index strip) {
    return buffer_.data() + (slice * strips_ + strip) * strip_stride();
  }
  const T* strip(Index slice, Index strip) const {
    return buffer_.data() + (slice * strips_ + strip) * strip_stride();
  }

 private:
  Index rows_ = 0;
  Index slice_capacity_;
  Index strips_;
  AlignedBuffer<T> buffer_;
};

namespace detail {

// Where a row's elements come from: native float32 and float64 rows are read in place, anything
// else goes through a few hundred doubles of scratch.
template <class Element>
struct Direct {
  const unsigned char* row;
  double operator()(Index j) const {
    return load_as_double<Element, false>(row + j * static_cast<Index>(sizeof(Element)));
  }
};
struct Scratch {
  const double* row;
  double operator()(Index j) const { return row[j]; }
};

// One row of one strip. `shift` and `sums` are padded, the source is not.
template <class T, class Source>
HSCORE_INLINE void pack_strip(Source source, Index first, Index count,
                              const double* __restrict shift, double* __restrict sums,
                              T* __restrict target) {
  constexpr Index width = PackedRows<T>::width;
  if (count >= width) {
    for (Index l = 0; l < width; ++l) {
      const double centred = source(first + l) - shift[first + l];
      sums[first + l] += centred;
      target[l] = static_cast<T>(centred);
    }
    return;
  }
  for (Index l = 0; l < count; ++l) {
    const double centred = source(first + l) - shift[first + l];
    sums[first + l] += centred;
    target[l] = static_cast<T>(centred);
  }
  for (Index l = count; l < width; ++l) target[l] = T(0);
}

template <class T, class MakeSource>
void pack_panel(const FeatureView& x, const std::int32_t* codes, Index first_strip,
                Index last_strip, const double* shift, PaddedMatrix& sums, PackedRows<T>& out,
                MakeSource&& make_source) {
  constexpr Index width = PackedRows<T>::width;
  const Index first_col = first_strip * width;
  const Index end_col = std::min(x.cols, last_strip * width);
  Index slice = 0;
  Index depth = 0;
  for (Index i = 0; i < x.rows; ++i) {
    const auto source = make_source(i, first_col, end_col);
    double* sum = sums.row(codes[i]) + first_col;
    T* target = out.strip(slice, first_strip) + depth * width;
    for (Index col = first_col; col < end_col; col += width) {
      pack_strip<T>(source, col - first_col, end_col - col, shift + first_col, sum, target);
      target += out.strip_stride();
    }
    if (++depth == out.slice_capacity()) {
      depth = 0;
      ++slice;
    }
  }
}

}  // namespace detail

/// Pack all rows of x, centred by `shift`, and add them to the class sums. Tasks are panels of
/// columns, so that no sum is shared between threads and the bits do not depend on their number.
template <class T>
void pack_rows(const FeatureView& x, const std::int32_t* codes, const double* shift,
               PaddedMatrix& sums, PackedRows<T>& out, int threads) {
  constexpr Index width = PackedRows<T>::width;
  constexpr Index most_cols = 256;
  out.set_rows(x.rows);
  const Index even_share = (out.strips() + 2 * threads - 1) / (2 * threads);
  const Index panel = std::max<Index>(1, std::min(most_cols / width, even_share));
  const Index panels = (out.strips() + panel - 1) / panel;
  parallel_for(panels, threads, [&](Index task) {
    const Index first = task * panel;
    const Index last = std::min(out.strips(), first + panel);
    const bool packed_row =
        !x.swapped && ((x.dtype == DType::float32 && x.col_stride == Index{sizeof(float)}) ||
                       (x.dtype == DType::float64 && x.col_stride == Index{sizeof(double)}));
    if (packed_row && x.dtype == DType::float32) {
      detail::pack_panel(x, codes, first, last, shift, sums, out, [&](Index i, Index col, Index) {
        return detail::Direct<float>{x.at(i, col)};
      });
    } else if (packed_row) {
      detail::pack_panel(x, codes, first, last, shift, sums, out, [&](Index i, Index col, Index) {
        return detail::Direct<double>{x.at(i, col)};
      });
    } else {
      alignas(kernel::alignment) double row[most_cols];
      const RowReader read = row_reader(x);
      detail::pack_panel(x, codes, first, last, shift, sums, out,
                         [&](Index i, Index col, Index end) {
                           read(x.at(i, col), x.col_stride, end - col, row);
                           return detail::Scratch{row};
                         });
    }
  });
}

}  // namespace hscore
