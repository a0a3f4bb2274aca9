// Features and labels as the core sees them: a pointer, a shape, strides and an element type.
// Nothing is owned and nothing is copied.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <vector>

#include "hscore/errors.hpp"

namespace hscore {

using Index = std::ptrdiff_t;

enum class DType : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  uint8,
  uint16,
  uint32,
  uint64,
  float16,
  bfloat16,
  float32,
  float64,
};

class ColumnTable;
class RowBlocks;

/// Where the values of a FeatureView lie.
enum class FeatureKind {
  matrix,  // in memory, at `data`
  table,   // columns that lie apart from each other, as in a data frame: `table`
  blocks,  // rows that are read from elsewhere, block by block: `blocks`, for for_each_block only
};

/// A real matrix of any layout, rows are samples and columns are features. Strides are in bytes and
/// may be zero or negative; elements need not be aligned and may be byte-swapped.
struct FeatureView {
  const unsigned char* data = nullptr;
  Index rows = 0;
  Index cols = 0;
  Index row_stride = 0;
  Index col_stride = 0;
  DType dtype = DType::float64;
  bool swapped = false;
  const ColumnTable* table = nullptr;
  Index first_row = 0;  // of the table
  const RowBlocks* blocks = nullptr;
  const Index* kept = nullptr;  // which rows of the data or the table these are, if not all

  FeatureKind kind() const {
    return blocks != nullptr  ? FeatureKind::blocks
           : table != nullptr ? FeatureKind::table
                              : FeatureKind::matrix;
  }
  /// Where a row lies in the data, or behind the table's first row.
  Index source_row(Index row) const { return kept == nullptr ? row : kept[row]; }
  /// How many rows from one on, up to `count`, follow each other there.
  Index run_length(Index row, Index count) const {
    if (kept == nullptr) return count;
    Index length = 1;
    while (length < count && kept[row + length] == kept[row] + length) ++length;
    return std::min(length, count);
  }
  const unsigned char* at(Index row, Index col) const {
    return data + source_row(row) * row_stride + col * col_stride;
  }
  FeatureView row_range(Index first, Index count) const {
    FeatureView part = *this;
    part.rows = count;
    if (kept != nullptr) {
      part.kept += first;
    } else {
      part.data = at(first, 0);
      part.first_row += first;
    }
    return part;
  }
};

/// Class codes 0 .. n_classes-1, one per row. They are checked once and then used as indices, so
/// they must not change during a call; nor must weights. Features may: they give some score or an
/// error.
struct LabelView {
  const std::int32_t* codes = nullptr;
  Index rows = 0;
  Index classes = 0;

  LabelView row_range(Index first, Index count) const { return {codes + first, count, classes}; }
};

struct Float16 {
  std::uint16_t bits;
};
struct BFloat16 {
  std::uint16_t bits;
};

namespace detail {

inline float from_bits(std::uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

template <class T>
inline double widen(T value) {
  return static_cast<double>(value);
}
inline double widen(BFloat16 value) {
  return from_bits(static_cast<std::uint32_t>(value.bits) << 16);
}
// Branch-free, so that loops over it vectorize: shift the exponent and mantissa into place and
// multiply by 2^112 to repair the bias, which also normalizes subnormals; then restore inf and nan.
inline double widen(Float16 value) {
  const std::uint32_t magnitude = static_cast<std::uint32_t>(value.bits & 0x7fff) << 13;
  const std::uint32_t sign = static_cast<std::uint32_t>(value.bits & 0x8000) << 16;
  const float scaled = from_bits(magnitude) * from_bits(0x77800000);  // 2^112
  std::uint32_t bits;
  std::memcpy(&bits, &scaled, sizeof bits);
  bits |= magnitude >= 0x0f800000 ? 0x7f800000u : 0u;
  return from_bits(bits | sign);
}

template <class T, bool Swapped>
inline double load_as_double(const unsigned char* address) {
  T value;
  if constexpr (Swapped) {
    unsigned char reversed[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) reversed[i] = address[sizeof(T) - 1 - i];
    std::memcpy(&value, reversed, sizeof(T));
  } else {
    std::memcpy(&value, address, sizeof(T));
  }
  return widen(value);
}

/// Reads `count` values that lie `stride` bytes apart.
using ReadValues = void (*)(const unsigned char* source, Index stride, Index count, double* target);
ReadValues value_reader(DType dtype, bool swapped);

/// One column's values, `stride` bytes apart.
struct ValueColumn {
  const unsigned char* data;
  Index stride;
  ReadValues read;
};

}  // namespace detail

/// Floating-point elements of four bytes or fewer, whose own rounding exceeds float32 products'.
inline bool is_narrow(DType dtype) {
  return dtype == DType::float32 || dtype == DType::float16 || dtype == DType::bfloat16;
}

/// Call `visitor` with a value of the element's C++ type.
template <class Visitor>
decltype(auto) visit_dtype(DType dtype, Visitor&& visitor) {
  switch (dtype) {
    case DType::boolean:
    case DType::uint8:
      return visitor(std::uint8_t{});
    case DType::int8:
      return visitor(std::int8_t{});
    case DType::int16:
      return visitor(std::int16_t{});
    case DType::int32:
      return visitor(std::int32_t{});
    case DType::int64:
      return visitor(std::int64_t{});
    case DType::uint16:
      return visitor(std::uint16_t{});
    case DType::uint32:
      return visitor(std::uint32_t{});
    case DType::uint64:
      return visitor(std::uint64_t{});
    case DType::float16:
      return visitor(Float16{});
    case DType::bfloat16:
      return visitor(BFloat16{});
    case DType::float32:
      return visitor(float{});
    case DType::float64:
      return visitor(double{});
  }
  throw std::invalid_argument("unknown element type");
}

/// Columns that were allocated one by one and perhaps in pieces: the columns of a data frame or of
/// an Arrow table. Nothing is owned; all pieces of a segment of rows are of its length.
class ColumnTable {
 public:
  explicit ColumnTable(Index cols) : cols_(cols) {}

