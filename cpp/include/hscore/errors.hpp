// What the core throws, beside std::invalid_argument and std::bad_alloc.
#pragma once

#include <cstddef>
#include <exception>
#include <functional>

namespace hscore {

/// Thrown when the caller's stop check asked for an end.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

/// Thrown when a NaN, an infinity or a square too large for float64 was to be kept out.
class NotFinite : public std::exception {
 public:
  const char* what() const noexcept override { return "not all values are finite"; }
};

/// Told between blocks of work how many more rows have been read, and asked whether to stop; on
/// the calling thread only. Empty means "never stop".
using StopCheck = std::function<bool(std::ptrdiff_t rows)>;

inline void throw_if_stopped(const StopCheck& stop, std::ptrdiff_t rows = 0) {
  if (stop && stop(rows)) throw Interrupted();
}

}  // namespace hscore
