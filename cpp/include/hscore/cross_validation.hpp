// The H-score that predicts: how much of the classes a ridge regression explains of rows that it
// was not fitted to. From the statistics of the folds; from the rows too what only rows can tell.
#pragma once

#include <cstdint>
#include <vector>

#include "hscore/errors.hpp"
#include "hscore/moments.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// The fold of each row: row p of class c is held out in fold (p + c) modulo `folds`, so that every
/// fold has its share of every class, and small classes do not all begin with the same fold.
std::vector<std::int32_t> stratified_folds(const LabelView& labels, Index folds);

/// The same for groups of rows that must be held out together, groups[i] in 0 .. n_groups - 1. They
/// are placed one after the other, the largest first and equal ones in the order of their first
/// rows, each in the fold that has the fewest rows of its classes, rare classes counting more.
std::vector<std::int32_t> grouped_folds(const LabelView& labels, const std::int32_t* groups,
                                        Index n_groups, Index folds);

/// Candidates, as shares of the trace of the training rows' scatter. A tenfold step costs the score
/// up to a tenth where many features carry a little each, so they are closer there. The largest is
/// next to no fit, for features that say nothing; the smallest stands well above the rounding of
/// a float64 scatter.
inline std::vector<double> default_ridges() {
  return {10, 0.2, 2e-2, 4e-3, 1e-3, 1e-4, 1e-6};
}

/// Below this share of the trace the rounding errors of the scatter would decide.
constexpr double smallest_ridge = 1e-9;

struct CrossValidationOptions {
  std::vector<double> ridges = default_ridges();  // in descending order
  int threads = 1;
  StopCheck stop;
};

/// With n_c the size of class c over all rows, y_ic 1 for the rows of class c and 0 for others,
/// yhat_ic the fit of row i by the rows of the other folds and f_kc the class's frequency in those,
///     gain of row i = sum_c ((y_ic - f_kc)^2 - (y_ic - yhat_ic)^2) / n_c
/// and the score is the sum of the gains: 0 where the class frequencies predict as well, next to
/// classes - 1 where the features tell all.
struct CrossValidation {
  bool finite = false;  // false when a NaN, an infinity or an overflow has reached the statistics
  double score = 0;
  double ridge = 0;  // the one chosen, for all folds; of equally good ones the larger
  std::vector<double> ridge_scores;  // the score with each ridge
  Index rows = 0;                    // with a positive weight
  double weight = 0;                 // the sum of all weights
  Index features = 0;
  Index classes = 0;                 // with at least one row
  std::vector<double> counts;        // per class
  std::vector<double> class_shares;  // per class, sums to the score
  /// Per fold, its rows' gains less their classes' means: what the fold adds to the deviation of
  /// the score from its expectation. Sums to 0; folds without rows are left out.
  std::vector<double> fold_deviations;
  /// Per row, where rows were at hand: its gain times its weight, and the class of the largest fit.
  std::vector<double> gains;
  std::vector<std::int32_t> predictions;
};

/// From the moments of each fold, which are used up. classes[k][c] is the code of class c of fold
/// k.
CrossValidation cross_validate(std::vector<Moments>&& folds,
                               const std::vector<std::vector<std::int32_t>>& classes,
                               const CrossValidationOptions& options);

/// From the rows, folds[i] in 0 .. n_folds - 1; null weights are all 1. With fewer rows than
/// features and no weights everything comes from the rows x rows Gram matrix. Rows in blocks are
/// read twice.
CrossValidation cross_validate(const FeatureView& features, const LabelView& labels,
                               const std::int32_t* folds, Index n_folds, const double* weights,
                               const CrossValidationOptions& options);

}  // namespace hscore
