// What the parts of Moments hand to each other while rows are added.
#pragma once

#include <algorithm>
#include <optional>
#include <tuple>
#include <vector>

#include "hscore/moments.hpp"
#include "product/digit_rows.hpp"

namespace hscore {

// Rows to pack at a time: enough to amortize the threads' meeting points, few enough that the
// packed block stays in the last-level cache, and that the caller is asked whether to stop several
// times a second.
inline Index block_rows(Index features) {
  constexpr Index slice = kernel::depth;
  constexpr Index most = 5 * slice;
  constexpr Index packed_bytes = Index{16} << 20;
  const Index row_bytes = features * static_cast<Index>(sizeof(double));
  const Index rows = std::max(slice, std::min(most, packed_bytes / row_bytes / slice * slice));
  const double work_per_row = static_cast<double>(features) * static_cast<double>(features);
  return std::min(rows, std::max<Index>(16, static_cast<Index>(2e10 / work_per_row)));
}

inline void begin(Quantization& rounding, Index features) {
  rounding.variance.assign(static_cast<std::size_t>(features), 0.0);
  rounding.mean_variance = rounding.variance;
}

struct Moments::Batch {
  FeatureView features;
  LabelView labels;
  const double* weights;
  Index start = 0;  // of all rows

  Batch row_range(Index first, Index count) const {
    return {features.row_range(first, count), labels.row_range(first, count),
            weights == nullptr ? nullptr : weights + first, start + first};
  }
};

// Kept from one block of rows to the next: the first touch of fresh memory costs as much as packing
// into it, or more.
class Moments::Workspace {
 public:
  struct Part;
  Index rows_expected = 0;       // of all blocks
  std::vector<Part> parts;       // one for each thread, where they have statistics of their own
  bool parts_hold_rows = false;  // which the whole has not yet
  Index rows_in_parts() const;
  bool finite() const;

  template <class Packed, class... How>
  Packed& room_for(Index rows, Index features, How... how) {
    std::optional<Packed>& packed = std::get<std::optional<Packed>>(packed_);
    if (!packed || packed->most_rows() < rows) packed.emplace(rows, features, how...);
    return *packed;
  }

 private:
  std::tuple<std::optional<PackedRows<double>>, std::optional<PackedRows<float>>,
             std::optional<Int16Rows>, std::optional<DigitRows>>
      packed_;
};

struct Moments::Workspace::Part {
  std::optional<Moments> moments;
  Workspace workspace;
  Quantization rounding;
};

inline Index Moments::Workspace::rows_in_parts() const {
  Index rows = 0;
  for (const Part& part : parts) rows += parts_hold_rows ? part.moments->rows() : 0;
  return rows;
}

inline bool Moments::Workspace::finite() const {
  return !parts_hold_rows || std::all_of(parts.begin(), parts.end(),
                                         [](const Part& part) { return part.moments->finite(); });
}

}  // namespace hscore
