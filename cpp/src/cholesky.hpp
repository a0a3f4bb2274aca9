// Cholesky factors of a positive semidefinite matrix that carries extra rows along: append B' below
// A and the factorization leaves B' L^-T there, so that no separate solve is needed.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/views.hpp"

namespace hscore {

/// Rows 0 .. order-1 hold the lower triangle of a symmetric matrix, rows first_extra() and on hold
/// the extra rows. What lies above the diagonal is undefined.
class AugmentedMatrix {
 public:
  AugmentedMatrix() = default;
  AugmentedMatrix(Index order, Index extra)
      : order_(order),
        extra_(extra),
        values_(PaddedMatrix::round_up(order) + PaddedMatrix::round_up(extra), order) {}

  Index order() const { return order_; }
  Index extra() const { return extra_; }
  Index first_extra() const { return PaddedMatrix::round_up(order_); }
  Index stride() const { return values_.stride(); }
  double* row(Index i) { return values_.row(i); }
  const double* row(Index i) const { return values_.row(i); }
  double* extra_row(Index i) { return values_.row(first_extra() + i); }
  const double* extra_row(Index i) const { return values_.row(first_extra() + i); }

 private:
  Index order_ = 0;
  Index extra_ = 0;
  PaddedMatrix values_;
};

/// Factor in place. Returns false, leaving the matrix half done, at the first pivot that is not
/// greater than `least_pivot` (a NaN is not). Right-looking, blocked, the trailing update is the
/// covariance's own kernel.
bool cholesky(AugmentedMatrix& matrix, double least_pivot, int threads, const StopCheck& stop);

struct PivotedFactor {
  std::vector<Index> order;  // chosen rows of the matrix, in order of elimination
  AugmentedMatrix factor;    // row i: row i of L for a chosen i; extra rows: B' L^-T; rank columns
};

/// Factor with pivoting until no remaining pivot exceeds `least_pivot`; the matrix is used up.
PivotedFactor pivoted_cholesky(AugmentedMatrix&& matrix, double least_pivot, int threads,
                               const StopCheck& stop);

}  // namespace hscore
