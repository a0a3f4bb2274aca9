// One loop construct for the whole core. With OpenMP the tasks are handed out dynamically; without
// it, or with one thread, they run in order on the caller. No process-wide setting is touched.
// HSCORE_STD_THREADS does the same with std::thread, started anew for every loop: it is there for
// ThreadSanitizer, which cannot see into OpenMP's runtime.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#ifdef HSCORE_STD_THREADS
#include <system_error>
#include <thread>
#include <vector>
#endif

namespace hscore {

/// True when the core was built with OpenMP.
bool has_openmp() noexcept;

/// Threads that a call may use: `requested` if positive, else what OpenMP's environment, limits set
/// on the calling thread and the CPU affinity allow. Always 1 inside a parallel region of the
/// caller, and in a process forked from one whose OpenMP runtime was already running, because there
/// the runtime's worker threads do not exist (GCC bug 58378).
int thread_count(int requested) noexcept;

/// How many threads, up to `wanted`, a parallel region can have that the calling thread begins now.
/// Where no new thread is to be had OpenMP's runtime would end the process, so they are started for
/// a moment, unless the runtime still holds as many for this thread. As thread_count, 1 in a forked
/// process: also in the middle of a call that has forked in its stop check.
int startable_threads(int wanted) noexcept;

/// Remembers which process started the OpenMP runtime's threads.
void note_parallel_region() noexcept;

/// Gives the calling thread an idle one for as long as it lives. Where a call uses all processors,
/// OpenMP's threads are more than those then, and GCC's runtime lets them sleep as soon as they
/// wait for each other: else each looks for work for milliseconds, and keeps its processor from the
/// threads that decode what all of them wait for.
void outnumber_processors() noexcept;

/// Keeps the first exception of a parallel region: one must not escape from an OpenMP thread.
class ExceptionTrap {
 public:
  template <class Body>
  void run(Body&& body) noexcept {
    if (failed_.load(std::memory_order_relaxed)) return;
    try {
      body();
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (!first_) first_ = std::current_exception();
      failed_.store(true, std::memory_order_relaxed);
    }
  }
  void rethrow() {
    if (first_) std::rethrow_exception(first_);
  }

 private:
  std::atomic<bool> failed_{false};
  std::mutex mutex_;
  std::exception_ptr first_;
};

#ifdef HSCORE_STD_THREADS
/// Call body(t) for t in [0, threads) at the same time, 0 on the caller's thread; where threads
/// cannot be started, the rest after it.
template <class Body>
void on_std_threads(int threads, Body&& body) {
  ExceptionTrap trap;
  std::vector<std::thread> others;
  int begun = 1;
  try {
    for (; begun < threads; ++begun) {
      others.emplace_back([&, t = begun] { trap.run([&] { body(t); }); });
    }
  } catch (const std::system_error&) {
    // The caller does the rest.
  }
  trap.run([&] { body(0); });
  for (int t = begun; t < threads; ++t) trap.run([&] { body(t); });
  for (std::thread& other : others) other.join();
  trap.rethrow();
}
#endif

/// Call body(task) for every task in [0, tasks).
template <class Body>
void parallel_for(std::ptrdiff_t tasks, int threads, Body&& body) {
#ifdef _OPENMP
  if (threads > 1 && tasks > 1) threads = startable_threads(threads);
  if (threads > 1 && tasks > 1) {
    note_parallel_region();
    ExceptionTrap trap;
#pragma omp parallel for schedule(dynamic, 1) num_threads(threads)
    for (std::ptrdiff_t task = 0; task < tasks; ++task) trap.run([&] { body(task); });
    trap.rethrow();
    return;
  }
#elif defined(HSCORE_STD_THREADS)
  if (threads > 1 && tasks > 1) {
    std::atomic<std::ptrdiff_t> next{0};
    std::atomic<bool> failed{false};
    on_std_threads(threads, [&](int) {
      try {
        for (std::ptrdiff_t task; !failed && (task = next++) < tasks;) body(task);
      } catch (...) {
        failed = true;
        throw;
      }
    });
    return;
  }
#else
  (void)threads;
#endif
  for (std::ptrdiff_t task = 0; task < tasks; ++task) body(task);
}

/// Call body(t) for t in [0, threads), each on a thread of its own, 0 on the caller's. Where there
/// are fewer threads, and without OpenMP, some run one after another.
template <class Body>
void for_each_thread(int threads, Body&& body) {
#ifdef _OPENMP
  const int team = startable_threads(threads);
  if (team > 1) {
    note_parallel_region();
    ExceptionTrap trap;
#pragma omp parallel for schedule(static, 1) num_threads(team)
    for (int t = 0; t < threads; ++t) trap.run([&] { body(t); });
    trap.rethrow();
    return;
  }
  for (int t = 0; t < threads; ++t) body(t);
#elif defined(HSCORE_STD_THREADS)
  on_std_threads(threads, body);
#else
  for (int t = 0; t < threads; ++t) body(t);
#endif
}

}  // namespace hscore
