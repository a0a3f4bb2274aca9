// max_j |L^-1 D e_j| is the norm of L^-1 D from 1-norm to 2-norm, the maximum of a convex function
// over the cross-polytope: Hager's ascent (1984) follows the gradient from vertex to vertex, two
// triangular solves a step.
#include "factor/unique_share.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cstdint>

#include "hscore/parallel.hpp"

namespace hscore {

namespace {

// Two ascents go side by side: beyond the caches, reading L is what a solve costs.
using Pair = Eigen::Matrix<double, Eigen::Dynamic, 2>;

constexpr Index block = 256;

void solve(const LowerTriangle& lower, Pair& y, int threads) {
  const Index order = lower.rows();
  for (Index first = 0; first < order; first += block) {
    const Index rows = std::min(block, order - first);
    constexpr Index rows_per_task = 8;
    const Index tasks = first == 0 ? 0 : (rows + rows_per_task - 1) / rows_per_task;
    parallel_for(tasks, threads, [&](Index task) {
      const Index from = first + task * rows_per_task;
      const Index count = std::min(rows_per_task, first + rows - from);
      for (Index v = 0; v < 2; ++v) {
        y.col(v).segment(from, count).noalias() -=
            lower.block(from, 0, count, first) * y.col(v).head(first);
      }
    });
    auto part = y.middleRows(first, rows);
    lower.block(first, first, rows, rows).triangularView<Eigen::Lower>().solveInPlace(part);
  }
}

void solve_transposed(const LowerTriangle& lower, Pair& y, int threads) {
  const Index order = lower.rows();
  for (Index first = (order - 1) / block * block; first >= 0; first -= block) {
    const Index rows = std::min(block, order - first);
    auto part = y.middleRows(first, rows);
    lower.block(first, first, rows, rows)
        .transpose()
        .triangularView<Eigen::Upper>()
        .solveInPlace(part);
    parallel_for(first / block, threads, [&](Index task) {
      for (Index v = 0; v < 2; ++v) {
        y.col(v).segment(task * block, block).noalias() -=
            lower.block(first, task * block, rows, block).transpose() *
            y.col(v).segment(first, rows);
      }
    });
  }
}

}  // namespace

double smallest_unique_share(const LowerTriangle& lower, const Eigen::VectorXd& root, int threads) {
  const Index order = root.size();
  if (order == 0) return 1;
  if (order < 1024) threads = 1;
  // One ascent begins inside, with signs without a pattern, the same on every call. The other
  // begins at the feature of which those before it leave least, since from a feature that is
  // independent of all others no gradient leads away.
  Pair x(order, 2);
  for (Index i = 0; i < order; ++i) {
    const std::uint32_t mixed = static_cast<std::uint32_t>(i + 1) * 2654435761u;
    x(i, 0) = (mixed >> 16 & 1u) != 0 ? 1.0 : -1.0;
  }
  Index at[2] = {-1, 0};  // the vertex, where it is one
  lower.diagonal().cwiseQuotient(root).cwiseAbs().minCoeff(&at[1]);
  x.col(1) = Eigen::VectorXd::Unit(order, at[1]);
  double largest = 1;
  for (int step = 0; step < 5; ++step) {
    Pair y = root.asDiagonal() * x;
    solve(lower, y, threads);
    for (Index v = 0; v < 2; ++v) {
      if (at[v] >= 0) largest = std::max(largest, y.col(v).squaredNorm());
    }
    solve_transposed(lower, y, threads);
    bool moved = false;
    for (Index v = 0; v < 2; ++v) {
      Index next = 0;
      y.col(v).cwiseProduct(root).cwiseAbs().maxCoeff(&next);
      moved = moved || next != at[v];
      at[v] = next;
      x.col(v) = Eigen::VectorXd::Unit(order, next);
    }
    if (!moved) break;
  }
  return 1 / largest;
}

}  // namespace hscore
