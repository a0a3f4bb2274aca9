// Columns as rows of doubles: the transposition that every matrix stored by columns goes through.
#pragma once

#include <algorithm>
#include <utility>

#include "simd/vector.hpp"

#if !defined(HSCORE_EIGEN_KERNEL) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HSCORE_SHUFFLES
#endif
#endif

namespace hscore::detail {

/// Some rows of a few columns, written column by column and read row by row. It stays in the
/// first-level cache: of a row that was written value by value the line would come and go for each.
class ColumnTile {
 public:
  static constexpr Index most_rows = 64;
  static constexpr Index most_cols = 8;

  /// column(k) is a ValueColumn that begins at the first of the rows. Columns that are lacking are
  /// zero.
  template <class ColumnAt>
  void read(Index rows, Index cols, ColumnAt&& column) {
    rows_ = rows;
    for (Index k = 0; k < cols; ++k) {
      const ValueColumn values = column(k);
      values.read(values.data, values.stride, rows, values_[k]);
    }
    for (Index k = cols; k < most_cols; ++k) std::fill_n(values_[k], rows, 0.0);
  }

  /// sink(m, values) gets as many columns of row m, from k on, as a register holds.
  template <class Sink>
  HSCORE_INLINE void for_each_row(Index k, Sink&& sink) const {
    Index m = 0;
#if defined(HSCORE_SHUFFLES)
    for (; m + lanes <= rows_; m += lanes) {
      kernel::DoubleVector rows[lanes];
      transpose(&values_[k][m], rows);
#pragma GCC unroll 8
      for (Index i = 0; i < lanes; ++i) sink(m + i, rows[i]);
    }
#endif
    for (; m < rows_; ++m) {
      kernel::DoubleLanes row;
      for (Index l = 0; l < lanes; ++l) row[l] = values_[k + l][m];
      sink(m, row);
    }
  }

 private:
  static constexpr Index lanes = kernel::double_lanes;
  static_assert(most_cols % lanes == 0);

#if defined(HSCORE_SHUFFLES)
  template <Index first, std::size_t... lane>
  HSCORE_INLINE static kernel::DoubleVector interleave(kernel::DoubleVector a,
                                                       kernel::DoubleVector b,
                                                       std::index_sequence<lane...>) {
    return __builtin_shufflevector(
        a, b, (first + static_cast<Index>(lane) / 2 + static_cast<Index>(lane) % 2 * lanes)...);
  }
  // Pairs of rows i and i + lanes / 2, as often as it takes, are a shuffle of the index's bits.
  HSCORE_INLINE static void transpose(const double* columns, kernel::DoubleVector* rows) {
    constexpr std::make_index_sequence<lanes> each;
    constexpr Index half = lanes / 2;
#pragma GCC unroll 8
    for (Index i = 0; i < lanes; ++i) rows[i] = kernel::load_lanes(columns + i * most_rows);
#pragma GCC unroll 3
    for (Index round = 1; round < lanes; round *= 2) {
      kernel::DoubleVector shuffled[lanes];
#pragma GCC unroll 4
      for (Index i = 0; i < half; ++i) {
        shuffled[2 * i] = interleave<0>(rows[i], rows[i + half], each);
        shuffled[2 * i + 1] = interleave<half>(rows[i], rows[i + half], each);
      }
#pragma GCC unroll 8
      for (Index i = 0; i < lanes; ++i) rows[i] = shuffled[i];
    }
  }
#endif

  Index rows_ = 0;
  alignas(kernel::alignment) double values_[most_cols][most_rows];
};

/// column(j) is a ValueColumn that begins at the first of the `rows`; row i goes to
/// target + i * stride. The next columns are on their way meanwhile, because the hardware does not
/// foresee where they begin.
template <class ColumnAt>
void read_as_rows(Index rows, Index cols, double* target, Index stride, ColumnAt&& column) {
  constexpr Index lanes = kernel::double_lanes;
  ColumnTile tile;
  for (Index i = 0; i < rows; i += tile.most_rows) {
    const Index count = std::min(tile.most_rows, rows - i);
    const auto from = [&](Index j) {
      ValueColumn values = column(j);
      values.data += i * values.stride;
      return values;
    };
    for (Index j = 0; j < cols; j += tile.most_cols) {
      const Index here = std::min(tile.most_cols, cols - j);
      for (Index k = j + here; k < std::min(j + here + tile.most_cols, cols); ++k) {
        const ValueColumn ahead = from(k);
        const Index bytes = std::min(count * std::abs(ahead.stride), 8 * kernel::cache_line);
        for (Index at = 0; at < bytes; at += kernel::cache_line) HSCORE_PREFETCH(ahead.data + at);
      }
      tile.read(count, here, [&](Index k) { return from(j + k); });
      for (Index k = 0; k < here; k += lanes) {
        double* first = target + i * stride + j + k;
        if (k + lanes <= here) {
          tile.for_each_row(k, [&](Index m, kernel::DoubleLanes row) {
            kernel::store_lanes(first + m * stride, row);
          });
        } else {
          tile.for_each_row(k, [&](Index m, kernel::DoubleLanes row) {
            for (Index l = 0; k + l < here; ++l) first[m * stride + l] = row[l];
          });
        }
      }
    }
  }
}

}  // namespace hscore::detail
