#include "hscore/parallel.hpp"

#include <algorithm>
#include <thread>
#include <vector>

#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <unistd.h>
#endif
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
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

#ifdef _OPENMP

bool is_forked() noexcept {
  const long owner = runtime_owner.load(std::memory_order_relaxed);
  return owner != 0 && owner != process_id();
}

// A thread counts against the limits until the system has buried it, after it can be joined.
#ifdef __linux__
long thread_id() noexcept {
  return syscall(SYS_gettid);
}
void wait_until_gone(long id) noexcept {
  constexpr int patience = 100000;
  for (int i = 0; i < patience && syscall(SYS_tgkill, getpid(), id, 0) == 0; ++i) sched_yield();
}
#else
long thread_id() noexcept {
  return 0;
}
void wait_until_gone(long) noexcept {}
#endif

// How many threads, up to `wanted`, can be started beside those that there are.
int count_startable(int wanted) noexcept {
  int started = 0;
  try {
    std::vector<long> ids(static_cast<std::size_t>(wanted), 0);
    std::vector<std::thread> others;
    others.reserve(ids.size());
    std::mutex gate;
    try {
      const std::lock_guard<std::mutex> closed(gate);  // until all are there
      for (long& id : ids) {
        others.emplace_back([&gate, &id] {
          id = thread_id();
          const std::lock_guard<std::mutex> opened(gate);
        });
      }
    } catch (const std::exception&) {
      // no more
    }
    started = static_cast<int>(others.size());
    for (std::thread& other : others) other.join();
    for (int i = 0; i < started; ++i) wait_until_gone(ids[static_cast<std::size_t>(i)]);
  } catch (const std::exception&) {
    // not even memory for the list
  }
  return started;
}

#endif

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
  if (thread_count(2) < 2 || startable_threads(2) < 2) return;
  note_parallel_region();
  std::atomic<int> present{0};
#pragma omp parallel num_threads(2)
  present.fetch_add(1, std::memory_order_relaxed);
#endif
}

int thread_count(int requested) noexcept {
#ifdef _OPENMP
  if (is_forked() || omp_in_parallel()) return 1;
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

int startable_threads(int wanted) noexcept {
#ifdef _OPENMP
  // Threads of this thread's last parallel region, which the runtime keeps for the next one; from
  // a larger to a smaller one it ends those that are too many.
  thread_local int team = 1;
  if (wanted <= 1 || is_forked()) return 1;
  if (wanted > team) wanted = team + count_startable(wanted - team);
  if (wanted > 1) team = wanted;
  return wanted;
#else
  return std::max(1, wanted);
#endif
}

}  // namespace hscore
