#include "hscore/parallel.hpp"

#include <algorithm>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif

namespace hscore {

namespace {

long process_id() noexcept {
#if defined(__unix__) || defined(__APPLE__)
  return static_cast<long>(getpid());
#else
  return 1;  // no fork on this system
#endif
}

// The one piece of process state in the core: 0 until the first parallel region.
std::atomic<long> runtime_owner{0};

}  // namespace

bool has_openmp() noexcept {
#ifdef _OPENMP
  return true;
#else
  return false;
#endif
}

void note_parallel_region() noexcept {
  runtime_owner.store(process_id(), std::memory_order_relaxed);
}

void outnumber_processors() noexcept {
// The idle threads of LLVM's runtime do not sleep at once.
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)
  if (thread_count(2) < 2) return;
  note_parallel_region();
  std::atomic<int> present{0};
#pragma omp parallel num_threads(2)
  present.fetch_add(1, std::memory_order_relaxed);
#endif
}

int thread_count(int requested) noexcept {
#ifdef _OPENMP
  const long owner = runtime_owner.load(std::memory_order_relaxed);
  if (owner != 0 && owner != process_id()) return 1;
  if (omp_in_parallel()) return 1;
  if (requested > 0) return requested;
  return std::max(1, std::min(omp_get_max_threads(), omp_get_num_procs()));
#elif defined(HSCORE_STD_THREADS)
  if (requested > 0) return requested;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
#else
  (void)requested;
  return 1;
#endif
}

}  // namespace hscore
