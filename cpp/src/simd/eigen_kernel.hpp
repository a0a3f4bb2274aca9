// The kernel for compilers without vector extensions: the same register tile from Eigen's product.
// Included by vector.hpp.
#pragma once

#include <Eigen/Core>
#include <cstring>

#include "simd/prefetch.hpp"

namespace hscore::kernel {

template <class T>
struct Shape {
  static constexpr Index lanes = 32;  // what Eigen's product needs to be efficient
  static constexpr Index pieces = 1;
  static constexpr Index width = lanes;
  static constexpr Index broadcasts = 32;
  static constexpr Index strips = 1;
  using Vector = Eigen::Array<T, lanes, 1>;
};

struct MultiplyAdd {
  template <class T>
  static constexpr Index strips = Shape<T>::strips;
};

template <class T, Index Strips, class Multiply = MultiplyAdd, class Fetch, class Sink>
HSCORE_INLINE void micro_kernel(const T* a, Index step, Index lane, const Fetch&, const T* b, Index,
                                Index rows, Sink&& sink) {
  static_assert(Strips == 1);
  constexpr Index width = Shape<T>::width;
  using Matrix = Eigen::Matrix<T, width, Eigen::Dynamic>;
  using Stride = Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>;
  const Eigen::Map<const Matrix, Eigen::Aligned64> right(b, width, rows);
  const Eigen::Map<const Matrix, 0, Stride> left(a, width, rows, Stride(step, lane));
  Eigen::Matrix<T, width, width> tile;
  tile.noalias() = right * left.transpose();
  for (Index m = 0; m < width; ++m) {
    sink(m, Index{0}, typename Shape<T>::Vector(tile.col(m).array()));
  }
}

constexpr Index double_lanes = 8;
using DoubleLanes = Eigen::Array<double, double_lanes, 1>;

template <class S>
HSCORE_INLINE DoubleLanes load_lanes(const S* source) {
  Eigen::Array<S, double_lanes, 1> values;
  std::memcpy(values.data(), source, sizeof(S) * double_lanes);
  return values.template cast<double>();
}
template <class T>
HSCORE_INLINE void store_lanes(T* target, const DoubleLanes& value) {
  Eigen::Map<Eigen::Array<T, double_lanes, 1>> stored(target);
  stored = value.cast<T>();
}

template <class T>
HSCORE_INLINE void add_to(double* target, const Eigen::Array<T, Shape<T>::lanes, 1>& value) {
  Eigen::Map<Eigen::Array<double, Shape<T>::lanes, 1>> sum(target);
  sum += value.template cast<double>();
}
template <class T>
HSCORE_INLINE void subtract_from(double* target, const Eigen::Array<T, Shape<T>::lanes, 1>& value) {
  Eigen::Map<Eigen::Array<double, Shape<T>::lanes, 1>> sum(target);
  sum -= value.template cast<double>();
}
template <class T>
HSCORE_INLINE void store(T* target, const Eigen::Array<T, Shape<T>::lanes, 1>& value) {
  Eigen::Map<Eigen::Array<T, Shape<T>::lanes, 1>> sum(target);
  sum = value;
}

}  // namespace hscore::kernel
