// S += P' P or S -= P' P, lower triangle, for a packed block of rows P. This is where the time
// goes: N F^2 operations for the covariance, F^3 / 3 for its factor.
#pragma once

#include "hscore/errors.hpp"
#include "quantized_rows.hpp"

namespace hscore {

enum class Sign { add, subtract };

namespace detail {

template <class Multiply, Sign sign, class Packed>
void rank_update_by(const Packed& packed, Index rows, Index cols, double* scatter, Index stride,
                    int threads) {
  using T = typename Packed::Element;
  using Shape = kernel::Shape<T>;
  constexpr Index width = Shape::width;
  constexpr Index tile_rows = Shape::broadcasts;
  constexpr Index most_strips = Multiply::template strips<T>;
  constexpr Index tile_cols = most_strips * width;
  // Blocks of S small enough that they and the strips they need stay in the second-level cache,
  // and many enough to keep the threads evenly busy.
  constexpr Index small_block = 96;
  static_assert(small_block % tile_cols == 0 && small_block % tile_rows == 0);
  const bool beyond_cache = cols >= 1536;  // so many features' rows of a slice are in no near one
  const Index block = beyond_cache ? 2 * small_block : small_block;

  // Nothing is allocated here: an update in place has already changed the class sums.
  const auto across = [&](Index i) { return (std::min(cols, i + block) + block - 1) / block; };
  Index blocks = 0;
  for (Index i = 0; i < rows; i += block) blocks += across(i);
  struct Block {
    Index row, col;
  };
  parallel_for(blocks, threads, [&](Index task) {
    Block corner{0, task};
    for (; corner.col >= across(corner.row); corner.row += block) corner.col -= across(corner.row);
    corner.col *= block;
    const Index stride_of_strips = packed.strip_stride();
    const Index row_end = std::min(rows, corner.row + block);
    const Index col_end = std::min(cols, corner.col + block);
    for (Index slice = 0; slice < packed.slices(); ++slice) {
      const Index slice_rows = packed.slice_rows(slice);
      const double* scale = nullptr;
      if constexpr (std::is_same_v<T, kernel::RowPair>) scale = packed.scales(slice);
      for (Index j = corner.col; j < col_end; j += tile_cols) {
        const T* b = packed.strip(slice, j / width);
        const Index strips = std::min(most_strips, (col_end - j + width - 1) / width);
        const bool slice_ends = j + tile_cols >= col_end && slice + 1 < packed.slices();
        kernel::FetchedAhead next(slice_ends ? packed.strip(slice + 1, corner.col / width)
                                             : b + strips * stride_of_strips,
                                  beyond_cache ? strips * stride_of_strips * Index{sizeof(T)} : 0,
                                  (row_end - std::max(corner.row, j)) / tile_rows);
        for (Index i = std::max(corner.row, j); i < row_end; i += tile_rows) {
          next.fetch_some();
          const T* a = packed.strip(slice, i / width) + i % width;
          double* tile = scatter + i * stride + j;
          kernel::with_strips<most_strips>(strips, [&](auto count) {
            constexpr Index lanes = Shape::lanes;
            kernel::fetch_tile<tile_rows, tile_cols>(tile, stride);
            kernel::micro_kernel<T, decltype(count)::value, Multiply>(
                a, width, 1, stride_of_strips, b, stride_of_strips, slice_rows,
                [&](Index m, Index v, auto value) {
                  double* target = tile + m * stride + v * lanes;
                  if constexpr (std::is_same_v<T, kernel::RowPair>) {
                    static_assert(sign == Sign::add);
                    kernel::add_scaled(target, value, scale[i + m], scale + j + v * lanes);
                  } else if constexpr (sign == Sign::add) {
                    kernel::add_to<T>(target, value);
                  } else {
                    kernel::subtract_from<T>(target, value);
                  }
                });
          });
        }
      }
    }
  });
}

}  // namespace detail

/// Features are rows [0, rows) and columns [0, cols) of S, cols <= rows, row-major with `stride`.
/// S is padded: a tile may write beyond the triangle and up to the strip's or tile's edge.
template <Sign sign, class Packed>
void rank_update(const Packed& packed, Index rows, Index cols, double* scatter, Index stride,
                 int threads) {
#if defined(HSCORE_MAY_FUSE_PAIRS)
  if constexpr (std::is_same_v<typename Packed::Element, kernel::RowPair>) {
    if (kernel::FusedPairs::on_this_cpu()) {
      return detail::rank_update_by<kernel::FusedPairs, sign>(packed, rows, cols, scatter, stride,
                                                              threads);
    }
  }
#endif
  detail::rank_update_by<kernel::MultiplyAdd, sign>(packed, rows, cols, scatter, stride, threads);
}

}  // namespace hscore
