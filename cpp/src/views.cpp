#include "hscore/views.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

namespace {

template <class T, bool Swapped>
void read_row(const unsigned char* source, Index stride, Index count, double* target) {
  if (stride == static_cast<Index>(sizeof(T))) {  // a constant stride lets the loop vectorize
    for (Index i = 0; i < count; ++i) {
      target[i] = detail::load_as_double<T, Swapped>(source + i * static_cast<Index>(sizeof(T)));
    }
    return;
  }
  for (Index i = 0; i < count; ++i) {
    target[i] = detail::load_as_double<T, Swapped>(source + i * stride);
  }
}

}  // namespace

RowReader::RowReader(const FeatureView& view)
    : view_(view), read_(visit_dtype(view.dtype, [&](auto element) {
        using T = decltype(element);
        return view.swapped ? &read_row<T, true> : &read_row<T, false>;
      })) {}

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
  constexpr Index rows_per_task = 256;
  const Index tasks = (view.rows + rows_per_task - 1) / rows_per_task;
  const RowReader read(view);
  std::vector<NonFinite> found(static_cast<std::size_t>(tasks));
  const double stretch = std::numeric_limits<double>::max() / largest;
  const auto look = [&](Index task) {
    std::vector<double> row(static_cast<std::size_t>(view.cols));
    NonFinite& here = found[static_cast<std::size_t>(task)];
    const Index end = std::min(view.rows, (task + 1) * rows_per_task);
    for (Index i = task * rows_per_task; i < end; ++i) {
      read(i, 0, view.cols, row.data());
      double sum = 0;
      for (const double value : row) {
        sum += value * stretch - value * stretch;  // 0, or NaN if any overflows
      }
      if (sum == 0) continue;
      for (Index j = 0; j < view.cols; ++j) {
        const double value = row[static_cast<std::size_t>(j)];
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
      std::max<Index>(threads, (Index{1} << 27) / (rows_per_task * std::max<Index>(1, view.cols)));
  for (Index first = 0; first < tasks; first += round) {
    throw_if_stopped(stop);
    parallel_for(std::min(round, tasks - first), threads, [&](Index k) { look(first + k); });
  }
  NonFinite total;
  for (const NonFinite& part : found) {
    if (part.count == 0) continue;
    if (total.count == 0) total = {0, part.row, part.col, part.value};
    total.count += part.count;
  }
  return total;
}

}  // namespace hscore
