#include "hscore/whitening.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "factor/factored_covariance.hpp"
#include "factor/unique_share.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

namespace {

// Each live feature is divided by the square root of its noise level nu, so that a residual of 1 is
// noise for every feature alike and the rule does not depend on units.
//     nu_j = max(tolerance T_jj, 8 eps^2 sum_i x_ij^2, 2^-42 T_jj before rows were removed)
// The second term is the rounding error of the data themselves: it finds constant columns. The
// third is that of the sums from which rows were removed.
// Squares of values below 1e-154 underflow; a constant column has no sums about its shift at all.
void refuse_underflow(const Moments& moments, Index feature, double scatter) {
  constexpr double least = 1e-290;
  if (!(scatter < least) || moments.cancelled(feature) > 0) return;
  for (Index c = 0; c < moments.classes(); ++c) {
    if (moments.shifted_class_sums()(c, feature) == 0) continue;
    throw std::invalid_argument("features column " + std::to_string(feature) +
                                " varies so little that its squares underflow float64: multiply "
                                "the column by a constant, which leaves the score unchanged");
  }
}

LiveFeatures live_features(const Moments& moments, const std::vector<double>& offset,
                           double tolerance) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  const double n = moments.weight();
  LiveFeatures live;
  for (Index j = 0; j < moments.features(); ++j) {
    const double d = offset[static_cast<std::size_t>(j)];
    const double mean = moments.shift()[static_cast<std::size_t>(j)] + d;
    const double scatter = moments.shifted_scatter()(j, j) - n * d * d;
    const double raw = scatter + n * mean * mean;
    refuse_underflow(moments, j, scatter);
    const double noise = std::max(
        {tolerance * scatter, 8 * eps * eps * raw, default_tolerance * moments.cancelled(j)});
    if (!(scatter > noise)) continue;
    live.index.push_back(j);
    live.scale.push_back(1 / std::sqrt(noise));
    live.sum_of_squares.push_back(scatter / noise);
  }
  return live;
}

// The scatter and the class sums about the mean, in units of the noise. `scatter` may be the
// matrix's own storage, which has zeros where nothing is written.
void fill_scaled(const Moments& moments, const PaddedMatrix& scatter,
                 const std::vector<double>& offset, const LiveFeatures& live,
                 AugmentedMatrix& matrix, int threads) {
  const Index order = static_cast<Index>(live.index.size());
  const Index classes = moments.classes();
  const double n = moments.weight();
  std::vector<double> scaled_offset(live.index.size());
  for (std::size_t j = 0; j < live.index.size(); ++j) {
    scaled_offset[j] = offset[static_cast<std::size_t>(live.index[j])] * live.scale[j];
  }
  const bool all_live = order == moments.features();
  const bool in_place = &scatter == &matrix.values();
  const auto gather = [&](const double* source, double* target, Index count, double row_scale,
                          double row_offset) {
    for (Index j = 0; j < count; ++j) {
      const double value = all_live ? source[j] : source[live.index[static_cast<std::size_t>(j)]];
      target[j] = value * (row_scale * live.scale[static_cast<std::size_t>(j)]) -
                  row_offset * scaled_offset[static_cast<std::size_t>(j)];
    }
  };
  constexpr Index rows_per_task = 32;
  const Index rows = matrix.values().rows();
  parallel_for((rows + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
    for (Index i = task * rows_per_task; i < std::min(rows, (task + 1) * rows_per_task); ++i) {
      const Index c = i - matrix.first_extra();
      Index written = 0;
      if (i < order) {
        const std::size_t at = static_cast<std::size_t>(i);
        written = i + 1;
        gather(scatter.row(live.index[at]), matrix.row(i), written, live.scale[at],
               n * scaled_offset[at]);
      } else if (c >= 0 && c < classes && moments.counts()[static_cast<std::size_t>(c)] != 0) {
        const double root = std::sqrt(moments.counts()[static_cast<std::size_t>(c)]);
        written = order;
        gather(moments.shifted_class_sums().row(c), matrix.row(i), order, 1 / root, root);
      }
      if (!in_place) std::fill(matrix.row(i) + written, matrix.row(i) + matrix.stride(), 0.0);
    }
  });
}

}  // namespace

double FactoredCovariance::smallest_pivot() const {
  double smallest = 1;
  for (Index k = 0; k < rank(); ++k) {
    const std::size_t feature = static_cast<std::size_t>(chosen[static_cast<std::size_t>(k)]);
    const double diagonal = factor.row(k)[k];
    smallest = std::min(smallest, diagonal * diagonal / live.sum_of_squares[feature]);
  }
  return smallest;
}

