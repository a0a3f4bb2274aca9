// The folds' statistics in common units, and the ridge regressions of the rows outside each fold.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/cross_validation.hpp"
#include "hscore/moments.hpp"

namespace hscore {

/// Everything is about the mean of all rows and in units of their standard deviations. Features
/// that vary by no more than their rounding errors have the unit 0, which leaves them out.
class FoldScatters {
 public:
  FoldScatters(std::vector<Moments>&& folds, const std::vector<std::vector<std::int32_t>>& classes,
               int threads);

  struct Fold {
    PaddedMatrix scatter;  // A_k = sum of x x', lower triangle
    PaddedMatrix sums;     // row c: sum of x over class c
    std::vector<double> counts;
    std::vector<double> sum;  // of x
    double weight = 0;
  };

  bool finite() const { return finite_; }
  Index features() const { return static_cast<Index>(scale_.size()); }
  Index classes() const { return static_cast<Index>(counts_.size()); }
  Index rows() const { return rows_; }
  double weight() const { return weight_; }
  const std::vector<Fold>& folds() const { return folds_; }
  const std::vector<double>& counts() const { return counts_; }
  /// The mean of all rows is shift + offset.
  const std::vector<double>& shift() const { return shift_; }
  const std::vector<double>& offset() const { return offset_; }
  const std::vector<double>& scale() const { return scale_; }

  /// What the rows outside a fold say of it.
  struct Training {
    double weight = 0;
    double trace = 0;               // of T; 0 where nothing is to be fitted
    std::vector<double> mean;       // m
    std::vector<double> counts;     // per class
    std::vector<double> frequency;  // per class
  };
  Training training(Index fold) const;

  /// Row c is w_c = (T + ridge tr(T) I)^-1 b_c for the rows outside the fold: T their scatter about
  /// their mean, b_c the sum of class c about it. Throws std::invalid_argument for a ridge that
  /// rounding errors outweigh.
  PaddedMatrix fit(Index fold, const Training& training, double ridge, int threads,
                   const StopCheck& stop) const;

  /// Per class, the gain of the fold's rows from such a fit.
  std::vector<double> gains(Index fold, const Training& training, const PaddedMatrix& fit,
                            int threads) const;

 private:
  bool finite_ = true;
  Index rows_ = 0;
  double weight_ = 0;
  std::vector<Fold> folds_;
  PaddedMatrix total_;  // of the scatters
  std::vector<double> counts_, shift_, offset_, scale_;
};

}  // namespace hscore
