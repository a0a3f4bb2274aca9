#include "hscore/buffer.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace hscore {

namespace {

// Bytes of physical memory; the largest number where the system does not say.
std::size_t machine_memory() {
#if defined(_SC_PHYS_PAGES) && defined(_SC_PAGESIZE)
  const long pages = sysconf(_SC_PHYS_PAGES);
  const long page = sysconf(_SC_PAGESIZE);
  if (pages > 0 && page > 0) {
    return static_cast<std::size_t>(pages) * static_cast<std::size_t>(page);
  }
#endif
  return std::numeric_limits<std::size_t>::max();
}

}  // namespace

void check_fits(std::ptrdiff_t rows, std::ptrdiff_t cols, std::size_t element_size) {
  constexpr std::size_t always = std::size_t{1} << 30;
  const std::size_t bytes = checked_product(rows, cols, element_size) * element_size;
  if (bytes <= always) return;
  const std::size_t most = machine_memory();
  if (bytes > most) {
    throw OutOfMemory("a buffer of " + std::to_string(rows) + " x " + std::to_string(cols) +
                      " elements takes " + std::to_string(bytes) + " bytes, and this machine has " +
                      std::to_string(most) + ": use fewer features or classes");
  }
}

}  // namespace hscore
