#include "factor/sample_gram.hpp"

#include <array>
#include <atomic>
#include <cmath>
#include <limits>

#include "product/rank_update.hpp"

namespace hscore {

namespace {

// Features to read at a time: a cache line's worth or more of every row, and a whole number of
// these in a depth slice.
constexpr Index task_features = 32;
static_assert(kernel::depth % task_features == 0);

// Centre `count` features of the scratch, row-major with task_features per row, and divide each by
// `length` of it if asked. Returns how many vary.
Index centre(std::vector<double>& values, Index rows, Index count, FeatureScale scale,
             bool& varies) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  using Sums = std::array<double, task_features>;
  const double n = static_cast<double>(rows);
  const auto row = [&](Index i) { return values.data() + i * task_features; };
  const auto each = [&](auto&& body) {
    for (Index i = 0; i < rows; ++i) {
      for (Index j = 0; j < count; ++j) body(row(i)[j], static_cast<std::size_t>(j));
    }
  };
  Sums raw{};
  each([&](double value, std::size_t j) { raw[j] += value * value; });
  // The mean of the distances to the first row, and once more of what is left, so that a constant
  // becomes exactly zero and an offset leaves no more than the rounding of the mean.
  Sums mean{};
  for (Index j = 0; j < count; ++j) mean[static_cast<std::size_t>(j)] = row(0)[j];
  for (int round = 0; round < 2; ++round) {
    Sums sum{};
    each([&](double value, std::size_t j) { sum[j] += value - mean[j]; });
    for (std::size_t j = 0; j < task_features; ++j) mean[j] += sum[j] / n;
  }
  Sums squared{};
  each([&](double& value, std::size_t j) {
    value -= mean[j];
    squared[j] += value * value;
  });
  each([&](double value, std::size_t) { varies = varies || value != 0; });
  Index live = 0;
  Sums factor{};
  for (std::size_t j = 0; j < static_cast<std::size_t>(count); ++j) {
    // A NaN or an infinity passes, to be found in the Gram matrix.
    if (squared[j] == 0) continue;
    if (std::isfinite(squared[j]) && squared[j] <= 8 * eps * eps * raw[j]) continue;
    ++live;
    factor[j] = scale == FeatureScale::unit_variance ? 1 / std::sqrt(squared[j]) : 1;
  }
  each([&](double& value, std::size_t j) { value *= factor[j]; });
  return live;
}

// Rounding leaves row sums of about eps times the entries; take them out.
void centre_rows_and_columns(PaddedMatrix& lower) {
  const Index n = lower.cols();
  std::vector<double> mean(static_cast<std::size_t>(n), 0.0);
  for (Index i = 0; i < n; ++i) {
    const double* row = lower.row(i);
    double sum = row[i];
    for (Index j = 0; j < i; ++j) {
      sum += row[j];
      mean[static_cast<std::size_t>(j)] += row[j];
    }
    mean[static_cast<std::size_t>(i)] += sum;
  }
  double total = 0;
  for (double& value : mean) {
    value /= static_cast<double>(n);
    total += value / static_cast<double>(n);
  }
  for (Index i = 0; i < n; ++i) {
    double* row = lower.row(i);
    const double of_row = mean[static_cast<std::size_t>(i)] - total;
    for (Index j = 0; j <= i; ++j) row[j] -= of_row + mean[static_cast<std::size_t>(j)];
  }
}

}  // namespace

SampleGram sample_gram(const FeatureView& features, FeatureScale scale, int threads,
                       const StopCheck& stop) {
  constexpr Index width = PackedRows<double>::width;
  const Index rows = features.rows;
  const Index block = std::min(5 * kernel::depth, features.cols);
  const RowReader read(features);
  SampleGram gram;
  gram.values = PaddedMatrix(PaddedMatrix::round_up(rows), rows);
  // Transposed: the packed "rows" are features, the packed "features" are samples.
  PackedRows<double> packed(block, rows);
  Index reported = 0;
  std::atomic<Index> live{0};
  std::atomic<bool> varies{false};
  for (Index first = 0; first < features.cols; first += block) {
    // Column by column: so much of every row has been read.
    const Index done = rows * first / features.cols;
    throw_if_stopped(stop, done - reported);
    reported = done;
    const Index count = std::min(block, features.cols - first);
    packed.set_rows(count);
    parallel_for((count + task_features - 1) / task_features, threads, [&](Index task) {
      const Index begin = task * task_features;
      const Index part = std::min(task_features, count - begin);
      std::vector<double> values(checked_product(rows, task_features, sizeof(double)));
      for (Index i = 0; i < rows; ++i) {
        read(i, first + begin, part, values.data() + i * task_features);
      }
      bool part_varies = false;
      live += centre(values, rows, part, scale, part_varies);
      if (part_varies) varies.store(true, std::memory_order_relaxed);
      const Index slice = begin / packed.slice_capacity();
      const Index depth = begin % packed.slice_capacity();
      for (Index s = 0; s < packed.strips(); ++s) {
        double* target = packed.strip(slice, s) + depth * width;
        for (Index l = 0; l < width; ++l) {
          const Index i = s * width + l;
          const double* source = values.data() + i * task_features;
          for (Index k = 0; k < part; ++k) target[k * width + l] = i < rows ? source[k] : 0.0;
        }
      }
    });
    rank_update<Sign::add>(packed, rows, rows, gram.values.row(0), gram.values.stride(), threads);
  }
  gram.live = live;
  gram.varies = varies;
  centre_rows_and_columns(gram.values);
  return gram;
}

}  // namespace hscore
