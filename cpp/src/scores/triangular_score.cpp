// From R and Q'Y to a score. Row 0 of R belongs to the column of ones; the rest is the triangle of
// the centred features.
#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <numeric>

#include "factor/unique_share.hpp"
#include "hscore/parallel.hpp"
#include "hscore/triangular_moments.hpp"
#include "scores/scores.hpp"

namespace hscore {

namespace {

// Rounding in the reflections: the residual of an exact duplicate was at most 8 eps of its length
// for 16 to 2048 features and up to 1e5 rows. Features that are rounded combinations of others
// bring rounding errors of their own, which grow with the number of terms.
double rounding_share(Index features) {
  return (64 + static_cast<double>(features) / 8) * std::numeric_limits<double>::epsilon();
}
constexpr double least_plain_residual = 2;
constexpr double least_pivoted_residual = 1;

// Features that vary, each divided by its noise level, so that a residual of length 1 is noise.
struct ScaledTriangle {
  std::vector<Index> live;
  Eigen::MatrixXd matrix;     // rows x live features
  Eigen::MatrixXd projected;  // rows x classes
  std::vector<double> noise;  // of the features in units of moments.unit()
  Eigen::VectorXd length;     // of the features in these units: sqrt(T_jj) / noise
};

ScaledTriangle scaled_triangle(const TriangularMoments& moments, double tolerance) {
  constexpr double eps = std::numeric_limits<double>::epsilon();
  const Index features = moments.features();
  const double n = static_cast<double>(moments.rows());
  const double share = std::max(std::sqrt(tolerance), rounding_share(features));
  ScaledTriangle result;
  std::vector<double>& noise = result.noise;
  std::vector<double> lengths;
  for (Index j = 0; j < features; ++j) {
    const double unit = moments.unit()[static_cast<std::size_t>(j)];
    if (unit == 0) continue;
    double scatter = 0;
    for (Index i = 1; i <= j + 1; ++i) {
      scatter += moments.triangle(i, j + 1) * moments.triangle(i, j + 1);
    }
    const double along_ones = moments.triangle(0, j + 1);
    const double mean =
        moments.shift()[static_cast<std::size_t>(j)] / unit + along_ones / moments.triangle(0, 0);
    const double length = std::sqrt(scatter);
    // The noise of the arithmetic, which saw the mean that the shift left, and that of the data.
    const double level = std::max(share * std::hypot(length, along_ones),
                                  std::sqrt(8.0) * eps * std::hypot(length, std::sqrt(n) * mean));
    if (!(length > level)) continue;
    result.live.push_back(j);
    noise.push_back(level);
    lengths.push_back(length / level);
  }
  const Index order = static_cast<Index>(result.live.size());
  // All of R's rows even where the samples are fewer: a dependent feature leaves its row empty.
  const Index rows = features;
  result.matrix = Eigen::MatrixXd::Zero(rows, order);
  result.length = Eigen::Map<const Eigen::VectorXd>(lengths.data(), order);
  for (Index k = 0; k < order; ++k) {
    const Index j = result.live[static_cast<std::size_t>(k)];
    for (Index i = 0; i <= std::min(j, rows - 1); ++i) {
      result.matrix(i, k) = moments.triangle(i + 1, j + 1) / noise[static_cast<std::size_t>(k)];
    }
  }
  result.projected.resize(rows, moments.classes());
  for (Index c = 0; c < moments.classes(); ++c) {
    for (Index i = 0; i < rows; ++i) result.projected(i, c) = moments.projected(i + 1, c);
  }
  return result;
}

// Whether R is the factor already: no feature is left out and every residual is above the noise.
bool is_full_rank(const ScaledTriangle& scaled, Index features) {
  const Index order = static_cast<Index>(scaled.live.size());
  if (order != features || order > scaled.matrix.rows()) return false;
  for (Index j = 0; j < order; ++j) {
    if (!(std::abs(scaled.matrix(j, j)) > least_plain_residual)) return false;
  }
  return true;
}

// Householder QR with column pivoting (Businger and Golub 1965), in place, until every column's
// residual is noise. Returns the chosen columns; the projected classes follow along.
std::vector<Index> factor_with_pivoting(ScaledTriangle& scaled, int threads,
                                        const StopCheck& stop) {
  Eigen::MatrixXd& r = scaled.matrix;
  const Index order = r.cols();
  const Index classes = scaled.projected.cols();
  std::vector<Index> columns(static_cast<std::size_t>(order));
  std::iota(columns.begin(), columns.end(), Index{0});
  Eigen::VectorXd residual = r.colwise().squaredNorm();
  Eigen::VectorXd reference = residual;
  constexpr Index tile = 64;
  Index rank = 0;
  for (; rank < std::min(order, r.rows()); ++rank) {
    throw_if_stopped(stop);
    Index best = 0;
    if (!(residual.tail(order - rank).maxCoeff(&best) > least_pivoted_residual)) break;
    best += rank;
    if (best != rank) {
      r.col(rank).swap(r.col(best));
      std::swap(residual(rank), residual(best));
      std::swap(reference(rank), reference(best));
      std::swap(columns[static_cast<std::size_t>(rank)], columns[static_cast<std::size_t>(best)]);
    }
    const Index below = r.rows() - rank;
    Eigen::VectorXd v = r.col(rank).tail(below);
    const double beta = -std::copysign(v.norm(), v(0));
    const double tau = (beta - v(0)) / beta;
    v /= v(0) - beta;
    v(0) = 1;
    r.col(rank).tail(below).setZero();
    r(rank, rank) = beta;
    const Index rest = order - rank - 1;
    const auto reflect = [&](auto column) { column -= v * (tau * v.dot(column)); };
    const double work = static_cast<double>(below) * static_cast<double>(rest + classes);
    parallel_for((rest + classes + tile - 1) / tile, work < 1e5 ? 1 : threads, [&](Index task) {
      for (Index k = task * tile; k < std::min(rest + classes, (task + 1) * tile); ++k) {
        if (k >= rest) {
          reflect(scaled.projected.col(k - rest).tail(below));
          continue;
        }
        const Index j = rank + 1 + k;
        reflect(r.col(j).tail(below));
        // Subtracting loses digits; begin anew when half of them are gone.
        residual(j) -= r(rank, j) * r(rank, j);
        if (residual(j) < 1e-8 * reference(j)) {
          residual(j) = reference(j) = r.col(j).tail(below - 1).squaredNorm();
        }
      }
    });
  }
  columns.resize(static_cast<std::size_t>(rank));
  return columns;
}

// The same factor as of a scatter, T = L L' with L = R'.
FactoredCovariance factor_of(const TriangularMoments& moments, const ScaledTriangle& scaled,
                             const std::vector<Index>& chosen) {
  FactoredCovariance result;
  for (Index j = 0; j < moments.features(); ++j) {
    const double unit = moments.unit()[static_cast<std::size_t>(j)];
    result.offset.push_back(unit * moments.triangle(0, j + 1) / moments.triangle(0, 0));
  }
  result.live.index = scaled.live;
  for (std::size_t k = 0; k < scaled.live.size(); ++k) {
    const double unit = moments.unit()[static_cast<std::size_t>(scaled.live[k])];
    const double length = scaled.length(static_cast<Index>(k));
    result.live.scale.push_back(1 / (unit * scaled.noise[k]));
    result.live.sum_of_squares.push_back(length * length);
  }
  result.chosen = chosen;
  const Index rank = static_cast<Index>(chosen.size());
  result.factor = AugmentedMatrix(rank, moments.classes());
  for (Index k = 0; k < rank; ++k) {
    for (Index j = 0; j <= k; ++j) result.factor.row(k)[j] = scaled.matrix(j, k);
  }
  for (Index c = 0; c < moments.classes(); ++c) {
    const double count = static_cast<double>(moments.counts()[static_cast<std::size_t>(c)]);
    if (count == 0) continue;
    for (Index k = 0; k < rank; ++k) {
      result.factor.extra_row(c)[k] = scaled.projected(k, c) / std::sqrt(count);
    }
  }
  return result;
}

}  // namespace

HScore h_score(const TriangularMoments& moments, const WhiteningOptions& options) {
  return h_score_and_factor(moments, options, nullptr);
}

HScore h_score_and_factor(const TriangularMoments& moments, const WhiteningOptions& options,
                          FactoredCovariance* factored) {
  ScaledTriangle scaled = scaled_triangle(moments, options.tolerance);
  std::vector<Index> chosen;
  if (is_full_rank(scaled, moments.features())) {
    chosen.resize(scaled.live.size());
    std::iota(chosen.begin(), chosen.end(), Index{0});
  } else {
    chosen = factor_with_pivoting(scaled, options.threads, options.stop);
  }
  if (factored != nullptr) *factored = factor_of(moments, scaled, chosen);
  const Index rank = static_cast<Index>(chosen.size());
  WhitenedClasses whitened;
  whitened.rank = rank;
  Eigen::VectorXd length(rank);
  for (Index k = 0; k < rank; ++k) {
    length(k) = scaled.length(chosen[static_cast<std::size_t>(k)]);
    const double share = scaled.matrix(k, k) / length(k);
    whitened.smallest_pivot = std::min(whitened.smallest_pivot, share * share);
  }
  whitened.smallest_unique_share = smallest_unique_share(
      scaled.matrix.topLeftCorner(rank, rank).transpose(), length, options.threads);
  for (Index c = 0; c < moments.classes(); ++c) {
    const double count = static_cast<double>(moments.counts()[static_cast<std::size_t>(c)]);
    const double squared = scaled.projected.col(c).head(rank).squaredNorm();
    whitened.squared_norms.push_back(count == 0 ? 0 : squared / count);
  }
  const double unique = whitened.smallest_unique_share;
  HScore result = score_of({moments.counts().begin(), moments.counts().end()}, moments.rows(),
                           moments.features(), std::move(whitened));
  result.path = Path::triangular;
  if (result.rank < result.rows - 1) {
    // Measured on near-duplicates, graded spectra and powers: at most 0.6 eps / sqrt(share).
    result.error_bound = 4 * std::numeric_limits<double>::epsilon() / std::sqrt(unique);
  }
  return result;
}

}  // namespace hscore
