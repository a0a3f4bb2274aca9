// What is read soon, on its way to a near cache: hints, which change no result and fault nothing
// in.
#pragma once

#include <algorithm>

#include "hscore/views.hpp"

#if defined(__GNUC__)
#define HSCORE_INLINE inline __attribute__((always_inline))
#define HSCORE_PREFETCH(address) __builtin_prefetch(address)
#define HSCORE_PREFETCH_LATER(address) __builtin_prefetch(address, 0, 2)
#else
#define HSCORE_INLINE inline
#define HSCORE_PREFETCH(address) static_cast<void>(address)
#define HSCORE_PREFETCH_LATER(address) static_cast<void>(address)
#endif

namespace hscore::kernel {

constexpr Index cache_line = 64;

/// Rows to fetch ahead: hardware prefetching starts anew with each row's stretch of a panel.
constexpr Index rows_ahead = 6;

/// What a product fetches with each of its steps, where the load unit has room for it: a burst
/// between two products would wait.
struct FetchNothing {
  HSCORE_INLINE void operator()(const void*) const {}
};
/// The left side of the tile that follows, so far beyond this one's; with AVX-512, for whose
/// products the second-level cache is too slow.
struct FetchNext {
  Index distance = 0;
  template <class T>
  HSCORE_INLINE void operator()(const T* a) const {
#if defined(__AVX512F__)
    HSCORE_PREFETCH(a + distance);
#else
    static_cast<void>(a);
#endif
  }
};
/// A stretch of memory that is wanted later, some bytes at each step.
struct FetchLater {
  const unsigned char* at;
  Index step;
  HSCORE_INLINE void operator()(const void*) {
    HSCORE_PREFETCH_LATER(at);
    at += step;
  }
};
struct FetchNextAndLater {
  FetchNext next;
  FetchLater later;
  template <class T>
  HSCORE_INLINE void operator()(const T* a) {
    next(a);
    later(a);
  }
};

/// Memory in one piece that is read after a product.
struct ToCome {
  const void* data = nullptr;
  Index bytes = 0;

  ToCome part(Index which, Index parts) const {
    const Index share = bytes / parts;
    return {static_cast<const unsigned char*>(data) + which * share, share};
  }
};

/// What is to come, brought to the second-level cache in even shares by the products before.
class FetchedAhead {
 public:
  FetchedAhead(const ToCome& wanted, Index products)
      : at_(static_cast<const unsigned char*>(wanted.data)),
        share_(wanted.bytes / std::max<Index>(1, products)) {
    if (share_ == 0) at_ = reinterpret_cast<const unsigned char*>(this);  // which is there
  }

  /// The next product's share.
  HSCORE_INLINE FetchLater in_steps(Index steps) {
    const FetchLater share{at_, share_ / steps};
    at_ += share_;
    return share;
  }
  HSCORE_INLINE void at_once() {
    for (Index l = 0; l < share_; l += cache_line) HSCORE_PREFETCH_LATER(at_ + l);
    at_ += share_;
  }

 private:
  const unsigned char* at_;
  Index share_;
};

/// Every line of a tile of sums on its way: of many features they are in no near cache.
template <Index rows, Index cols>
HSCORE_INLINE void fetch_tile(const double* tile, Index stride) {
  constexpr Index line = cache_line / static_cast<Index>(sizeof(double));
  for (Index m = 0; m < rows; ++m) {
    for (Index l = 0; l < cols; l += line) HSCORE_PREFETCH(tile + m * stride + l);
    HSCORE_PREFETCH(tile + m * stride + cols - 1);
  }
}

}  // namespace hscore::kernel
