// The register tile: the innermost product of the whole library, and, but for processors with a
// tile unit (tile_unit.hpp), the only place that knows the instruction set. Everything else is
// written against Shape<T> and micro_kernel.
//
// Packed operands are strips of `width` features: element k * width + l is row k of feature l. The
// tile multiplies `broadcasts` features of one strip with `strips` whole strips:
//     acc[m][l] = sum_k a(k, m) * b[k][l],   a(k, m) = a[k * step + m * lane]
// with every accumulator in a register. Written on the compiler's vector extensions, no intrinsics.
// Compilers without them, or -DHSCORE_EIGEN_KERNEL, get the same tile from Eigen's product.
#pragma once

#include <Eigen/Core>
#include <cstdint>

#include "simd/prefetch.hpp"

#if !defined(HSCORE_EIGEN_KERNEL) && !defined(__GNUC__)
#define HSCORE_EIGEN_KERNEL
#endif

// One instruction of the x86 family multiplies and adds pairs of int16, which no vector extension
// spells: the only intrinsics there are.
#if !defined(HSCORE_EIGEN_KERNEL) &&                                          \
    (defined(__AVX512BW__) || (defined(__AVX2__) && !defined(__AVX512F__)) || \
     (defined(__SSE2__) && !defined(__AVX__)))
#define HSCORE_ROW_PAIRS
#include <immintrin.h>
#endif
// A CPU may have one for both than the compiler was told of.
#if defined(HSCORE_ROW_PAIRS) && defined(__AVX512BW__) && !defined(__AVX512VNNI__)
#define HSCORE_MAY_FUSE_PAIRS
#elif defined(HSCORE_ROW_PAIRS) && defined(HSCORE_ASSEMBLES_AVX_VNNI) && defined(__AVX2__) && \
    !defined(__AVX512F__) && !defined(__AVXVNNI__)
#define HSCORE_MAY_FUSE_PAIRS
#endif

