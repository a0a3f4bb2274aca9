#include "memory/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "hscore/parallel.hpp"
#ifdef _OPENMP
#include <omp.h>
#endif
#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace hscore {

namespace {

thread_local bool in_task = false;

// A loop, on its caller's stack. Helpers take seats while the pool offers it.
struct Loop {
  std::ptrdiff_t tasks;
  void (*body)(void*, std::ptrdiff_t);
  void* context;
  int seats;                            // for further helpers; the pool's lock guards it
  std::atomic<int> helpers{0};          // at work
  std::atomic<std::ptrdiff_t> next{1};  // the caller begins with 0

  void work(std::ptrdiff_t task) {
    in_task = true;
    for (; task < tasks; task = next.fetch_add(1, std::memory_order_relaxed)) body(context, task);
    in_task = false;
  }
};

void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  __asm__ volatile("yield");
#endif
}

// Loops of one call follow each other within microseconds, and to wake a sleeper takes fifty. Where
// other programs want the processor, more than this would be theirs.
constexpr std::chrono::microseconds spin_time{100};

template <class Condition>
bool spin_until(Condition&& condition) {
  const auto end = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (condition()) return true;
      pause();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

class ThreadPool {
 public:
  /// Work on the loop until all of its tasks are done, with up to `helpers` others.
  void run(Loop& loop, int helpers) {
    offer(loop, helpers);
    loop.work(0);
    withdraw(loop);
    const auto all_left = [&] { return loop.helpers.load() == 0; };
    if (spin_until(all_left)) return;
    std::unique_lock<std::mutex> lock(mutex_);
    ++waiting_;
    left_.wait(lock, all_left);
    --waiting_;
  }

 private:
  void offer(Loop& loop, int helpers) {
    int wake = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      loops_.push_back(&loop);  // first: it may throw
      loop.seats = helpers;
      seats_ += helpers;
      grow(helpers);
      wake = std::min(helpers - spinning_, sleeping_);
    }
    for (; wake > 0; --wake) offered_.notify_one();
  }

  void withdraw(Loop& loop) {
    const std::lock_guard<std::mutex> lock(mutex_);
    seats_ -= loop.seats;
    loops_.erase(std::find(loops_.begin(), loops_.end(), &loop));
  }

  // As many as all calls at work ask for, but not more than processors unless one call says so.
  void grow(int helpers) {
    const int most = std::max(helpers, processor_count() - 1);
    try {
      while (threads_ < most && threads_ - busy_ < seats_) {
        std::thread([this] { help(); }).detach();
        ++threads_;
      }
    } catch (const std::exception&) {
      // No thread or no memory for one is to be had: those that there are do the work.
    }
  }

  void help() {
    for (;;) {
      Loop& loop = next_loop();
      loop.work(loop.next.fetch_add(1, std::memory_order_relaxed));
      --busy_;
      // The caller may be gone with its loop as soon as the last helper has left.
      if (loop.helpers.fetch_sub(1) == 1 && waiting_ > 0) {
        {
          const std::lock_guard<std::mutex> lock(mutex_);
        }
        left_.notify_all();
      }
    }
  }

  Loop& next_loop() {
    for (;;) {
      ++spinning_;
      const bool offered = spin_until([&] { return seats_ > 0; });
      std::unique_lock<std::mutex> lock(mutex_);
      --spinning_;
      for (;;) {
        if (Loop* loop = take_seat()) return *loop;
        if (offered) break;  // another was faster
        ++sleeping_;
        offered_.wait(lock);
        --sleeping_;
      }
    }
  }

  Loop* take_seat() {
    for (Loop* loop : loops_) {
      if (loop->seats == 0) continue;
      --loop->seats;
      --seats_;
      ++loop->helpers;
      ++busy_;
      return loop;
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::condition_variable offered_;  // there are seats
  std::condition_variable left_;     // a loop has no helpers any more
  std::vector<Loop*> loops_;
  int threads_ = 0;
  int sleeping_ = 0;
  std::atomic<int> seats_{0};     // of all loops
  std::atomic<int> spinning_{0};  // helpers that look for seats
  std::atomic<int> busy_{0};
  std::atomic<int> waiting_{0};  // callers
};

// Never destroyed: its threads sleep until the process is gone.
std::atomic<ThreadPool*> the_pool{nullptr};

ThreadPool& pool() {
  static std::once_flag begun;
  std::call_once(begun, [] {
    the_pool = new ThreadPool;
#if defined(__unix__) || defined(__APPLE__)
    // A forked process has none of the threads, and a lock that one of them may have held.
    pthread_atfork(nullptr, nullptr, [] { the_pool = new ThreadPool; });
#endif
  });
  return *the_pool;
}

}  // namespace

bool within_task() noexcept {
  return in_task;
}

int processor_count() noexcept {
#ifdef _OPENMP
  return std::max(1, omp_get_num_procs());
#else
  return 1;
#endif
}

namespace detail {

void share_tasks(std::ptrdiff_t tasks, int threads, void (*body)(void*, std::ptrdiff_t),
                 void* context) {
  const auto helpers = static_cast<int>(std::min<std::ptrdiff_t>(tasks, threads) - 1);
  if (!has_openmp() || helpers < 1 || in_task) {
    for (std::ptrdiff_t task = 0; task < tasks; ++task) body(context, task);
    return;
  }
  Loop loop{tasks, body, context, 0};
  pool().run(loop, helpers);
}

}  // namespace detail

}  // namespace hscore
