// From integer labels of any value to class codes, without sorting them.
#pragma once

#include <cstdint>
#include <vector>

#include "hscore/views.hpp"

namespace hscore {

/// A vector of integers of any type, sign, stride and byte order.
struct IntegerView {
  const unsigned char* data = nullptr;
  Index size = 0;
  Index stride = 0;
  DType dtype = DType::int64;
  bool swapped = false;
};

struct EncodedLabels {
  std::vector<std::int32_t> codes;   // position in `first_rows`
  std::vector<Index> first_rows;     // first row of each class, classes in ascending order
  std::vector<std::int64_t> values;  // of each class; those of uint64 from 2^63 on less 2^64
};

/// Classes are numbered in ascending order of their values. Each label is read once, so that labels
/// that another thread changes meanwhile give the classes of some of their values.
EncodedLabels encode_integers(const IntegerView& labels);

}  // namespace hscore