double FactoredCovariance::smallest_unique_share(int threads) const {
  Eigen::VectorXd root(rank());
  for (Index i = 0; i < rank(); ++i) {
    root(i) = std::sqrt(
        live.sum_of_squares[static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)])]);
  }
  return hscore::smallest_unique_share(lower_factor(*this), root, threads);
}

PaddedMatrix FactoredCovariance::whiten(const PaddedMatrix& rows, int threads) const {
  PaddedMatrix result(rows.rows(), rank());
  const LowerFactor lower = lower_factor(*this);
  const Index rows_per_task = rows_per_solve(rows.rows(), threads);
  parallel_for((rows.rows() + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
    const Index first = task * rows_per_task;
    const Index count = std::min(rows_per_task, rows.rows() - first);
    for (Index i = first; i < first + count; ++i) {
      for (Index k = 0; k < rank(); ++k) {
        const std::size_t at = static_cast<std::size_t>(chosen[static_cast<std::size_t>(k)]);
        result(i, k) = rows(i, live.index[at]) * live.scale[at];
      }
    }
    // Columns of the transpose are the rows.
    Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>> block(
        result.row(first), rank(), count, Eigen::OuterStride<>(result.stride()));
    lower.triangularView<Eigen::Lower>().solveInPlace(block);
  });
  return result;
}

double FactoredCovariance::inverse_quadratic(const std::vector<double>& v) const {
  Eigen::VectorXd scaled(rank());
  for (Index i = 0; i < rank(); ++i) {
    const std::size_t row = static_cast<std::size_t>(chosen[static_cast<std::size_t>(i)]);
    scaled(i) = v[static_cast<std::size_t>(live.index[row])] * live.scale[row];
  }
  lower_factor(*this).triangularView<Eigen::Lower>().solveInPlace(scaled);
  return scaled.squaredNorm();
}

std::vector<double> FactoredCovariance::class_norms() const {
  std::vector<double> norms(static_cast<std::size_t>(factor.extra()), 0.0);
  for (Index c = 0; c < factor.extra(); ++c) {
    const double* row = factor.extra_row(c);
    for (Index j = 0; j < rank(); ++j) norms[static_cast<std::size_t>(c)] += row[j] * row[j];
  }
  return norms;
}

ScaledCovariance scale_covariance(const Moments& moments, double tolerance, int threads) {
  ScaledCovariance result;
  result.offset = moments.offset();
  result.live = live_features(moments, result.offset, tolerance);
  const Index order = static_cast<Index>(result.live.index.size());
  result.matrix = AugmentedMatrix::unset(order, moments.classes());
  fill_scaled(moments, moments.shifted_scatter(), result.offset, result.live, result.matrix,
              threads);
  return result;
}

int threads_for(Index order, Index extra, int threads) {
  const double work =
      static_cast<double>(order) * static_cast<double>(order) * static_cast<double>(order + extra);
  return work < 1e8 ? 1 : threads;
}

FactoredCovariance factor_covariance(const Moments& moments, const WhiteningOptions& options) {
  const int threads = threads_for(moments.features(), moments.classes(), options.threads);
  ScaledCovariance scaled = scale_covariance(moments, options.tolerance, threads);
  FactoredCovariance result{
      std::move(scaled.offset), std::move(scaled.live), {}, std::move(scaled.matrix)};
  result.chosen = pivoted_cholesky(result.factor, noise_pivot, threads, options.stop);
  return result;
}

FactoredCovariance factor_in_place(Moments& moments, const WhiteningOptions& options,
                                   Products products) {
  FactoredCovariance result;
  result.offset = moments.offset();
  result.live = live_features(moments, result.offset, options.tolerance);
  const Index order = static_cast<Index>(result.live.index.size());
  const int threads = threads_for(order, moments.classes(), options.threads);
  PaddedMatrix scatter = moments.take_scatter();
  if (order == moments.features() &&
      scatter.rows() == AugmentedMatrix::rows_for(order, moments.classes())) {
    result.factor = AugmentedMatrix(order, moments.classes(), std::move(scatter));
    fill_scaled(moments, result.factor.values(), result.offset, result.live, result.factor,
                threads);
  } else {
    result.factor = AugmentedMatrix::unset(order, moments.classes());
    fill_scaled(moments, scatter, result.offset, result.live, result.factor, threads);
  }
  result.chosen = pivoted_cholesky(result.factor, noise_pivot, threads, options.stop, products);
  return result;
}

WhitenedClasses summarize(const FactoredCovariance& factored, int threads) {
  return {factored.rank(), factored.smallest_pivot(), factored.smallest_unique_share(threads),
          factored.class_norms()};
}

WhitenedClasses whiten_classes(const Moments& moments, const WhiteningOptions& options) {
  return summarize(factor_covariance(moments, options), options.threads);
}

}  // namespace hscore
