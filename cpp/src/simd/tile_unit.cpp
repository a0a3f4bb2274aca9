#include "simd/tile_unit.hpp"

#include "hscore/moments.hpp"

#if defined(HSCORE_TILE_UNIT)
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#endif

namespace hscore {

#if defined(HSCORE_TILE_UNIT)

namespace {

bool left_out() {
  const char* wanted = std::getenv("HSCORE_TILE_UNIT");
  return wanted != nullptr && std::strcmp(wanted, "0") == 0;
}

// The tiles are 8 KB that the system keeps for each thread that uses them, and it wants to be asked
// (arch_prctl(2), ARCH_REQ_XCOMP_PERM). It says no where a thread has too small a stack for
// signals.
bool granted() {
  constexpr long request = 0x1023;
  constexpr long tile_data = 18;
  return syscall(SYS_arch_prctl, request, tile_data) == 0;
}

}  // namespace

bool has_tile_unit() {
  static const bool usable = __builtin_cpu_supports("amx-int8") && !left_out() && granted();
  return usable;
}

#else

bool has_tile_unit() {
  return false;
}

#endif

}  // namespace hscore
