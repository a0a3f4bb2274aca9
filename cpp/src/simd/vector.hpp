// The vectors of the instruction set, and the shape of the register tile that the kernels fill.
// Written on the compiler's vector extensions; compilers without them, or -DHSCORE_EIGEN_KERNEL,
// get eigen_kernel.hpp instead.
#pragma once

#include <cstring>

#include "simd/prefetch.hpp"

#if !defined(HSCORE_EIGEN_KERNEL) && !defined(__GNUC__)
#define HSCORE_EIGEN_KERNEL
#endif

namespace hscore::kernel {

/// Every strip, row of the scatter and scratch buffer starts on a cache line.
constexpr std::size_t alignment = 64;

/// Rows per depth slice: a tile's strips of one slice stay in the first-level cache, and float32
/// accumulators are added to float64 sums once per slice.
constexpr Index depth = 192;

#if !defined(HSCORE_EIGEN_KERNEL)

#if defined(__AVX512F__)
constexpr Index vector_bytes = 64;
#elif defined(__AVX__)
constexpr Index vector_bytes = 32;
#else
constexpr Index vector_bytes = 16;
#endif

/// A strip is `pieces` hardware vectors wide; `broadcasts` divides it.
template <class T>
struct Shape {
  static constexpr Index lanes = vector_bytes / static_cast<Index>(sizeof(T));
  static constexpr Index pieces = lanes < 4 ? 2 : 1;  // two float64 of SSE2 or NEON are too few
  static constexpr Index width = lanes * pieces;
#if defined(__AVX512F__)
  static constexpr Index broadcasts = 8;  // 24 of 32 registers accumulate
  static constexpr Index strips = 3;
#elif defined(__aarch64__)
  static constexpr Index broadcasts = 4;
  static constexpr Index strips = 4 / pieces;
#else
  static constexpr Index broadcasts = 4;  // 12 of 16 registers, or 8 for two-piece strips
  static constexpr Index strips = pieces == 1 ? 3 : 1;
#endif
  static_assert(width % broadcasts == 0);
  typedef T Vector __attribute__((vector_size(vector_bytes), may_alias));
};

// Not aligned: rows of the scatter at any column, and the caller's features.
typedef double DoubleVector __attribute__((vector_size(vector_bytes), may_alias, aligned(1)));
typedef float HalfFloatVector __attribute__((vector_size(vector_bytes / 2), may_alias, aligned(1)));

// As many doubles as a register holds, read from and written to either float type.
constexpr Index double_lanes = vector_bytes / Index{sizeof(double)};
using DoubleLanes = DoubleVector;

HSCORE_INLINE DoubleLanes load_lanes(const double* source) {
  return *reinterpret_cast<const DoubleVector*>(source);
}
HSCORE_INLINE DoubleLanes load_lanes(const float* source) {
  return __builtin_convertvector(*reinterpret_cast<const HalfFloatVector*>(source), DoubleVector);
}
HSCORE_INLINE void store_lanes(double* target, DoubleLanes value) {
  *reinterpret_cast<DoubleVector*>(target) = value;
}
HSCORE_INLINE void store_lanes(float* target, DoubleLanes value) {
  *reinterpret_cast<HalfFloatVector*>(target) = __builtin_convertvector(value, HalfFloatVector);
}

HSCORE_INLINE void accumulate(double* target, Shape<double>::Vector value, double) {
  *reinterpret_cast<DoubleVector*>(target) += value;
}
// Widening half a vector at a time keeps each conversion one instruction.
HSCORE_INLINE void accumulate(double* target, Shape<float>::Vector value, float) {
  constexpr Index half = Shape<float>::lanes / 2;
  HalfFloatVector parts[2];
  std::memcpy(parts, &value, sizeof parts);
  for (Index p = 0; p < 2; ++p) {
    *reinterpret_cast<DoubleVector*>(target + p * half) +=
        __builtin_convertvector(parts[p], DoubleVector);
  }
}

template <class T>
HSCORE_INLINE void add_to(double* target, typename Shape<T>::Vector value) {
  accumulate(target, value, T{});
}
template <class T>
HSCORE_INLINE void subtract_from(double* target, typename Shape<T>::Vector value) {
  accumulate(target, -value, T{});
}
template <class T>
HSCORE_INLINE void store(T* target, typename Shape<T>::Vector value) {
  *reinterpret_cast<typename Shape<T>::Vector*>(target) = value;
}

#endif

/// Call f with a compile-time number of strips 1 .. most.
template <Index most, class F>
HSCORE_INLINE void with_strips(Index strips, F&& f) {
  if constexpr (most >= 4) {
    if (strips == 4) return f(std::integral_constant<Index, 4>{});
  }
  if constexpr (most >= 3) {
    if (strips == 3) return f(std::integral_constant<Index, 3>{});
  }
  if constexpr (most >= 2) {
    if (strips == 2) return f(std::integral_constant<Index, 2>{});
  }
  f(std::integral_constant<Index, 1>{});
}

}  // namespace hscore::kernel

#if defined(HSCORE_EIGEN_KERNEL)
#include "simd/eigen_kernel.hpp"
#endif
