// Rows on their way into the order the register tile reads. Packing subtracts the shift and
// converts the element type, so there is never a centred or converted copy of the features, and it
// adds each row to its class's sum while the row is in cache.
#pragma once

#include <algorithm>
#include <cmath>
#include <type_traits>

#include "hscore/parallel.hpp"
#include "input/column_tile.hpp"
#include "product/packed_rows.hpp"

namespace hscore {

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

// As many values of one row as a register holds.
template <class T, class Weight, class Squares>
HSCORE_INLINE void pack_lanes(kernel::DoubleLanes values, const double* shift, Weight weight,
                              double* sums, Squares squares, T* target) {
  const kernel::DoubleLanes centred = values - kernel::load_lanes(shift);
  kernel::store_lanes(sums, kernel::load_lanes(sums) + weigh(centred, weight));
  if constexpr (std::is_same_v<Squares, double*>) {
    kernel::store_lanes(squares, kernel::load_lanes(squares) + weigh(centred, weight) * centred);
  }
  kernel::store_lanes(target, weigh_root(centred, weight));
}

// One row of one strip, `count` columns of it real. The source may be unaligned.
template <class T, class Source, class Weight, class Squares>
HSCORE_INLINE void pack_strip(const Source* source, Index count, const double* shift, Weight weight,
                              double* sums, Squares squares, T* target) {
  constexpr Index width = PackedRows<T>::width;
  if (count >= width) {
    for (Index l = 0; l < width; l += kernel::double_lanes) {
      pack_lanes<T>(kernel::load_lanes(source + l), shift + l, weight, sums + l, squares + l,
                    target + l);
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
      if constexpr (std::is_same_v<Squares, double*>) {
        squares[l] += weigh(centred, weight) * centred;
      }
    }
    target[l] = static_cast<T>(weigh_root(centred, weight));
  }
}

// Rows that have to be packed, which become those from `start` on. The shift, the sums and the
// squares are padded to whole strips.
template <class T, class Squares, class WeightOf>
struct PackedPart {
  const FeatureView& x;
  const std::int32_t* codes;
  WeightOf weight_of;
  Index start;
  const double* shift;
  PaddedMatrix& sums;
  Squares squares;
  PackedRows<T>& out;
};

// row_of(i) points to the panel's columns of row i.
template <class T, class Squares, class WeightOf, class RowOf>
void pack_panel(const PackedPart<T, Squares, WeightOf>& part, Index first_strip, Index last_strip,
                RowOf&& row_of) {
  constexpr Index width = PackedRows<T>::width;
  const FeatureView& x = part.x;
  PackedRows<T>& out = part.out;
  const Index first_col = first_strip * width;
  const Index cols = std::min(x.cols, last_strip * width) - first_col;
  Index slice = part.start / out.slice_capacity();
  Index depth = part.start % out.slice_capacity();
  for (Index i = 0; i < x.rows; ++i) {
    const auto* source = row_of(i);
    const auto weight = part.weight_of(i);
    double* sum = part.sums.row(part.codes[i]) + first_col;
    T* target = out.strip(slice, first_strip) + depth * width;
    // Which rows are kept is not known beyond the last.
    const Index next = i + kernel::rows_ahead;
    const unsigned char* ahead =
        x.at(x.kept == nullptr ? next : std::min(next, x.rows - 1), first_col);
    for (Index j = 0; j < cols; j += width) {
      HSCORE_PREFETCH(ahead + j * x.col_stride);
      pack_strip<T>(source + j, cols - j, part.shift + first_col + j, weight, sum + j,
                    part.squares + first_col + j, target);
      target += out.strip_stride();
    }
    if (++depth == out.slice_capacity()) {
      depth = 0;
      ++slice;
    }
  }
}

// A few columns at a time from beginning to end, each in long stretches: they may be so far apart
// that neither the cache nor its table of pages holds many of them.
template <class T, class Squares, class WeightOf>
void pack_columns(const PackedPart<T, Squares, WeightOf>& part, Index first_strip,
                  Index last_strip) {
  constexpr Index width = PackedRows<T>::width;
  constexpr Index lanes = kernel::double_lanes;
  PackedRows<T>& out = part.out;
  const RowReader read(part.x);
  ColumnTile tile;
  ValueColumn columns[ColumnTile::most_cols];
  const Index end_col = last_strip * width;
  for (Index col = first_strip * width; col < end_col; col += tile.most_cols) {
    const Index padded = std::min(tile.most_cols, end_col - col);
    const Index cols = std::clamp(part.x.cols - col, Index{0}, padded);
    for (Index i = 0, count = 0; i < part.x.rows; i += count) {
      const Index slice = (part.start + i) / out.slice_capacity();
      const Index depth = (part.start + i) % out.slice_capacity();
      count = std::min({tile.most_rows, part.x.rows - i, out.slice_capacity() - depth});
      count = read.find_columns(i, count, col, cols, columns);
      tile.read(count, cols, [&](Index k) { return columns[k]; });
      for (Index k = 0; k < cols; ++k) columns[k].data += count * columns[k].stride;
      for (Index k = 0; k < padded; k += lanes) {
        const Index at = col + k;
        T* target = out.strip(slice, at / width) + depth * width + at % width;
        tile.for_each_row(k, [&](Index m, kernel::DoubleLanes row) {
          // What is read next is on its way, a line with every row.
          const Index ahead = m % tile.most_cols;
          if (k == 0 && ahead < cols) {
            HSCORE_PREFETCH(columns[ahead].data + m / tile.most_cols * kernel::cache_line);
          }
          pack_lanes<T>(row, part.shift + at, part.weight_of(i + m),
                        part.sums.row(part.codes[i + m]) + at, part.squares + at,
                        target + m * width);
        });
      }
    }
  }
}

/// Call body(piece, start, first, last) for the strips of all rows: of a table in pieces of rows,
/// from `start` on, whose values lie beside each other, or of columns that do not.
template <class Body>
void for_each_piece(const FeatureView& x, Index width, Index first_strip, Index last_strip,
                    Body&& body) {
  if (x.kind() != FeatureKind::table) return body(x, Index{0}, first_strip, last_strip);
  for (Index start = 0, rows = 0; start < x.rows; start += rows) {
    // How many strips there are from one on; none if its columns lie apart.
    FeatureView found;
    const auto beside = [&](Index strip) {
      found = x.table->find_rows(x.first_row + x.source_row(start), strip * width);
      rows = x.run_length(start, std::min(found.rows, x.rows - start));
      const bool to_the_end = found.cols >= std::min(x.cols, last_strip * width) - strip * width;
      return to_the_end ? last_strip - strip : found.cols / width;
    };
    for (Index strip = first_strip; strip < last_strip;) {
      Index end = strip + beside(strip);
      if (end > strip) {
        found.data -= strip * width * found.col_stride;  // where the first feature would be
        found.rows = rows;
        found.cols = x.cols;
        end = std::min(end, last_strip);
        body(found, start, strip, end);
      } else {
        do ++end;
        while (end < last_strip && beside(end) == 0);
        body(x.row_range(start, rows), start, strip, end);
      }
      strip = end;
    }
  }
}

/// Whether rows are contiguous values of that type, which may be unaligned.
template <class Source>
bool is_native(const FeatureView& x) {
  constexpr DType dtype = std::is_same_v<Source, float> ? DType::float32 : DType::float64;
  return x.dtype == dtype && x.col_stride == Index{sizeof(Source)} && !x.swapped &&
         x.kind() != FeatureKind::table;
}

// Native float32 and float64 rows are read in place; others pass through a few rows of scratch.
template <class T, class Squares, class WeightOf>
void pack_part(const PackedPart<T, Squares, WeightOf>& part, Index first_strip, Index last_strip) {
  constexpr Index width = PackedRows<T>::width;
  const FeatureView& x = part.x;
  const Index first_col = first_strip * width;
  if (is_native<float>(x)) {
    pack_panel(part, first_strip, last_strip,
               [&](Index i) { return reinterpret_cast<const float*>(x.at(i, first_col)); });
  } else if (is_native<double>(x)) {
    pack_panel(part, first_strip, last_strip,
               [&](Index i) { return reinterpret_cast<const double*>(x.at(i, first_col)); });
  } else if (RowReader(x).by_columns()) {
    pack_columns(part, first_strip, last_strip);
  } else {
    RowsInOrder rows(x, first_col, std::min(x.cols, last_strip * width) - first_col);
    pack_panel(part, first_strip, last_strip, [&](Index i) { return rows(i); });
  }
}

// All rows of x, of the features in some strips.
template <class T, class Squares>
void pack_strips(const FeatureView& x, const std::int32_t* codes, const double* weights,
                 Index first_strip, Index last_strip, const double* shift, PaddedMatrix& sums,
                 Squares squares, PackedRows<T>& out) {
  for_each_piece(x, out.width, first_strip, last_strip,
                 [&](const FeatureView& piece, Index start, Index first, Index last) {
                   const auto pack = [&](auto&& weight_of) {
                     using WeightOf = std::decay_t<decltype(weight_of)>;
                     pack_part(PackedPart<T, Squares, WeightOf>{piece, codes + start, weight_of,
                                                                start, shift, sums, squares, out},
                               first, last);
                   };
                   if (weights == nullptr) {
                     pack([](Index) { return Unweighted{}; });
                   } else {
                     pack([&](Index i) { return Weighted(weights[start + i]); });
                   }
                 });
}

// Columns that lie apart are packed a few at a time anyway, and those fit into a nearer cache.
inline Index panel_cols(const FeatureView& x) {
  const bool beside = x.kind() == FeatureKind::table && x.rows > 0 &&
                      x.table->find_rows(x.first_row + x.source_row(0), 0).cols != 0;
  return RowReader(x).by_columns() && !beside ? 16 : most_panel_cols;
}

/// Call body(first, last) for panels of strips. No sum is shared between threads then, and the
/// bits do not depend on their number.
template <class Body>
void for_each_panel(const FeatureView& x, Index strips, Index width, int threads, Body&& body) {
  const Index even_share = (strips + 2 * threads - 1) / (2 * threads);
  const Index panel = std::max<Index>(1, std::min(panel_cols(x) / width, even_share));
  parallel_for((strips + panel - 1) / panel, threads,
               [&](Index task) { body(task * panel, std::min(strips, (task + 1) * panel)); });
}

}  // namespace detail

