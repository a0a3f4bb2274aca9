// Independent answers, from Eigen alone. Its decompositions are compiled here and nowhere else in
// the tests, and are not watched by the sanitizers, which would take most of their time.
#include <Eigen/Cholesky>
#include <Eigen/QR>
#include <random>

#include "data.hpp"

namespace testing {

double oracle(const Data& data, double threshold) {
  const Matrix centred = data.x.rowwise() - data.x.colwise().mean();
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(centred);
  qr.setThreshold(threshold);
  const Index rank = qr.rank();
  const Eigen::MatrixXd q = qr.householderQ() * Eigen::MatrixXd::Identity(data.x.rows(), rank);
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(data.classes, rank);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(data.classes);
  for (Index i = 0; i < data.x.rows(); ++i) {
    sums.row(data.y[static_cast<std::size_t>(i)]) += q.row(i);
    counts(data.y[static_cast<std::size_t>(i)]) += 1;
  }
  double score = 0;
  for (Index c = 0; c < data.classes; ++c) {
    if (counts(c) > 0) score += sums.row(c).squaredNorm() / counts(c);
  }
  return score;
}

double long_oracle(const Data& data) {
  using Long = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;
  Long x = data.x.cast<long double>();
  x.rowwise() -= x.colwise().mean().eval();
  x.rowwise() -= x.colwise().mean().eval();
  for (Index j = 0; j < x.cols(); ++j) {
    for (int round = 0; round < 2; ++round) {
      for (Index k = 0; k < j; ++k) x.col(j) -= x.col(k).dot(x.col(j)) * x.col(k);
    }
    x.col(j) /= x.col(j).norm();
  }
  Long sums = Long::Zero(data.classes, x.cols());
  std::vector<long double> counts(static_cast<std::size_t>(data.classes), 0);
  for (Index i = 0; i < x.rows(); ++i) {
    sums.row(data.y[static_cast<std::size_t>(i)]) += x.row(i);
    counts[static_cast<std::size_t>(data.y[static_cast<std::size_t>(i)])] += 1;
  }
  long double score = 0;
  for (Index c = 0; c < data.classes; ++c) {
    const long double count = counts[static_cast<std::size_t>(c)];
    if (count > 0) score += sums.row(c).squaredNorm() / count;
  }
  return static_cast<double>(score);
}

void turn(Eigen::Ref<Matrix> columns) {
  Eigen::MatrixXd mix(columns.cols(), columns.cols());
  std::mt19937 random(3);
  std::normal_distribution<double> noise;
  for (Index i = 0; i < mix.size(); ++i) mix(i) = noise(random);
  const Eigen::MatrixXd basis = Eigen::HouseholderQR<Eigen::MatrixXd>(mix).householderQ();
  columns = (columns * basis).eval();
}

Shrunk shrunk_by_definition(const Data& data, const hscore::ShrinkageOptions& options) {
  const double n = static_cast<double>(data.x.rows());
  const double f = static_cast<double>(data.x.cols());
  const Eigen::MatrixXd centred = data.x.rowwise() - data.x.colwise().mean();
  const Eigen::MatrixXd covariance = centred.transpose() * centred / n;
  const double mu = covariance.trace() / f;
  const double squares = covariance.squaredNorm();
  double a = options.intensity;
  if (options.method == hscore::Shrinkage::oas) {
    const double alpha = squares / (f * f);
    a = std::min((alpha + mu * mu) / ((n + 1) * (alpha - mu * mu / f)), 1.0);
  } else if (options.method == hscore::Shrinkage::ledoit_wolf) {
    const double delta = (squares - f * mu * mu) / f;
    const double fourth = centred.rowwise().squaredNorm().array().square().sum();
    const double beta = (fourth / n - squares) / (n * f);
    a = std::min(beta, delta) / delta;
  }
  const Eigen::MatrixXd shrunk =
      (1 - a) * covariance + a * mu * Eigen::MatrixXd::Identity(data.x.cols(), data.x.cols());
  Eigen::MatrixXd means = Eigen::MatrixXd::Zero(data.x.cols(), data.classes);
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(data.classes);
  for (Index i = 0; i < data.x.rows(); ++i) {
    means.col(data.y[static_cast<std::size_t>(i)]) += centred.row(i).transpose();
    counts(data.y[static_cast<std::size_t>(i)]) += 1;
  }
  double score = 0;
  const Eigen::MatrixXd solved = shrunk.ldlt().solve(means);
  for (Index c = 0; c < data.classes; ++c) {
    if (counts(c) > 0) score += means.col(c).dot(solved.col(c)) / counts(c);
  }
  const double d = options.convention == hscore::Convention::paper ? n : n - 1;
  return {a, (1 - a) * score / d};
}

}  // namespace testing
