// The register tile, the innermost product of the whole library. Everything else is written against
// Shape<T> and micro_kernel.
//
// Packed operands are strips of `width` features: element k * width + l is row k of feature l. The
// tile multiplies `broadcasts` features of one strip with `strips` whole strips:
//     acc[m][l] = sum_k a(k, m) * b[k][l],   a(k, m) = a[k * step + m * lane]
// with every accumulator in a register, and no intrinsics. Pairs of int16 come from
// int16_kernel.hpp by another Multiply.
#pragma once

#include "simd/vector.hpp"

#if !defined(HSCORE_EIGEN_KERNEL)

namespace hscore::kernel {

struct MultiplyAdd {
  template <class T>
  static constexpr Index strips = Shape<T>::strips;

  template <class V>
  HSCORE_INLINE static V of(V factor, V value, V sum) {
    return sum + factor * value;
  }
};

/// sink(m, v, vector) receives row m, v-th hardware vector of the tile. fetch(a) is called for each
/// row.
template <class T, Index Strips, class Multiply = MultiplyAdd, class Fetch, class Sink>
HSCORE_INLINE void micro_kernel(const T* a, Index step, Index lane, Fetch fetch, const T* b,
                                Index strip_stride, Index rows, Sink&& sink) {
  using S = Shape<T>;
  using Vector = typename S::Vector;
  constexpr Index vectors = Strips * S::pieces;
  Vector acc[S::broadcasts][vectors] = {};
  // With fewer registers than AVX-512 has, GCC 12 would keep a sum of fused pairs in memory.
#if defined(__AVX512F__)
#pragma GCC unroll 2
#else
#pragma GCC unroll 1
#endif
  for (Index k = 0; k < rows; ++k) {
    fetch(a);
    Vector line[vectors];
#pragma GCC unroll 8
    for (Index v = 0; v < vectors; ++v) {
      line[v] = *reinterpret_cast<const Vector*>(b + (v / S::pieces) * strip_stride +
                                                 (v % S::pieces) * S::lanes);
    }
#pragma GCC unroll 8
    for (Index m = 0; m < S::broadcasts; ++m) {
      const Vector factor = a[m * lane] - Vector{};
#pragma GCC unroll 8
      for (Index v = 0; v < vectors; ++v) acc[m][v] = Multiply::of(factor, line[v], acc[m][v]);
    }
    a += step;
    b += S::width;
  }
#pragma GCC unroll 8
  for (Index m = 0; m < S::broadcasts; ++m) {
#pragma GCC unroll 8
    for (Index v = 0; v < vectors; ++v) sink(m, v, acc[m][v]);
  }
}

}  // namespace hscore::kernel

#endif
