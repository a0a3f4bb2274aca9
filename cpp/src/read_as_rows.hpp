// Columns as rows of doubles: the transposition that every matrix stored by columns goes through.
#pragma once

#include <algorithm>

#include "kernel.hpp"

namespace hscore::detail {

/// column(j) is a ValueColumn that begins at the first of the `rows`; row i goes to
/// target + i * stride. Through a tile in the first cache, because of a row that was written value
/// by value the cache line would come and go for each; and with the next columns on their way,
/// because the hardware does not foresee where they begin.
template <class ColumnAt>
void read_as_rows(Index rows, Index cols, double* target, Index stride, ColumnAt&& column) {
  constexpr Index width = 8;
  constexpr Index height = 64;
  constexpr Index cache_line = 64;
  double tile[width][height];
  for (Index i = 0; i < rows; i += height) {
    const Index count = std::min(height, rows - i);
    for (Index j = 0; j < cols; j += width) {
      const Index here = std::min(width, cols - j);
      for (Index k = 0; k < here; ++k) {
        if (j + width + k < cols) {
          const ValueColumn ahead = column(j + width + k);
          const Index bytes = std::min(count * std::abs(ahead.stride), 8 * cache_line);
          for (Index at = 0; at < bytes; at += cache_line) {
            HSCORE_PREFETCH(ahead.data + i * ahead.stride + at);
          }
        }
        const ValueColumn values = column(j + k);
        values.read(values.data + i * values.stride, values.stride, count, tile[k]);
      }
      double* row = target + i * stride + j;
      for (Index m = 0; m < count; ++m, row += stride) {
        if (here == width) {
          for (Index k = 0; k < width; ++k) row[k] = tile[k][m];
        } else {
          for (Index k = 0; k < here; ++k) row[k] = tile[k][m];
        }
      }
    }
  }
}

}  // namespace hscore::detail
