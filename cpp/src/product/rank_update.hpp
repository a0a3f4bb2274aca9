// S += P' P or S -= P' P, lower triangle, for a packed block of rows P. This is where the time
// goes: N F^2 operations for the covariance, F^3 / 3 for its factor.
#pragma once

#include "hscore/errors.hpp"
#include "product/digit_rows.hpp"
#include "simd/float_kernel.hpp"
#include "simd/int16_kernel.hpp"

namespace hscore {

enum class Sign { add, subtract };

namespace detail {

/// Where the sums of a tile go. Those of integers are in units of the features' scales.
template <class T, Sign sign>
struct Target {
  double* tile;
  Index stride;
  const double* row_scale;
  const double* col_scale;

  template <class V>
  HSCORE_INLINE void add(Index row, Index col, V value) const {
    double* at = tile + row * stride + col;
    if constexpr (std::is_integral_v<T>) {
      static_assert(sign == Sign::add);
      kernel::add_scaled(at, value, row_scale[row], col_scale + col);
    } else if constexpr (sign == Sign::add) {
      kernel::add_to<T>(at, value);
    } else {
      kernel::subtract_from<T>(at, value);
    }
  }
};

/// Tiles of S in the registers of the vector unit, and what they take of packed rows.
template <class T, Sign sign, class Multiply>
class RegisterTiles {
 public:
  static constexpr Index width = kernel::Shape<T>::width;
  static constexpr Index rows = kernel::Shape<T>::broadcasts;
  static constexpr Index most_strips = Multiply::template strips<T>;

  template <class Packed>
  static const T* right(const Packed& packed, Index slice, Index strip) {
    return packed.strip(slice, strip);
  }
  template <Index strips, class Packed>
  HSCORE_INLINE void multiply(const Packed& packed, Index slice, Index i, const T* b,
                              const Target<T, sign>& target, kernel::FetchedAhead& ahead) const {
    const T* a = packed.strip(slice, i / width) + i % width;
    const Index stride = packed.strip_stride();
    const Index depth = packed.slice_rows(slice);
    const kernel::FetchNextAndLater fetch{{stride}, ahead.in_steps(depth)};
    kernel::micro_kernel<T, strips, Multiply>(
        a, width, 1, fetch, b, stride, depth,
        [&](Index m, Index v, auto value) { target.add(m, v * kernel::Shape<T>::lanes, value); });
  }
};

#if defined(HSCORE_TILE_UNIT)
/// Tiles of S as the tile unit makes them. While it makes one, the vector unit adds the one before.
template <Sign sign, int digits>
class UnitTiles {
 public:
  static constexpr Index width = tiles::side;
  static constexpr Index rows = tiles::side;
  static constexpr Index most_strips = 1;

  ~UnitTiles() { add_rows(rows); }

  static const std::int8_t* right(const DigitRows& packed, Index slice, Index strip) {
    return packed.right(slice, strip);
  }
  template <Index strips>
  HSCORE_INLINE void multiply(const DigitRows& packed, Index slice, Index i, const std::int8_t* b,
                              const Target<std::int8_t, sign>& target,
                              kernel::FetchedAhead& ahead) {
    ahead.at_once();
    const Index steps = packed.steps(slice);
    const Index at_a_time = (rows - 1) / steps + 1;
    tiles::multiply<digits>(packed.left(slice, i / width), b, steps, sums_[0],
                            [&] { add_rows(at_a_time); });
    left_ = rows;
    target_ = target;
  }

 private:
  HSCORE_INLINE void add_rows(Index count) {
    constexpr Index lanes = kernel::double_lanes;
    for (; count > 0 && left_ > 0; --count, --left_) {
      const Index m = rows - left_;
      const tiles::Parts<digits> parts = tiles::combine<digits>(
          [&](int w) { return *reinterpret_cast<const tiles::Sums*>(sums_[w] + m * width); });
      const auto add_half = [&](auto half) {
        kernel::DoubleLanes value = kernel::widen<decltype(half)::value>(parts.of[0]);
        for (int p = 1; p < digits - 1; ++p) {
          value = value * 256.0 + kernel::widen<decltype(half)::value>(parts.of[p]);
        }
        target_.add(m, half * lanes, value);
      };
      add_half(std::integral_constant<int, 0>{});
      add_half(std::integral_constant<int, 1>{});
    }
  }

