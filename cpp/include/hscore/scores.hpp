// The H-score and what is known about how good it is.
#pragma once

#include <vector>

#include "hscore/whitening.hpp"

namespace hscore {

/// How a score was computed.
enum class Path { float64, float32, float32_corrected, integer, integer_corrected, triangular };

struct HScore {
  double score = 0;
  Index rows = 0;     // with a positive weight
  double weight = 0;  // the sum of all weights: the number of rows N in the formulas
  Index features = 0;
  Index classes = 0;  // with at least one row
  Index rank = 0;
  double smallest_pivot = 1;         // least share of a feature that those before it leave
  double smallest_unique_share = 1;  // least share of a feature that all others leave
  double error_bound = 0;            // absolute; of rounding, not of sampling
  Index dropped_above_noise = 0;     // features dropped though more than rounding is left of them
  Path path = Path::float64;
  int integer_bits = 0;  // of the integers that the rows were rounded to, on their paths
  std::vector<double> class_shares;  // per class, sums to the score
};

/// H = tr(cov(f)^+ cov(E[f|y])) from the moments.
HScore h_score(const Moments& moments, const WhiteningOptions& options);

/// `automatic` uses float32 or integer products where they pay and a correction brings the float64
/// answer back: to 1e-9 for float64 and integer features, to 1e-6 for float32 and narrower ones.
/// `high` never squares the features (TriangularMoments), for near-duplicates that a scatter cannot
/// tell apart; its rank rule is the finest that rounding allows when the tolerance is 0.
enum class Precision { automatic, float64, float32, high };

struct ScoreOptions {
  Precision precision = Precision::automatic;
  WhiteningOptions whitening;
};

/// The score of features that can be read twice. NaN when the statistics are not finite.
HScore h_score(const FeatureView& features, const LabelView& labels, const ScoreOptions& options);

}  // namespace hscore
