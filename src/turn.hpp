// How many threads a call may have beside the others that are at work.
#pragma once

#include <algorithm>
#include <atomic>

#include "hscore/parallel.hpp"

namespace hscore::python {

/// Counts the calls at work in this process while it lives, so that those that may choose their
/// number of threads share what there is: a pool of Python threads would otherwise start that many
/// for each of its own.
class Turn {
 public:
  Turn() : calls_(1 + running_.fetch_add(1, std::memory_order_relaxed)) { ++own_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    --own_;
    running_.fetch_sub(1, std::memory_order_relaxed);
  }

  int threads(int requested) const { return share(requested, calls_); }
  /// For what is done beside the calls at work, or within the only one.
  static int threads_beside(int requested) {
    return share(requested, std::max(1, running_.load(std::memory_order_relaxed)));
  }
  /// In a forked process only the calls of the thread that forked are left.
  static void forget_other_threads() { running_.store(own_, std::memory_order_relaxed); }

 private:
  static int share(int requested, int calls) {
    const int most = thread_count(requested);
    return requested > 0 ? most : std::max(1, most / calls);
  }
  inline static std::atomic<int> running_{0};
  inline static thread_local int own_ = 0;
  int calls_;
};

}  // namespace hscore::python
