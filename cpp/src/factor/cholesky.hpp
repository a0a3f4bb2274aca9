// Cholesky factors of a positive semidefinite matrix that carries extra rows along: append B' below
// A and the factorization leaves B' L^-T there, so that no separate solve is needed.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "hscore/moments.hpp"

namespace hscore {

/// Rows 0 .. order-1 hold the lower triangle of a symmetric matrix, rows first_extra() and on hold
/// the extra rows. What lies above the diagonal is undefined.
class AugmentedMatrix {
 public:
  AugmentedMatrix() = default;
  AugmentedMatrix(Index order, Index extra)
      : order_(order), extra_(extra), values_(rows_for(order, extra), order) {}
  /// In a matrix that is there, of rows_for(order, extra) rows and `order` columns.
  AugmentedMatrix(Index order, Index extra, PaddedMatrix&& storage)
      : order_(order), extra_(extra), values_(std::move(storage)) {}

  static AugmentedMatrix unset(Index order, Index extra) {
    return {order, extra, PaddedMatrix::unset(rows_for(order, extra), order)};
  }

  static Index rows_for(Index order, Index extra) {
    return PaddedMatrix::round_up(order) + PaddedMatrix::round_up(extra);
  }

  Index order() const { return order_; }
  Index extra() const { return extra_; }
  Index first_extra() const { return PaddedMatrix::round_up(order_); }
  Index stride() const { return values_.stride(); }
  double* row(Index i) { return values_.row(i); }
  const double* row(Index i) const { return values_.row(i); }
  const PaddedMatrix& values() const { return values_; }
  double* extra_row(Index i) { return values_.row(first_extra() + i); }
  const double* extra_row(Index i) const { return values_.row(first_extra() + i); }
  /// Forget all rows and columns but these, given in ascending order; the memory stays.
  void keep(const std::vector<Index>& rows);

 private:
  Index order_ = 0;
  Index extra_ = 0;
  PaddedMatrix values_;
};

/// Factor in place. Returns false, leaving the matrix half done, at the first pivot that is not
/// greater than `least_pivot` (a NaN is not). Right-looking, blocked, the trailing update is the
/// covariance's own kernel.
bool cholesky(AugmentedMatrix& matrix, double least_pivot, int threads, const StopCheck& stop);

/// Factor in place, with pivoting where it is needed, until no remaining pivot exceeds
/// `least_pivot`. Returns the chosen rows in order of elimination: row k of the result is row k of
/// the factor of the permuted matrix. Of a matrix of full rank without small pivots every row is
/// chosen, in natural order, and the factor is that of `cholesky`.
/// With float32 products the trailing update, which is nearly all the work, costs half, for an
/// error like that of a covariance from such products.
std::vector<Index> pivoted_cholesky(AugmentedMatrix& matrix, double least_pivot, int threads,
                                    const StopCheck& stop, Products products = Products::float64);

}  // namespace hscore
