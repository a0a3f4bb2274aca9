// The H-score and what is known about how good it is.
#pragma once

#include <vector>

#include "hscore/whitening.hpp"

namespace hscore {

struct HScore {
  double score = 0;
  Index rows = 0;
  Index features = 0;
  Index classes = 0;  // with at least one row
  Index rank = 0;
  double smallest_pivot = 1;         // the worst-predicted share of any feature kept
  double error_bound = 0;            // absolute, from the smallest pivot
  std::vector<double> class_shares;  // per class, sums to the score
};

/// H = tr(cov(f)^+ cov(E[f|y])) from the moments.
HScore h_score(const Moments& moments, const WhiteningOptions& options);

}  // namespace hscore
