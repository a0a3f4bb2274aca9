#include "tile_unit.hpp"

#if defined(HSCORE_TILE_UNIT)

#include <sys/syscall.h>
#include <unistd.h>

namespace hscore::tiles {

// The tiles are 8 KB that the system keeps for each thread that uses them, and it wants to be asked
// (arch_prctl(2), ARCH_REQ_XCOMP_PERM). It says no where a thread has too small a stack for
// signals.
bool usable() {
  static const bool granted = [] {
    constexpr long request = 0x1023;
    constexpr long tile_data = 18;
    return __builtin_cpu_supports("amx-int8") && syscall(SYS_arch_prctl, request, tile_data) == 0;
  }();
  return granted;
}

}  // namespace hscore::tiles

#endif
