#include "precision/inflation.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Dense>

namespace hscore {

Inflation sample_inflation(const FeatureView& x) {
  constexpr Index rows = 256;
  constexpr Index pieces = 4;
  constexpr Index cols = 24;
  const RowReader read(x);
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> sample(rows,
                                                                                pieces * cols);
  for (Index i = 0; i < rows; ++i) {
    for (Index p = 0; p < pieces; ++p) {
      const Index first_col = p * (x.cols - cols) / (pieces - 1);
      read(i * x.rows / rows, first_col, cols, sample.row(i).data() + p * cols);
    }
  }
  sample.rowwise() -= sample.colwise().mean().eval();
  const double reach =
      std::sqrt((sample.colwise().lpNorm<Eigen::Infinity>().array().square() *
                 static_cast<double>(rows) / sample.colwise().squaredNorm().array().max(1e-300))
                    .mean());
  Eigen::MatrixXd scatter = sample.transpose() * sample;
  Eigen::VectorXd root = scatter.diagonal().cwiseSqrt();
  for (double& value : root) value = value > 0 ? 1 / value : 0;  // of a constant nothing is known
  scatter = root.asDiagonal() * scatter * root.asDiagonal();
  scatter.diagonal().setConstant(1 + 1e-6);
  const Eigen::LLT<Eigen::MatrixXd> llt(scatter);
  if (llt.info() != Eigen::Success) return {1e6, 1e6, reach};
  const Eigen::MatrixXd inverse =
      llt.matrixL().solve(Eigen::MatrixXd::Identity(scatter.rows(), scatter.cols()));
  // The sample's own freedom inflates as well.
  const double own = 1 - static_cast<double>(pieces * cols) / static_cast<double>(rows);
  const Eigen::VectorXd inflation = own * inverse.colwise().squaredNorm();
  return {std::max(1.0, inflation.mean()), std::max(1.0, inflation.maxCoeff()), reach};
}

}  // namespace hscore
