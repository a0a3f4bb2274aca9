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

/// Asked between blocks of work, on the calling thread only. Empty means "never stop".
using StopCheck = std::function<bool()>;

inline void throw_if_stopped(const StopCheck& stop) {
  if (stop && stop()) throw Interrupted();
}

}  // namespace hscore
