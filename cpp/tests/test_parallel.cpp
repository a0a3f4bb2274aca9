// Loops on several threads: every task once, whoever calls.
#include "hscore/parallel.hpp"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "check.hpp"

namespace testing {
namespace {

// A sum that only every task, each of them once, can make.
bool runs_every_task_once(std::ptrdiff_t tasks, int threads) {
  std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
  hscore::parallel_for(tasks, threads,
                       [&](std::ptrdiff_t task) { ++runs[static_cast<std::size_t>(task)]; });
  for (const std::atomic<int>& run : runs) {
    if (run != 1) return false;
  }
  return true;
}

TEST(every_task_runs_once) {
  for (const int threads : {0, 1, 2, 3, 8}) {
    for (const std::ptrdiff_t tasks : {0, 1, 2, 7, 1000}) {
      CHECK(runs_every_task_once(tasks, threads));
    }
  }
}

TEST(callers_share_the_threads) {
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      for (int loop = 0; loop < 300; ++loop) {
        wrong += !runs_every_task_once(1 + loop % 20, 2 + caller);
        // Now and then long enough for the helpers to fall asleep.
        if (loop % 50 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0);
}

TEST(the_first_task_is_the_callers) {
  std::thread::id first;
  hscore::for_each_thread(4, [&](int t) {
    if (t == 0) first = std::this_thread::get_id();
  });
  CHECK(first == std::this_thread::get_id());
}

TEST(loops_in_tasks_run_on_their_thread) {
  std::atomic<int> elsewhere{0};
  std::atomic<int> most{0};
  hscore::parallel_for(8, 3, [&](std::ptrdiff_t) {
    const std::thread::id here = std::this_thread::get_id();
    if (hscore::thread_count(4) != 1) ++most;
    hscore::parallel_for(8, 3, [&](std::ptrdiff_t) {
      if (std::this_thread::get_id() != here) ++elsewhere;
    });
  });
  CHECK(elsewhere == 0);
  CHECK(most == 0);
  CHECK(!hscore::has_openmp() || hscore::thread_count(4) == 4);
}

TEST(exceptions_of_any_thread_reach_the_caller) {
  for (int thrower = 0; thrower < 3; ++thrower) {
    CHECK_THROWS(std::runtime_error, "from a thread", hscore::for_each_thread(3, [&](int t) {
                   if (t == thrower) throw std::runtime_error("from a thread");
                 }));
  }
  CHECK(runs_every_task_once(100, 3));
}

}  // namespace
}  // namespace testing
