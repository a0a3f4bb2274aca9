#include <algorithm>
#include <string>

#include "hscore/buffer.hpp"
#include "hscore/views.hpp"
#include "input/column_tile.hpp"

namespace hscore {

namespace {

constexpr Index least_beside = 8;  // values that are worth a call of their own

Index element_size(DType dtype) {
  return visit_dtype(dtype, [](auto element) { return Index{sizeof element}; });
}

void read_side_by_side(const detail::ValueColumn& first, Index size, Index row, Index rows,
                       Index count, double* target, Index target_stride) {
  const unsigned char* source = first.data + row * first.stride;
  for (Index i = 0; i < rows; ++i, source += first.stride, target += target_stride) {
    const unsigned char* ahead = source + kernel::rows_ahead * first.stride;
    for (Index at = 0; at < count * size; at += kernel::cache_line) HSCORE_PREFETCH(ahead + at);
    first.read(source, size, count, target);
  }
}

}  // namespace

void ColumnTable::add_segment(Index rows) {
  check_size();
  check_complete();
  first_rows_.push_back(rows_);
  rows_ += rows;
}

void ColumnTable::add_columns(const FeatureView& columns) {
  const Index segments = static_cast<Index>(first_rows_.size());
  const Index missing = segments * cols_ - static_cast<Index>(columns_.size());
  if (segments == 0 || columns.rows != rows_ - first_rows_.back() || columns.cols > missing) {
    throw std::invalid_argument("columns of " + std::to_string(columns.rows) + " x " +
                                std::to_string(columns.cols) + " do not fit their segment");
  }
  const auto read = detail::value_reader(columns.dtype, columns.swapped);
  const bool by_rows = columns.col_stride == element_size(columns.dtype);
  for (Index j = 0; j < columns.cols; ++j) {
    columns_.push_back({{columns.at(0, j), columns.row_stride, read},
                        columns.dtype,
                        columns.swapped,
                        by_rows ? columns.cols - j : 1});
  }
}

// The products below of segments and columns do not overflow.
void ColumnTable::check_size() const {
  if (cols_ < 0) {
    throw std::invalid_argument("a table cannot have " + std::to_string(cols_) + " columns");
  }
  check_fits(static_cast<Index>(first_rows_.size()) + 1, cols_, sizeof(Column));
}

// Else the columns of the next segment would count for the last one, which may have more rows.
void ColumnTable::check_complete() const {
  if (static_cast<Index>(columns_.size()) != static_cast<Index>(first_rows_.size()) * cols_) {
    throw std::invalid_argument("a segment of the table lacks columns");
  }
}

FeatureView ColumnTable::view() const {
  check_size();
  check_complete();
  FeatureView view;
  view.rows = rows_;
  view.cols = cols_;
  view.table = this;
  if (columns_.empty()) return view;
  const Column& first = columns_.front();
  const bool all_narrow = std::all_of(columns_.begin(), columns_.end(),
                                      [](const Column& c) { return is_narrow(c.dtype); });
  view.dtype = all_narrow ? DType::float32 : DType::float64;  // what precision to promise
  if (first_rows_.size() != 1) return view;
  const Index step = cols_ > 1 ? columns_[1].data - first.data : 0;
  for (std::size_t j = 0; j < columns_.size(); ++j) {
    const Column& column = columns_[j];
    if (column.dtype != first.dtype || column.swapped != first.swapped ||
        column.stride != first.stride || column.data - first.data != static_cast<Index>(j) * step) {
      return view;
    }
  }
  view.data = first.data;
  view.row_stride = first.stride;
  view.col_stride = step;
  view.dtype = first.dtype;
  view.swapped = first.swapped;
  view.table = nullptr;
  return view;
}

Index ColumnTable::find_segment(Index row, Index* within) const {
  const auto next = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  *within = row - *(next - 1);
  return next - first_rows_.begin() - 1;
}

Index ColumnTable::segment_rows(Index segment) const {
  const std::size_t following = static_cast<std::size_t>(segment) + 1;
  const Index end = following < first_rows_.size() ? first_rows_[following] : rows_;
  return end - first_rows_[following - 1];
}

Index ColumnTable::find_columns(Index row, Index rows, Index first_col, Index cols,
                                detail::ValueColumn* found) const {
  Index within = 0;
  const Index segment = find_segment(row, &within);
  const Column* columns = columns_.data() + segment * cols_ + first_col;
  for (Index j = 0; j < cols; ++j) {
    found[j] = columns[j];
    found[j].data += within * found[j].stride;
  }
  return std::min(rows, segment_rows(segment) - within);
}

FeatureView ColumnTable::find_rows(Index row, Index first_col) const {
  Index within = 0;
  const Index segment = find_segment(row, &within);
  const Column& first = columns_[static_cast<std::size_t>(segment * cols_ + first_col)];
  FeatureView found;
  found.data = first.data + within * first.stride;
  found.rows = segment_rows(segment) - within;
  found.cols = first.beside < least_beside ? 0 : first.beside;
  found.row_stride = first.stride;
  found.col_stride = element_size(first.dtype);
  found.dtype = first.dtype;
  found.swapped = first.swapped;
  return found;
}

void ColumnTable::read_rows(Index row, Index rows, Index first_col, Index cols, double* target,
                            Index target_stride) const {
  Index within = 0;
  Index segment = find_segment(row, &within);
  for (const Index end = row + rows; row < end; ++segment, within = 0) {
    const Index here = std::min(end - row, segment_rows(segment) - within);
    const Column* columns = columns_.data() + segment * cols_ + first_col;
    const auto beside = [&](Index j) {
      const Index count = std::min(columns[j].beside, cols - j);
      return count < least_beside ? 0 : count;
    };
    for (Index j = 0, end_col = 0; j < cols; j = end_col) {
      const Index count = beside(j);
      end_col = j + count;
      if (count != 0) {
        read_side_by_side(columns[j], element_size(columns[j].dtype), within, here, count,
                          target + j, target_stride);
        continue;
      }
      while (end_col < cols && beside(end_col) == 0) ++end_col;
      detail::read_as_rows(here, end_col - j, target + j, target_stride, [&](Index k) {
        detail::ValueColumn column = columns[j + k];
        column.data += within * column.stride;
        return column;
      });
    }
    target += here * target_stride;
    row += here;
  }
}

}  // namespace hscore