  tiles::Session session_;
  alignas(kernel::alignment) std::int32_t sums_[tiles::weights<digits>][rows * width];
  Index left_ = 0;  // rows of the last tile that are yet to be added
  Target<std::int8_t, sign> target_ = {};
};
#endif

template <class Tiles, Sign sign, class Packed>
void rank_update_by(const Packed& packed, Index rows, Index cols, double* scatter, Index stride,
                    int threads, const kernel::ToCome& to_come) {
  using T = typename Packed::Element;
  constexpr Index width = Tiles::width;
  constexpr Index tile_rows = Tiles::rows;
  constexpr Index most_strips = Tiles::most_strips;
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
    Tiles tiles;
    Block corner{0, task};
    for (; corner.col >= across(corner.row); corner.row += block) corner.col -= across(corner.row);
    corner.col *= block;
    const Index stride_of_strips = packed.strip_stride();
    const Index row_end = std::min(rows, corner.row + block);
    const Index col_end = std::min(cols, corner.col + block);
    const auto tiles_below = [&](Index j) {
      return std::max<Index>(0, row_end - std::max(corner.row, j) + tile_rows - 1) / tile_rows;
    };
    Index products = 0;
    for (Index j = corner.col; j < col_end; j += tile_cols) {
      products += packed.slices() * tiles_below(j);
    }
    kernel::FetchedAhead ahead(to_come.part(task, blocks), products);
    for (Index slice = 0; slice < packed.slices(); ++slice) {
      const double* scale = scatter;  // not looked at
      if constexpr (std::is_integral_v<T>) scale = packed.scales(slice);
      for (Index j = corner.col; j < col_end; j += tile_cols) {
        const T* b = Tiles::right(packed, slice, j / width);
        const Index strips = std::min(most_strips, (col_end - j + width - 1) / width);
        if (beyond_cache) {
          const bool slice_ends = j + tile_cols >= col_end && slice + 1 < packed.slices();
          const T* next = slice_ends ? Tiles::right(packed, slice + 1, corner.col / width)
                                     : b + strips * stride_of_strips;
          const Index bytes = strips * stride_of_strips * Index{sizeof(T)};
          ahead = kernel::FetchedAhead({next, bytes}, tiles_below(j));
        }
        for (Index i = std::max(corner.row, j); i < row_end; i += tile_rows) {
          const Target<T, sign> target{scatter + i * stride + j, stride, scale + i, scale + j};
          kernel::with_strips<most_strips>(strips, [&](auto count) {
            kernel::fetch_tile<tile_rows, tile_cols>(target.tile, stride);
            tiles.template multiply<decltype(count)::value>(packed, slice, i, b, target, ahead);
          });
        }
      }
    }
  });
}

}  // namespace detail

/// Features are rows [0, rows) and columns [0, cols) of S, cols <= rows, row-major with `stride`.
/// S is padded: a tile may write beyond the triangle and up to the strip's or tile's edge. Of so
/// many features that no near cache has room for it, what is to come is not fetched.
template <Sign sign, class Packed>
void rank_update(const Packed& packed, Index rows, Index cols, double* scatter, Index stride,
                 int threads, const kernel::ToCome& to_come = {}) {
  using T = typename Packed::Element;
  const auto by = [&](auto* kind) {
    using Tiles = std::remove_pointer_t<decltype(kind)>;
    detail::rank_update_by<Tiles, sign>(packed, rows, cols, scatter, stride, threads, to_come);
  };
  if constexpr (std::is_same_v<Packed, DigitRows>) {
#if defined(HSCORE_TILE_UNIT)
    tiles::with_digits(packed.digits(), [&](auto digits) {
      by(static_cast<detail::UnitTiles<sign, decltype(digits)::value>*>(nullptr));
    });
#endif
  } else {
    using detail::RegisterTiles;
    if constexpr (std::is_same_v<T, kernel::RowPair>) {
#if defined(HSCORE_MAY_FUSE_PAIRS)
      if (kernel::FusedPairs::on_this_cpu()) {
        return by(static_cast<RegisterTiles<T, sign, kernel::FusedPairs>*>(nullptr));
      }
#endif
#if defined(HSCORE_ROW_PAIRS)
      by(static_cast<RegisterTiles<T, sign, kernel::MultiplyPairs>*>(nullptr));
#endif
    } else {
      by(static_cast<RegisterTiles<T, sign, kernel::MultiplyAdd>*>(nullptr));
    }
  }
}

}  // namespace hscore
