// Random features and labels, their views, and an oracle for the score.
#pragma once

#include <Eigen/Dense>
#include <random>
#include <vector>

#include "hscore/hscore.hpp"

namespace testing {

using hscore::Index;
using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Data {
  Matrix x;
  std::vector<std::int32_t> y;
  Index classes;
};

inline Data random_data(Index rows, Index cols, Index classes, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise;
  Data data{Matrix(rows, cols), std::vector<std::int32_t>(static_cast<std::size_t>(rows)), classes};
  for (Index i = 0; i < rows; ++i) {
    const Index c = static_cast<Index>(random()) % classes;
    data.y[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(c);
    for (Index j = 0; j < cols; ++j) data.x(i, j) = noise(random) + 0.3 * ((c + j) % classes == 0);
  }
  return data;
}

// sum_c | sum_{i in c} q_i |^2 / n_c for an orthonormal basis Q of the centred columns.
inline double oracle(const Data& data, double threshold = 1e-9) {
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

inline hscore::FeatureView view(const Matrix& x) {
  hscore::FeatureView result;
  result.data = reinterpret_cast<const unsigned char*>(x.data());
  result.rows = x.rows();
  result.cols = x.cols();
  result.row_stride = x.cols() * Index{sizeof(double)};
  result.col_stride = sizeof(double);
  return result;
}
inline hscore::LabelView labels(const Data& data) {
  return {data.y.data(), static_cast<Index>(data.y.size()), data.classes};
}
inline hscore::Moments moments_of(const Data& data, int threads = 1) {
  hscore::Moments moments(data.x.cols());
  hscore::UpdateOptions options;
  options.threads = threads;
  moments.update(view(data.x), labels(data), options);
  return moments;
}
inline double score_of(const Data& data, int threads = 1) {
  hscore::WhiteningOptions options;
  options.threads = threads;
  return hscore::h_score(moments_of(data, threads), options).score;
}
inline Index rank_of(const Data& data) {
  return hscore::h_score(moments_of(data), {}).rank;
}

}  // namespace testing
