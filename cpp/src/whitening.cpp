#include "hscore/whitening.hpp"

#include <cmath>
#include <limits>

#include "cholesky.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

namespace {

// Each live feature is divided by the square root of its noise level nu, so that a residual of 1 is
// noise for every feature alike and the rule does not depend on units.
//     nu_j = max(tolerance T_jj, 8 eps^2 sum_i x_ij^2)
// The second term is the rounding error of the data themselves: it finds constant columns.
struct LiveFeatures {
  std::vector<Index> index;
  std::vector<double> scale;
  std::vector<double> sum_of_squares;  // in scaled units
};

LiveFeatures live_features(const Moments& moments, const std::vector<double>& offset,
                           double tolerance) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  const double n = static_cast<double>(moments.rows());
  LiveFeatures live;
  for (Index j = 0; j < moments.features(); ++j) {
    const double d = offset[static_cast<std::size_t>(j)];
    const double mean = moments.shift()[static_cast<std::size_t>(j)] + d;
    const double scatter = moments.shifted_scatter()(j, j) - n * d * d;
    const double raw = scatter + n * mean * mean;
    const double noise = std::max(tolerance * scatter, 8 * eps * eps * raw);
    if (!(scatter > noise)) continue;
    live.index.push_back(j);
    live.scale.push_back(1 / std::sqrt(noise));
    live.sum_of_squares.push_back(scatter / noise);
  }
  return live;
}

AugmentedMatrix scaled_matrix(const Moments& moments, const std::vector<double>& offset,
                              const LiveFeatures& live, int threads) {
  const Index order = static_cast<Index>(live.index.size());
  const Index classes = moments.classes();
  const double n = static_cast<double>(moments.rows());
  AugmentedMatrix matrix(order, classes);
  std::vector<double> scaled_offset(live.index.size());
  for (std::size_t j = 0; j < live.index.size(); ++j) {
    scaled_offset[j] = offset[static_cast<std::size_t>(live.index[j])] * live.scale[j];
  }
  const bool all_live = order == moments.features();
  const auto gather = [&](const double* source, double* target, Index count, double row_scale,
                          double row_offset) {
    for (Index j = 0; j < count; ++j) {
      const double value = all_live ? source[j] : source[live.index[static_cast<std::size_t>(j)]];
      target[j] = value * (row_scale * live.scale[static_cast<std::size_t>(j)]) -
                  row_offset * scaled_offset[static_cast<std::size_t>(j)];
    }
  };
  constexpr Index rows_per_task = 32;
  const Index rows = order + classes;
  parallel_for((rows + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
    for (Index i = task * rows_per_task; i < std::min(rows, (task + 1) * rows_per_task); ++i) {
      if (i < order) {
        const std::size_t at = static_cast<std::size_t>(i);
        gather(moments.shifted_scatter().row(live.index[at]), matrix.row(i), i + 1, live.scale[at],
               n * scaled_offset[at]);
      } else {
        const Index c = i - order;
        const double count = static_cast<double>(moments.counts()[static_cast<std::size_t>(c)]);
        if (count == 0) continue;
        const double root = std::sqrt(count);
        gather(moments.shifted_class_sums().row(c), matrix.extra_row(c), order, 1 / root, root);
      }
    }
  });
  return matrix;
}

// Accept a plain factor only well above the noise.
constexpr double least_plain_pivot = 4;
constexpr double least_pivoted_pivot = 1;

}  // namespace

WhitenedClasses whiten_classes(const Moments& moments, const WhiteningOptions& options) {
  const std::vector<double> offset = moments.offset();
  const LiveFeatures live = live_features(moments, offset, options.tolerance);
  const Index order = static_cast<Index>(live.index.size());
  const double work = static_cast<double>(order) * static_cast<double>(order) *
                      static_cast<double>(order + moments.classes());
  const int threads = work < 1e8 ? 1 : options.threads;

  WhitenedClasses result;
  const auto finish = [&](const AugmentedMatrix& factor, const std::vector<Index>& chosen) {
    result.rank = static_cast<Index>(chosen.size());
    for (Index k = 0; k < result.rank; ++k) {
      const Index row = chosen[static_cast<std::size_t>(k)];
      const double diagonal = factor.row(row)[k];
      result.smallest_pivot =
          std::min(result.smallest_pivot,
                   diagonal * diagonal / live.sum_of_squares[static_cast<std::size_t>(row)]);
    }
    for (Index c = 0; c < moments.classes(); ++c) {
      const double* row = factor.extra_row(c);
      double sum = 0;
      for (Index j = 0; j < result.rank; ++j) sum += row[j] * row[j];
      result.squared_norms.push_back(sum);
    }
  };

  std::vector<Index> natural(live.index.size());
  for (std::size_t j = 0; j < natural.size(); ++j) natural[j] = static_cast<Index>(j);
  AugmentedMatrix matrix = scaled_matrix(moments, offset, live, threads);
  // At most rows - 1 directions exist, so with more features a plain factor cannot succeed.
  if (order < moments.rows() && cholesky(matrix, least_plain_pivot, threads, options.stop)) {
    finish(matrix, natural);
    return result;
  }
  matrix = scaled_matrix(moments, offset, live, threads);
  const PivotedFactor pivoted =
      pivoted_cholesky(std::move(matrix), least_pivoted_pivot, threads, options.stop);
  finish(pivoted.factor, pivoted.order);
  return result;
}

}  // namespace hscore
