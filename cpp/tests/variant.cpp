// Compiled with the flags of the core beside it, so that the compiler's macros are the core's.
#include "variant.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/moments.hpp"
#include "product/rank_update.hpp"

namespace testing {

bool cpu_can_run_this() {
#if defined(__x86_64__) && defined(__GNUC__)
#if defined(__AVX512F__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
#elif defined(__AVX2__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
#endif
  return true;
}

bool has_row_pairs() {
  return hscore::kernel::has_row_pairs;
}

bool fused_pairs_agree() {
#if defined(HSCORE_MAY_FUSE_PAIRS)
  using namespace hscore;
  using Shape = kernel::Shape<kernel::RowPair>;
  if (!kernel::FusedPairs::on_this_cpu()) return true;
  constexpr Index rows = 77;
  constexpr Index strips = kernel::FusedPairs::strips<kernel::RowPair>;
  AlignedBuffer<kernel::RowPair> packed(rows, strips * Shape::width);
  std::uint32_t state = 1;
  for (std::size_t i = 0; i < packed.size(); ++i) {  // all pairs of int16, their least included
    state = state * 1664525u + 1013904223u;
    packed.data()[i] = static_cast<kernel::RowPair>(state);
  }
  constexpr Index count = Shape::broadcasts * strips * Shape::width;
  AlignedBuffer<kernel::RowPair> found(2, count);
  const auto multiply = [&](auto by, kernel::RowPair* target) {
    kernel::micro_kernel<kernel::RowPair, strips, decltype(by)>(
        packed.data(), Shape::width, 1, kernel::FetchNothing{}, packed.data(), rows * Shape::width,
        rows, [&](Index m, Index v, auto value) {
          kernel::store(target + (m * strips + v) * Shape::width, value);
        });
  };
  multiply(kernel::MultiplyPairs{}, found.data());
  multiply(kernel::FusedPairs{}, found.data() + count);
  return std::equal(found.data(), found.data() + count, found.data() + count);
#else
  return true;
#endif
}

bool tile_products_agree() {
  using namespace hscore;
  if (!has_tile_unit()) return true;
  constexpr Index features = 40;
  constexpr Index strips = 3;
  std::uint32_t state = 1;
  for (const int digits : {2, 3, 4}) {
    for (const bool largest : {true, false}) {
      for (const Index rows : {Index{1}, Index{70}, DigitRows::stretch(digits)}) {
        DigitRows packed(rows, features, digits, 1);
        packed.set_rows(rows);
        std::vector<std::int64_t> values(static_cast<std::size_t>(rows * strips * tiles::side));
        for (Index strip = 0; strip < strips; ++strip) {
          std::fill_n(packed.left(0, strip), packed.strip_stride(), std::int8_t{0});
          std::fill_n(packed.right(0, strip), packed.strip_stride(), std::int8_t{0});
          for (Index l = 0; l < tiles::side; ++l) {
            packed.scales(0)[strip * tiles::side + l] = 1;
            for (Index k = 0; k < rows; ++k) {
              std::int64_t& value = values[static_cast<std::size_t>(k * strips * tiles::side +
                                                                    strip * tiles::side + l)];
              for (int d = 0; d < digits; ++d) {
                state = state * 1664525u + 1013904223u;
                std::int8_t digit = static_cast<std::int8_t>(state >> 24);
                if (largest) digit = d == 0 ? 127 : -128;
                if (d == 0) digit = std::max<std::int8_t>(digit, -127);
                value = value * 256 + digit;
                const Index tile = (k / tiles::rows * digits + d) * tiles::bytes;
                const Index group = k % tiles::rows / 4;
                packed.left(0, strip)[tile + l * 64 + group * 4 + k % 4] = digit;
                packed.right(0, strip)[tile + group * 64 + l * 4 + k % 4] = digit;
              }
            }
          }
        }
        PaddedMatrix sums(PaddedMatrix::round_up(features), features);
        rank_update<Sign::add>(packed, features, features, sums.row(0), sums.stride(), 1);
        // In units of the square of the scale's root, rounded once.
        const long double unit = std::ldexp(1.0L, 8 * digits - 8);
        for (Index i = 0; i < features; ++i) {
          for (Index j = 0; j <= i; ++j) {
            long double exact = 0;
            for (Index k = 0; k < rows; ++k) {
              const std::int64_t* row = values.data() + k * strips * tiles::side;
              exact += static_cast<long double>(row[i]) * static_cast<long double>(row[j]);
            }
            const long double found = sums(i, j);
            // Doubles hold 53 bits; the last digits' product is left out of four.
            const long double allowed = 1.6L + std::abs(exact) / unit * 1e-15L;
            if (std::abs(found - exact / unit) > allowed) return false;
          }
        }
      }
    }
  }
  return true;
}

}  // namespace testing
