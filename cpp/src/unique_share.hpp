// How much of its own sum of squares a feature keeps when all others are known.
#pragma once

#include <Eigen/Dense>

#include "hscore/views.hpp"

namespace hscore {

/// 1 / max_j |L^-1 D e_j|^2 for T = L L' and D = diag(root), root_j^2 = T_jj: the smallest share of
/// any feature that all others leave. The maximum is the norm of L^-1 D from 1-norm to 2-norm, a
/// convex function over the cross-polytope: Hager's ascent (1984) follows the gradient from vertex
/// to vertex, two triangular solves a step. An estimate, from above, that is exact as a rule. It
/// starts twice: inside, and at the feature of which those before it leave least, since from a
/// feature that is independent of all others no gradient leads away.
template <class Lower>
double smallest_unique_share(const Lower& lower, const Eigen::VectorXd& root) {
  const Index order = root.size();
  if (order == 0) return 1;
  double largest = 1;
  const auto ascend = [&](Eigen::VectorXd x, Index vertex) {
    for (int step = 0; step < 5; ++step) {
      Eigen::VectorXd y = lower.template triangularView<Eigen::Lower>().solve(root.cwiseProduct(x));
      if (vertex >= 0) largest = std::max(largest, y.squaredNorm());
      lower.transpose().template triangularView<Eigen::Upper>().solveInPlace(y);
      Index next = 0;
      y.cwiseProduct(root).cwiseAbs().maxCoeff(&next);
      if (next == vertex) return;
      vertex = next;
      x = Eigen::VectorXd::Unit(order, vertex);
    }
  };
  Eigen::VectorXd signs(order);
  for (Index i = 0; i < order; ++i) {  // without a pattern, the same on every call
    const std::uint32_t mixed = static_cast<std::uint32_t>(i + 1) * 2654435761u;
    signs(i) = (mixed >> 16 & 1u) != 0 ? 1.0 : -1.0;
  }
  ascend(signs, -1);
  Index least = 0;
  lower.diagonal().cwiseQuotient(root).cwiseAbs().minCoeff(&least);
  ascend(Eigen::VectorXd::Unit(order, least), least);
  return 1 / largest;
}

}  // namespace hscore
