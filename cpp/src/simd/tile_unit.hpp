// The tile unit that x86 server processors have since 2023 (AMX): tiles of 16 x 64 int8 are
// multiplied at 64 times the rate of float64 by AVX-512, and their int32 sums are exact. Rows
// rounded to integers of two to four such digits (product/digit_rows.hpp) are multiplied exactly:
// the sums of all products of digits of one weight are kept apart, a tile for each.
#pragma once

#include <cstdint>

#include "simd/int16_kernel.hpp"

// What is packed for it is shuffled as GCC spells it.
#if defined(__AMX_INT8__) && defined(__AVX512BW__) && defined(__linux__) && !defined(__clang__) && \
    !defined(HSCORE_EIGEN_KERNEL)
#define HSCORE_TILE_UNIT
#endif

namespace hscore::tiles {

constexpr Index side = 16;          // features of a tile on either side
constexpr Index rows = 64;          // that a tile takes at once
constexpr Index bytes = side * 64;  // of a tile

#if defined(HSCORE_TILE_UNIT)

/// Sets the calling thread's tiles up, and gives them back.
class Session {
 public:
  Session() {
    struct alignas(64) Layout {
      std::uint8_t palette = 1;
      std::uint8_t unused[15] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t row_count[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    };
    static constexpr Layout layout;
    __asm__ volatile("ldtilecfg %0" : : "m"(layout));
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session() { __asm__ volatile("tilerelease"); }
};

namespace detail {

template <int tile>
HSCORE_INLINE void clear() {
  __asm__ volatile("tilezero %%tmm%c0" : : "i"(tile));
}
template <int tile>
HSCORE_INLINE void load(const std::int8_t* from) {
  __asm__ volatile("tileloadd (%0,%1,1), %%tmm%c2"
                   :
                   : "r"(from), "r"(Index{64}), "i"(tile)
                   : "memory");
}
template <int tile>
HSCORE_INLINE void store(std::int32_t* to) {
  __asm__ volatile("tilestored %%tmm%c2, (%0,%1,1)"
                   :
                   : "r"(to), "r"(Index{64}), "i"(tile)
                   : "memory");
}
// Adds a product of tiles to one of sums.
template <int sums, int left, int right>
HSCORE_INLINE void multiply() {
  __asm__ volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(sums), "i"(left), "i"(right));
}

// There are eight tiles, for sums and what is multiplied. The sums of weight w are those of digits
// i and w - i.
template <int digits>
struct Products;

template <>
struct Products<2> {
  static constexpr int weights = 3;
  HSCORE_INLINE static void step(const std::int8_t* a, const std::int8_t* b) {
    load<4>(a);
    load<6>(b);
    multiply<0, 4, 6>();
    load<7>(b + bytes);
    multiply<1, 4, 7>();
    load<5>(a + bytes);
    multiply<2, 5, 7>();
    multiply<1, 5, 6>();
  }
};
template <>
struct Products<3> {
  static constexpr int weights = 5;
  HSCORE_INLINE static void step(const std::int8_t* a, const std::int8_t* b) {
    load<5>(a);
    load<6>(b + 2 * bytes);
    multiply<2, 5, 6>();
    load<7>(b);
    multiply<0, 5, 7>();
    load<7>(b + bytes);
    multiply<1, 5, 7>();
    load<5>(a + bytes);
    multiply<2, 5, 7>();
    multiply<3, 5, 6>();
    load<7>(b);
    multiply<1, 5, 7>();
    load<5>(a + 2 * bytes);
    multiply<2, 5, 7>();
    multiply<4, 5, 6>();
    load<7>(b + bytes);
    multiply<3, 5, 7>();
  }
};
// That of the last digits is less than what the sums are rounded to in the end.
template <>
struct Products<4> {
  static constexpr int weights = 6;
  HSCORE_INLINE static void step(const std::int8_t* a, const std::int8_t* b) {
    load<6>(a);
    load<7>(b);
    multiply<0, 6, 7>();
    load<7>(b + bytes);
    multiply<1, 6, 7>();
    load<7>(b + 2 * bytes);
    multiply<2, 6, 7>();
    load<7>(b + 3 * bytes);
    multiply<3, 6, 7>();
    load<6>(a + bytes);
    multiply<4, 6, 7>();
    load<7>(b + 2 * bytes);
    multiply<3, 6, 7>();
    load<7>(b + bytes);
    multiply<2, 6, 7>();
    load<7>(b);
    multiply<1, 6, 7>();
    load<6>(a + 2 * bytes);
    multiply<2, 6, 7>();
    load<7>(b + bytes);
    multiply<3, 6, 7>();
    load<7>(b + 3 * bytes);
    multiply<5, 6, 7>();
    load<7>(b + 2 * bytes);
    multiply<4, 6, 7>();
    load<6>(a + 3 * bytes);
    multiply<5, 6, 7>();
    load<7>(b + bytes);
    multiply<4, 6, 7>();
    load<7>(b);
    multiply<3, 6, 7>();
  }
};

}  // namespace detail

/// The sums of a tile of the scatter, of 16 x 16 each, by weight, the greatest first.
template <int digits>
constexpr int weights = detail::Products<digits>::weights;

/// All sums of one tile, over `steps` times 64 rows. between() is called after every step: what the
/// vector unit does there takes next to no time of its own.
template <int digits, class Between>
HSCORE_INLINE void multiply(const std::int8_t* a, const std::int8_t* b, Index steps,
                            std::int32_t* sums, Between&& between) {
  constexpr int count = weights<digits>;
  detail::clear<0>();
  detail::clear<1>();
  detail::clear<2>();
  if constexpr (count > 3) detail::clear<3>();
  if constexpr (count > 3) detail::clear<4>();
  if constexpr (count > 5) detail::clear<5>();
  for (Index k = 0; k < steps; ++k) {
    detail::Products<digits>::step(a, b);
    between();
    a += digits * bytes;
    b += digits * bytes;
  }
  constexpr Index tile = side * side;
  detail::store<0>(sums);
  detail::store<1>(sums + tile);
  detail::store<2>(sums + 2 * tile);
  if constexpr (count > 3) detail::store<3>(sums + 3 * tile);
  if constexpr (count > 3) detail::store<4>(sums + 4 * tile);
  if constexpr (count > 5) detail::store<5>(sums + 5 * tile);
}

/// Sixteen sums side by side.
typedef std::int32_t Sums __attribute__((vector_size(64), may_alias));

template <int digits>
struct Parts {
  Sums of[digits - 1];
};

/// The weights of 16 sums put together in one to three parts, the greatest first, each 256 times
/// the next. What is below the last one's unit is rounded to it: a thousandth of what the rounding
/// of the rows does to such a sum, or less. Each fits, of up to 384 rows, or 512 of
/// two digits.
template <int digits, class SumsOf>
HSCORE_INLINE Parts<digits> combine(SumsOf&& of) {
  if constexpr (digits == 2) {
    return {{(of(0) << 8) + of(1) + ((of(2) + 128) >> 8)}};
  } else if constexpr (digits == 3) {
    return {{(of(0) << 8) + of(1), of(2) + ((of(3) + (of(4) >> 8) + 128) >> 8)}};
  } else {
    return {{(of(0) << 8) + of(1), of(2), of(3) + ((of(4) + (of(5) >> 8) + 128) >> 8)}};
  }
}

/// Call f with a compile-time number of digits, 2 to 4.
template <class F>
HSCORE_INLINE void with_digits(int digits, F&& f) {
  if (digits == 2) return f(std::integral_constant<int, 2>{});
  if (digits == 3) return f(std::integral_constant<int, 3>{});
  f(std::integral_constant<int, 4>{});
}

/// The square root of what the last part counts, in products of the last digits.
template <int digits>
constexpr double root_of_unit = 1 << (digits * 4 - 4);

#endif

}  // namespace hscore::tiles
