// Standard errors of the scores of many targets, from the influence of a sample of the rows.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "factor/whitened_rows.hpp"
#include "hscore/moments.hpp"

namespace hscore {

/// Class sums of whitened rows, a column each; target t's begin with column first[t].
struct WhitenedSums {
  Eigen::MatrixXf sums;
  std::vector<Index> first;
};

/// Rows enough to estimate a variance from, whitened. float32 is plenty for that.
class ErrorSample {
 public:
  /// One row from each of `most` equal stretches of the matrix, or all: a sample that neither
  /// sorted nor periodic labels mislead, the same on every call.
  ErrorSample(const FeatureView& x, const Moments& moments, const FactoredCovariance& factored,
              Index most, int threads, const StopCheck& stop);

  /// For `count` targets with their class counts and shares of the score |sum|^2 / n_c.
  std::vector<double> standard_errors(const LabelView* targets, const std::vector<double>* counts,
                                      const std::vector<double>* shares, Index count,
                                      const WhitenedSums& whitened, int threads,
                                      const StopCheck& stop) const;

 private:
  Index rows_ = 0;  // of the matrix
  std::vector<Index> chosen_;
  Eigen::MatrixXf whitened_;  // rank x sample
};

}  // namespace hscore