namespace hscore::kernel {

/// Every strip, row of the scatter and scratch buffer starts on a cache line.
constexpr std::size_t alignment = 64;

/// Rows per depth slice: a tile's strips of one slice stay in the first-level cache, and float32
/// accumulators are added to float64 sums once per slice.
constexpr Index depth = 192;

/// Two rows of one feature as int16. Their products are sums of two at twice the rate of float32
/// (on Skylake 1.5 times, on aarch64 no faster), so that
///     acc[m][l] = sum_k first(a) first(b) + second(a) second(b).
using RowPair = std::int32_t;

#if defined(HSCORE_ROW_PAIRS)
constexpr bool has_row_pairs = true;
#else
constexpr bool has_row_pairs = false;
#endif

#if defined(HSCORE_EIGEN_KERNEL)

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

#else

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

template <class V>
HSCORE_INLINE V multiply_add(V factor, V value, V sum) {
  return sum + factor * value;
}
#if defined(HSCORE_ROW_PAIRS)
using RowPairs = Shape<RowPair>::Vector;
// Wraps around, as the instruction does that adds at once; sums of rows as they are packed fit.
HSCORE_INLINE RowPairs add_wrapping(RowPairs a, RowPairs b) {
  typedef std::uint32_t Unsigned __attribute__((vector_size(vector_bytes)));
  return (RowPairs)((Unsigned)a + (Unsigned)b);
}
HSCORE_INLINE RowPairs multiply_add(RowPairs factor, RowPairs value, RowPairs sum) {
#if defined(__AVX512VNNI__)
  return (RowPairs)_mm512_dpwssd_epi32((__m512i)sum, (__m512i)factor, (__m512i)value);
#elif defined(__AVXVNNI__) && !defined(__AVX512F__)
  return (RowPairs)_mm256_dpwssd_avx_epi32((__m256i)sum, (__m256i)factor, (__m256i)value);
#elif defined(__AVX512F__)
  return add_wrapping(sum, (RowPairs)_mm512_madd_epi16((__m512i)factor, (__m512i)value));
#elif defined(__AVX2__)
  return add_wrapping(sum, (RowPairs)_mm256_madd_epi16((__m256i)factor, (__m256i)value));
#else
  return add_wrapping(sum, (RowPairs)_mm_madd_epi16((__m128i)factor, (__m128i)value));
#endif
}
#endif

struct MultiplyAdd {
#if defined(__AVX512F__) || defined(__AVXVNNI__) || defined(__aarch64__)
  template <class T>
  static constexpr Index strips = Shape<T>::strips;
#else
  // A product of row pairs takes a register before it is added.
  template <class T>
  static constexpr Index strips = std::is_same_v<T, RowPair> ? 2 : Shape<T>::strips;
#endif
  template <class V>
  HSCORE_INLINE static V of(V factor, V value, V sum) {
    return multiply_add(factor, value, sum);
  }
};

#if defined(HSCORE_MAY_FUSE_PAIRS)
/// The same bits by one instruction where MultiplyAdd takes two. CPUs with AVX-512 have it since
/// 2019 (VNNI), those without since 2021 (AVX-VNNI), and the compiler, which is not told to count
/// on it, would not write it.
struct FusedPairs {
  template <class T>
  static constexpr Index strips = Shape<T>::strips;
  HSCORE_INLINE static RowPairs of(RowPairs factor, RowPairs value, RowPairs sum) {
#if defined(__AVX512F__)
    __asm__("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(factor), "v"(value));
#else
    __asm__("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sum) : "x"(factor), "x"(value));
#endif
    return sum;
  }
  static bool on_this_cpu() {
#if defined(__AVX512F__)
    static const bool found = __builtin_cpu_supports("avx512vnni") != 0;
#else
    static const bool found = __builtin_cpu_supports("avxvnni") != 0;
#endif
    return found;
  }
};
#endif

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

// Not aligned: rows of the scatter at any column, and the caller's features.
typedef double DoubleVector __attribute__((vector_size(vector_bytes), may_alias, aligned(1)));
typedef float HalfFloatVector __attribute__((vector_size(vector_bytes / 2), may_alias, aligned(1)));
typedef std::int32_t HalfIntVector
    __attribute__((vector_size(vector_bytes / 2), may_alias, aligned(1)));

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

#if defined(HSCORE_ROW_PAIRS)
// Intrinsics: GCC 12 converts a vector of int32 in halves, and puts these together again.
template <int part>
HSCORE_INLINE DoubleLanes widen(RowPairs value) {
#if defined(__AVX512F__)
  return (DoubleLanes)_mm512_cvtepi32_pd(_mm512_extracti64x4_epi64((__m512i)value, part));
#elif defined(__AVX2__)
  return (DoubleLanes)_mm256_cvtepi32_pd(_mm256_extracti128_si256((__m256i)value, part));
#else
  const __m128i lanes = (__m128i)value;
  return (DoubleLanes)_mm_cvtepi32_pd(part == 0 ? lanes : _mm_unpackhi_epi64(lanes, lanes));
#endif
}

/// Adds value * row_scale * col_scale, the scale of each column.
HSCORE_INLINE void add_scaled(double* target, DoubleLanes value, double row_scale,
                              const double* col_scale) {
  store_lanes(target, load_lanes(target) + value * (load_lanes(col_scale) * row_scale));
}
HSCORE_INLINE void add_scaled(double* target, RowPairs value, double row_scale,
                              const double* col_scale) {
  add_scaled(target, widen<0>(value), row_scale, col_scale);
  add_scaled(target + double_lanes, widen<1>(value), row_scale, col_scale + double_lanes);
}

/// The nearest integers to both, which must be within int16. Adding 1.5 * 2^23 to a float leaves
/// them in its low bits.
HSCORE_INLINE RowPairs pair_rows(Shape<float>::Vector first, Shape<float>::Vector second) {
  constexpr float rounding = 0x1.8p23f;
  return ((RowPairs)(first + rounding) & 0xffff) | ((RowPairs)(second + rounding) << 16);
}
#endif

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

#if !defined(HSCORE_ROW_PAIRS)
template <class V>
void add_scaled(double* target, const V& value, double row_scale, const double* col_scale) = delete;
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
