// Pairs of rows as int16: one instruction of the x86 family multiplies two pairs and adds their
// products. No vector extension spells it, so that these are the only intrinsics there are.
#pragma once

#include <cstdint>

#include "simd/float_kernel.hpp"

#if !defined(HSCORE_EIGEN_KERNEL) &&                                          \
    (defined(__AVX512BW__) || (defined(__AVX2__) && !defined(__AVX512F__)) || \
     (defined(__SSE2__) && !defined(__AVX__)))
#define HSCORE_ROW_PAIRS
#include <immintrin.h>
#endif
// The CPU may have the instruction that also adds to the sum though the compiler was not told of
// it.
#if defined(HSCORE_ROW_PAIRS) && defined(__AVX512BW__) && !defined(__AVX512VNNI__)
#define HSCORE_MAY_FUSE_PAIRS
#elif defined(HSCORE_ROW_PAIRS) && defined(HSCORE_ASSEMBLES_AVX_VNNI) && defined(__AVX2__) && \
    !defined(__AVX512F__) && !defined(__AVXVNNI__)
#define HSCORE_MAY_FUSE_PAIRS
#endif

namespace hscore::kernel {

/// Two rows of one feature as int16. Their products are sums of two at twice the rate of float32
/// (on Skylake 1.5 times, on aarch64 no faster), so that
///     acc[m][l] = sum_k first(a) first(b) + second(a) second(b).
using RowPair = std::int32_t;

#if defined(HSCORE_ROW_PAIRS)

constexpr bool has_row_pairs = true;

using RowPairs = Shape<RowPair>::Vector;
// Wraps around, as the instruction does that adds at once; sums of rows as they are packed fit.
HSCORE_INLINE RowPairs add_wrapping(RowPairs a, RowPairs b) {
  typedef std::uint32_t Unsigned __attribute__((vector_size(vector_bytes)));
  return (RowPairs)((Unsigned)a + (Unsigned)b);
}

/// By one instruction where the compiler was told of it, else by two.
struct MultiplyPairs {
#if defined(__AVX512F__) || defined(__AVXVNNI__)
  template <class T>
  static constexpr Index strips = Shape<T>::strips;
#else
  template <class T>
  static constexpr Index strips = 2;  // a product takes a register before it is added
#endif
  HSCORE_INLINE static RowPairs of(RowPairs factor, RowPairs value, RowPairs sum) {
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
};

#if defined(HSCORE_MAY_FUSE_PAIRS)
/// The same bits by one instruction where MultiplyPairs takes two. CPUs with AVX-512 have it since
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

#else

constexpr bool has_row_pairs = false;

template <class V>
void add_scaled(double* target, const V& value, double row_scale, const double* col_scale) = delete;

#endif

}  // namespace hscore::kernel