/// Up to `most` rows of x from row `first` on, if they lie in one piece with little between them.
inline kernel::ToCome rows_to_come(const FeatureView& x, Index first, Index most) {
  const Index row_bytes = x.cols * x.col_stride;
  const bool in_one_piece = x.kind() != FeatureKind::table && x.kept == nullptr &&
                            x.col_stride > 0 && x.row_stride >= row_bytes &&
                            x.row_stride <= 2 * row_bytes;
  if (!in_one_piece) return {};
  return {x.at(first, 0), std::min(x.rows - first, most) * x.row_stride};
}

/// Pack all rows of x, centred by `shift` and weighted unless `weights` is null, and add them to
/// the class sums; when packing rounds to float32, add the exact squares to `squares` (padded) as
/// well: the diagonal is a sum of positive terms, whose float32 rounding errors do not cancel.
template <class T>
void pack_rows(const FeatureView& x, const std::int32_t* codes, const double* weights,
               const double* shift, PaddedMatrix& sums, double* squares, PackedRows<T>& out,
               int threads) {
  out.set_rows(x.rows);
  detail::for_each_panel(x, out.strips(), out.width, threads, [&](Index first, Index last) {
    if constexpr (std::is_same_v<T, float>) {
      detail::pack_strips(x, codes, weights, first, last, shift, sums, squares, out);
    } else {
      detail::pack_strips(x, codes, weights, first, last, shift, sums, detail::Unsquared{}, out);
    }
  });
}

}  // namespace hscore
