// Random features and labels, their views, and independent answers (oracles.cpp).
#pragma once

#include <Eigen/Core>
#include <type_traits>
#include <vector>

#include "hscore/hscore.hpp"

namespace testing {

using hscore::Index;
template <class T>
using RowMajor = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Matrix = RowMajor<double>;

struct Data {
  Matrix x;
  std::vector<std::int32_t> y;
  Index classes;
};

Data random_data(Index rows, Index cols, Index classes, unsigned seed = 1);

/// sum_c | sum_{i in c} q_i |^2 / n_c for an orthonormal basis Q of the centred columns: the
/// orthogonal complement by a column-pivoted QR of the centred data, never the scatter, so that it
/// shares nothing with the code under test.
double oracle(const Data& data, double threshold = 1e-9);

/// The same for features that are nearly dependent: the projection on the columns' span, all in
/// long double, by modified Gram-Schmidt, twice.
double long_oracle(const Data& data);

/// Into another basis of the columns' span: times a random orthogonal matrix.
void turn(Eigen::Ref<Matrix> columns);

struct Shrunk {
  double intensity;
  double score;
};
/// The regularized score by its definition, on dense matrices.
Shrunk shrunk_by_definition(const Data& data, const hscore::ShrinkageOptions& options);

template <class T>
hscore::FeatureView view(const RowMajor<T>& x) {
  hscore::FeatureView result;
  result.data = reinterpret_cast<const unsigned char*>(x.data());
  result.rows = x.rows();
  result.cols = x.cols();
  result.row_stride = x.cols() * Index{sizeof(T)};
  result.col_stride = sizeof(T);
  result.dtype = std::is_same_v<T, float> ? hscore::DType::float32 : hscore::DType::float64;
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
