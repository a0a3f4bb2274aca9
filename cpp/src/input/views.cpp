#include "hscore/views.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/parallel.hpp"
#include "input/column_tile.hpp"

namespace hscore {

namespace {

template <class T, bool Swapped>
void read_values(const unsigned char* source, Index stride, Index count, double* target) {
  constexpr Index size = sizeof(T);
  const auto read = [&](Index step) {
    for (Index i = 0; i < count; ++i) {
      target[i] = detail::load_as_double<T, Swapped>(source + i * step);
    }
  };
  if (stride != size) return read(stride);
  read(size);  // a constant stride lets the loop vectorize
}

// Rows to read together of what lies column by column: four cache lines of float32, for which the
// hardware begins to fetch ahead, unless they are so long that they would leave the cache.
Index rows_together(Index cols) {
  return cols <= 1024 ? 64 : 16;
}

}  // namespace

detail::ReadValues detail::value_reader(DType dtype, bool swapped) {
  return visit_dtype(dtype, [&](auto element) {
    using T = decltype(element);
    return swapped ? &read_values<T, true> : &read_values<T, false>;
  });
}

RowReader::RowReader(const FeatureView& view)
    : view_(view), read_(detail::value_reader(view.dtype, view.swapped)) {
  if (view.kind() == FeatureKind::blocks) {
    throw std::invalid_argument("rows that come in blocks cannot be read out of order");
  }
}

void RowReader::columns(Index row, Index rows, Index first_col, Index cols, double* target,
                        Index target_stride) const {
  for (Index end = row + rows, length = 0; row < end; row += length) {
    length = view_.run_length(row, end - row);
    if (view_.kind() == FeatureKind::table) {
      const Index source = view_.first_row + view_.source_row(row);
      view_.table->read_rows(source, length, first_col, cols, target, target_stride);
    } else {
      detail::read_as_rows(length, cols, target, target_stride, [&](Index j) {
        return detail::ValueColumn{view_.at(row, first_col + j), view_.row_stride, read_};
      });
    }
    target += length * target_stride;
  }
}

Index RowReader::find_columns(Index row, Index rows, Index first_col, Index cols,
                              detail::ValueColumn* found) const {
  rows = view_.run_length(row, rows);
  if (view_.kind() == FeatureKind::table) {
    const Index source = view_.first_row + view_.source_row(row);
    return view_.table->find_columns(source, rows, first_col, cols, found);
  }
  for (Index j = 0; j < cols; ++j) {
    found[j] = {view_.at(row, first_col + j), view_.row_stride, read_};
  }
  return rows;
}

bool RowReader::by_columns() const {
  return view_.kind() == FeatureKind::table ||
         std::abs(view_.row_stride) < std::abs(view_.col_stride);
}

RowsInOrder::RowsInOrder(const FeatureView& view, Index first_col, Index cols)
    : read_(view),
      rows_(view.rows),
      first_col_(first_col),
      cols_(cols),
      together_(read_.by_columns() ? std::min(rows_together(cols), view.rows) : 1),
      stride_(cols + 8),  // rows a power of two apart would compete for a place in the cache
      values_(static_cast<std::size_t>(together_ * stride_)) {}

void RowsInOrder::read_from(Index row) {
  first_ = row;
  end_ = std::min(rows_, row + together_);
  if (together_ == 1) {
    read_(row, first_col_, cols_, values_.data());
  } else {
    read_.columns(row, end_ - row, first_col_, cols_, values_.data(), stride_);
  }
}

Index checked_features(Index features) {
  if (features < 1) {
    throw std::invalid_argument("features must have at least one column, got " +
                                std::to_string(features));
  }
  check_fits(features, features, sizeof(double));
  return features;
}

void check_labels(const FeatureView& features, const LabelView& labels) {
  if (features.rows != labels.rows) {
    throw std::invalid_argument("labels must have one entry per row of features, got " +
                                std::to_string(labels.rows) + " for " +
                                std::to_string(features.rows) + " rows");
  }
  for (Index i = 0; i < labels.rows; ++i) {
    if (labels.codes[i] < 0 || labels.codes[i] >= labels.classes) {
      throw std::invalid_argument("class code " + std::to_string(labels.codes[i]) +
                                  " is outside 0.." + std::to_string(labels.classes - 1));
    }
  }
}

Index merged_classes(Index mine, Index theirs, const std::vector<std::int32_t>& map) {
  if (static_cast<Index>(map.size()) != theirs) {
    throw std::invalid_argument("the class map must have " + std::to_string(theirs) +
                                " entries, got " + std::to_string(map.size()));
  }
  for (const std::int32_t code : map) {
    if (code < 0) throw std::invalid_argument("the class map has a negative entry");
    mine = std::max(mine, Index{code} + 1);
  }
  return mine;
}

NonFinite find_non_finite(const FeatureView& view, int threads, const StopCheck& stop,
                          double largest) {
  if (view.rows == 0) return {};
  check_fits(1, view.cols, sizeof(double));  // a thread's row; strides may be zero
  constexpr Index rows_per_task = 256;
  constexpr Index lanes = 8;
  const Index tasks = (view.rows + rows_per_task - 1) / rows_per_task;
  std::vector<NonFinite> found(static_cast<std::size_t>(tasks));
  const double stretch = std::numeric_limits<double>::max() / largest;
  const auto look = [&](Index task) {
    RowsInOrder rows(view, 0, view.cols);
    NonFinite& here = found[static_cast<std::size_t>(task)];
    const Index end = std::min(view.rows, (task + 1) * rows_per_task);
    for (Index i = task * rows_per_task; i < end; ++i) {
      const double* row = rows(i);
      // 0, or NaN if any overflows; several sums, none of which waits for itself
      double sums[lanes] = {};
      for (Index j = 0; j + lanes <= view.cols; j += lanes) {
        for (Index l = 0; l < lanes; ++l) sums[l] += row[j + l] * stretch - row[j + l] * stretch;
      }
      for (Index j = view.cols / lanes * lanes; j < view.cols; ++j) {
        sums[0] += row[j] * stretch - row[j] * stretch;
      }
      if (std::all_of(sums, sums + lanes, [](double sum) { return sum == 0; })) continue;
      for (Index j = 0; j < view.cols; ++j) {
        const double value = row[j];
        if (std::abs(value) <= largest) continue;
        if (here.count++ == 0) {
          here.row = i;
          here.col = j;
          here.value = value;
        }
      }
    }
  };
  const Index round =
      std::max<Index>(threads, (Index{1} << 27) / rows_per_task / std::max<Index>(1, view.cols));
  for (Index first = 0; first < tasks; first += round) {
    throw_if_stopped(stop);
    parallel_for(std::min(round, tasks - first), threads, [&](Index k) { look(first + k); });
  }
  NonFinite total;
  for (const NonFinite& part : found) {
    if (part.count == 0) continue;
    if (total.count == 0) total = {0, view.source_row(part.row), part.col, part.value};
    total.count += part.count;
  }
  return total;
}

}  // namespace hscore
