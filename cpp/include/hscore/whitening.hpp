// A factor of the covariance that applies its pseudo-inverse, and the rule for its rank.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/moments.hpp"

namespace hscore {

/// A feature is redundant when what the chosen features leave of it is at most this share of its
/// own sum of squares: predictable to 4.8e-7 of its standard deviation.
constexpr double default_tolerance = 0x1p-42;

struct WhiteningOptions {
  double tolerance = default_tolerance;
  int threads = 1;
  StopCheck stop;
};

/// The class means in whitened coordinates: row c is L^-1 s_c / sqrt(n_c), where T = L L' is the
/// scatter on the features kept and s_c the sum of class c about the mean. The H-score is the sum
/// of all squares, tr(T^+ B B').
struct WhitenedClasses {
  Index rank = 0;
  double smallest_pivot = 1;          // relative to the feature's own sum of squares
  double smallest_unique_share = 1;   // of any feature's sum of squares, given all others
  std::vector<double> squared_norms;  // per class: its share of the H-score
};

WhitenedClasses whiten_classes(const Moments& moments, const WhiteningOptions& options);

}  // namespace hscore
