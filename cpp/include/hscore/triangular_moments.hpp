// Sufficient statistics without squares: instead of the scatter T its triangular factor R, T = R'
// R, kept up to date by orthogonal transformations of the rows themselves. Squaring loses what is
// below 1e-8 of a feature's deviation; R keeps it down to 1e-15 or so. About twice the work.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/scores.hpp"
#include "hscore/views.hpp"

namespace hscore {

struct TriangularOptions {
  int threads = 1;
  StopCheck stop;
};

class TriangularMoments {
 public:
  explicit TriangularMoments(Index features);

  /// Add rows. All or nothing: if it throws, the statistics are as before.
  void update(const FeatureView& features, const LabelView& labels,
              const TriangularOptions& options);

  /// Add another set of rows over the same features. classes[c] is this object's code for the
  /// other's class c.
  void merge(const TriangularMoments& other, const std::vector<std::int32_t>& classes,
             const TriangularOptions& options);

  Index rows() const { return rows_; }
  Index features() const { return features_; }
  Index classes() const { return static_cast<Index>(counts_.size()); }
  const std::vector<std::int64_t>& counts() const { return counts_; }

  // With W = Q R the orthogonal factorization of W = [1, (x - shift) / unit], of order features+1:

  /// R(i, j): zero below the diagonal.
  double triangle(Index i, Index j) const { return columns_(j, i); }
  /// Q' y_c (i): the class's indicator projected.
  double projected(Index i, Index c) const { return columns_(order() + c, i); }
  Index order() const { return features_ + 1; }
  const std::vector<double>& shift() const { return shift_; }
  /// Powers of two, so that nothing over- or underflows.
  const std::vector<double>& unit() const { return unit_; }

  /// False when a NaN, an infinity or an overflow has reached the statistics.
  bool finite() const;

 private:
  TriangularMoments copy() const;
  void add(const FeatureView& features, const LabelView& labels, const TriangularOptions& options);
  void choose_shift(const FeatureView& features);
  void choose_units(double* chunk, Index rows, Index stride);
  void grow(Index classes);

  Index rows_ = 0;
  Index features_ = 0;
  std::vector<double> shift_;
  std::vector<double> unit_;  // 0 while the feature has always equalled its shift
  PaddedMatrix columns_;      // row j: column j of [R, Q' Y]
  std::vector<std::int64_t> counts_;
};

/// H = sum_c |P y_c|^2 / n_c with P the projection on the features' span. A feature is redundant
/// when what the others chosen leave of it is at most sqrt(tolerance) of its deviation; 0 asks for
/// the finest that rounding allows.
HScore h_score(const TriangularMoments& moments, const WhiteningOptions& options);

}  // namespace hscore
