// Mapped files that get shorter while they are read. The system then ends the process by SIGBUS;
// here the missing pages become zeros, the file is marked, and the call that has read them raises.
#pragma once

#include <pybind11/numpy.h>

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include "interpreter.hpp"

namespace hscore::python {

/// The mapping of a file, guarded while this lives, which must end before the mapping does. Beyond
/// some thousand files, and where there is no SIGBUS, nothing is guarded.
class GuardedRange {
 public:
  /// `needed` is the size that the file must have.
  GuardedRange(const pybind11::buffer& mapped, std::string path, std::size_t needed);
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  ~GuardedRange();

  const std::string& path() const { return path_; }
  /// Whether what was read may be zeros that are not in the file.
  bool is_short() const;

 private:
  std::string path_;
  std::size_t needed_;
  int slot_ = -1;
};

/// Throw a ValueError if a matrix, as the core reads it, lies in a file that got shorter.
void refuse_shortened(const pybind11::object& matrix);

/// Compute what reads a matrix, without the interpreter's lock.
template <class Body>
auto compute_on(const pybind11::object& matrix, Body&& body) {
  auto result = [&] {
    const Computing computing;
    return body();
  }();
  refuse_shortened(matrix);
  return result;
}

/// Whether a matrix lies in a guarded file.
bool is_guarded(const pybind11::object& matrix);

/// Change statistics by what reads a matrix; if that got shorter, they are as before.
template <class Statistics, class Copy, class Body>
auto change_by(const pybind11::object& matrix, Statistics& statistics, Copy&& copy, Body&& body) {
  if (!is_guarded(matrix)) return compute_on(matrix, body);
  std::optional<Statistics> before;
  if (statistics.rows() > 0) {
    const Computing computing;
    before = copy();
  }
  try {
    return compute_on(matrix, body);
  } catch (const pybind11::error_already_set&) {
    statistics = before ? std::move(*before) : Statistics(statistics.features());
    throw;
  }
}

}  // namespace hscore::python
