#include "hscore/parallel.hpp"

#include <algorithm>

#include "hscore/quota.hpp"
#include "memory/thread_pool.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif

namespace hscore {

bool has_openmp() noexcept {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

int thread_count(int requested) noexcept {
#ifdef _OPENMP
  if (within_task() || omp_in_parallel()) return 1;
  if (requested > 0) return requested;
  const int quota = quota_processors();
  const int processors = quota > 0 ? std::min(quota, processor_count()) : processor_count();
  return std::max(1, std::min({omp_get_max_threads(), omp_get_thread_limit(), processors}));
#else
  (void)requested;
  return 1;
#endif
}

}  // namespace hscore
