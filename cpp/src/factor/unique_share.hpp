// How much of its own sum of squares a feature keeps when all others are known.
#pragma once

#include <Eigen/Core>

#include "hscore/views.hpp"

namespace hscore {

using LowerTriangle =
    Eigen::Ref<const Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>, 0,
               Eigen::OuterStride<>>;

/// 1 / max_j |L^-1 D e_j|^2 for T = L L' and D = diag(root), root_j^2 = T_jj: the smallest share of
/// any feature that all others leave. An estimate, from above, that is exact as a rule.
double smallest_unique_share(const LowerTriangle& lower, const Eigen::VectorXd& root, int threads);

}  // namespace hscore
