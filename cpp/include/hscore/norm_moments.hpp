// Sums over the rows of the third and fourth power of their length, which is all that Ledoit and
// Wolf's shrinkage needs beyond the scatter: O(features) to keep, one more look at each packed row.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// About the same shift as the scatter they go with: u = x - shift.
struct NormMoments {
  explicit NormMoments(Index features);

  double unit = 0;            // a power of two, or 0 while every |u| was 0
  double fourth = 0;          // sum of (unit |u|^2)^2
  std::vector<double> cubes;  // sum of unit |u|^2 u, padded to whole strips

  /// Move the shift by `step`. `scatter` (lower triangle) and `sum` are those of u before the move,
  /// `weight` is the number of rows.
  void move(const std::vector<double>& step, const PaddedMatrix& scatter,
            const std::vector<double>& sum, double weight);

  /// Add rows about the same shift, or with the sign -1 take them away.
  void add(const NormMoments& other, double sign) noexcept;

  /// Make room for squared lengths up to `largest`. The unit keeps fourth powers in range whenever
  /// the squares are.
  void fit(double largest);

 private:
  void rescale(double new_unit) noexcept;
};

}  // namespace hscore
