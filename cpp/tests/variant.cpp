// Compiled with the flags of the core beside it, so that the compiler's macros are the core's.
#include "variant.hpp"

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

}  // namespace testing