  /// Begin a segment of `rows` rows. Each of its columns must follow by `add_columns`. Throws
  /// std::invalid_argument if the segment before lacks any.
  void add_segment(Index rows);
  /// The next columns of the last segment. Throws std::invalid_argument for a wrong size.
  void add_columns(const FeatureView& columns);

  /// Columns that lie evenly apart, in a single segment, are one strided matrix and come as such.
  FeatureView view() const;

  /// As RowReader::find_columns.
  Index find_columns(Index row, Index rows, Index first_col, Index cols,
                     detail::ValueColumn* found) const;
  /// The rest of a segment, from a row on, and of the columns those from the first on that lie
  /// beside each other in each row; no columns where it is not worth while.
  FeatureView find_rows(Index row, Index first_col) const;
  /// Row i of the `rows` begins at target + i * target_stride.
  void read_rows(Index row, Index rows, Index first_col, Index cols, double* target,
                 Index target_stride) const;

 private:
  struct Column : detail::ValueColumn {
    DType dtype;
    bool swapped;
    Index beside;  // columns from this one on whose values lie side by side in a row
  };
  void check_size() const;
  void check_complete() const;
  /// The segment of a row, and how far into it the row is.
  Index find_segment(Index row, Index* within) const;
  /// Rows of a segment.
  Index segment_rows(Index segment) const;

  Index cols_;
  Index rows_ = 0;
  std::vector<Index> first_rows_;  // of each segment
  std::vector<Column> columns_;    // of all segments
};

/// Reads parts of a view's rows into doubles. Throws std::invalid_argument for rows in blocks.
class RowReader {
 public:
  explicit RowReader(const FeatureView& view);

  void operator()(Index row, Index first_col, Index count, double* target) const {
    if (view_.kind() == FeatureKind::table) {
      const Index source = view_.first_row + view_.source_row(row);
      view_.table->read_rows(source, 1, first_col, count, target, count);
    } else {
      read_(view_.at(row, first_col), view_.col_stride, count, target);
    }
  }
  /// Column by column; row i of the `rows` begins at target + i * target_stride.
  void columns(Index row, Index rows, Index first_col, Index cols, double* target,
               Index target_stride) const;
  /// Where some columns have a row; returns for how many rows, up to `rows`, they go on from there.
  Index find_columns(Index row, Index rows, Index first_col, Index cols,
                     detail::ValueColumn* found) const;
  /// Whether it pays to read several rows at a time, because their values lie side by side.
  bool by_columns() const;

 private:
  FeatureView view_;
  detail::ReadValues read_;
};

/// Rows of a view, or a range of their columns, that are asked for in ascending order. What lies
/// column by column is read a cache line of each column at a time.
class RowsInOrder {
 public:
  RowsInOrder(const FeatureView& view, Index first_col, Index cols);

  /// Valid until the next call.
  const double* operator()(Index row) {
    if (row < first_ || row >= end_) read_from(row);
    return values_.data() + (row - first_) * stride_;
  }

 private:
  void read_from(Index row);

  RowReader read_;
  Index rows_;
  Index first_col_;
  Index cols_;
  Index together_;
  Index stride_;
  Index first_ = 0;  // of the rows that are in `values_`
  Index end_ = 0;
  std::vector<double> values_;
};

/// Throws std::invalid_argument unless positive, OutOfMemory where a square of that size cannot
/// fit.
Index checked_features(Index features);

/// Throws std::invalid_argument unless there is one code per row and each is below `classes`.
void check_labels(const FeatureView& features, const LabelView& labels);

/// How many classes there are when others are counted in, map[c] being the code of their class c.
/// Throws std::invalid_argument for a map of another length or with a negative entry.
Index merged_classes(Index mine, Index theirs, const std::vector<std::int32_t>& map);

/// Where the first NaN or infinity is, or value larger than `largest`, which it is, and how many
/// there are.
struct NonFinite {
  Index count = 0;
  Index row = -1;
  Index col = -1;
  double value = 0;
};
NonFinite find_non_finite(const FeatureView& view, int threads, const StopCheck& stop = {},
                          double largest = std::numeric_limits<double>::max());

}  // namespace hscore
