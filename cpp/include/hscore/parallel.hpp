// One loop construct for the whole core. Threads of our own take the tasks; OpenMP, where the core
// is built with it, says how many there may be.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>

namespace hscore {

/// True when the core was built with OpenMP; without it every loop runs on the caller.
bool has_openmp() noexcept;

/// Threads that a call may use: `requested` if positive, else what OpenMP's environment, limits set
/// on the calling thread and the CPU affinity allow. Always 1 inside a parallel region of the
/// caller.
int thread_count(int requested) noexcept;

/// Keeps the first exception of the tasks of a loop, which end on other threads.
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

namespace detail {

/// Call body(context, task) for every task in [0, tasks), on up to `threads` threads: see
/// memory/thread_pool.cpp. The body must not throw.
void share_tasks(std::ptrdiff_t tasks, int threads, void (*body)(void*, std::ptrdiff_t),
                 void* context);

}  // namespace detail

/// Call body(task) for every task in [0, tasks): 0 on the caller's thread, the others wherever a
/// thread is free, be it the caller's alone. A task must not wait for another.
template <class Body>
void parallel_for(std::ptrdiff_t tasks, int threads, Body&& body) {
  if (threads <= 1 || tasks <= 1) {
    for (std::ptrdiff_t task = 0; task < tasks; ++task) body(task);
    return;
  }
  ExceptionTrap trap;
  auto guarded = [&](std::ptrdiff_t task) { trap.run([&] { body(task); }); };
  detail::share_tasks(
      tasks, threads,
      [](void* context, std::ptrdiff_t task) { (*static_cast<decltype(guarded)*>(context))(task); },
      &guarded);
  trap.rethrow();
}

/// Call body(t) for t in [0, threads): the parts of work that is divided by the number of threads.
template <class Body>
void for_each_thread(int threads, Body&& body) {
  parallel_for(threads, threads, [&](std::ptrdiff_t t) { body(static_cast<int>(t)); });
}

}  // namespace hscore
