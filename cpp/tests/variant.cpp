// Compiled with the flags of the core beside it, so that the compiler's macros are the core's.
#include "variant.hpp"

#include <algorithm>

#include "hscore/buffer.hpp"
#include "kernel.hpp"

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
        packed.data(), Shape::width, 1, 0, packed.data(), rows * Shape::width, rows,
        [&](Index m, Index v, auto value) {
          kernel::store(target + (m * strips + v) * Shape::width, value);
        });
  };
  multiply(kernel::MultiplyAdd{}, found.data());
  multiply(kernel::FusedPairs{}, found.data() + count);
  return std::equal(found.data(), found.data() + count, found.data() + count);
#else
  return true;
#endif
}

}  // namespace testing
