// The least-squares fit of the class indicators on the features, and its energy over the rows.
#pragma once

#include "factor/factored_covariance.hpp"

namespace hscore {

/// Row c is z_c = A^-1 b_c on all features, zero on those without a place in the matrix, or whose
/// place was not chosen. `factor` is the factor of A in the units of `scale`: its row k is place
/// chosen[k] of the matrix, which held feature live[chosen[k]]. Row c of `whitened`, `stride`
/// apart, is L^-1 b_c: an extra row of the factor, or a mix of those.
PaddedMatrix class_coefficients(const AugmentedMatrix& factor, const double* whitened,
                                Index classes, Index stride, const std::vector<Index>& chosen,
                                const std::vector<Index>& live, const std::vector<double>& scale,
                                Index features, int threads);

/// b_c: the sum of class c about the mean over sqrt(n_c), on all features.
PaddedMatrix class_directions(const Moments& moments, const std::vector<double>& offset);

/// Signs without a pattern, the same on every call: row k mixes the classes for probe k.
PaddedMatrix probe_signs(Index probes, Index classes);

/// Mixes of the classes, a row each, that show what a correction leaves, tr(A) for some A >= 0 over
/// the classes: with few classes each by itself, and tr(A) is the sum of the probes' w' A w. With
/// more, `most_probes` mixes by signs, of which no two classes have the same, and tr(A) is near
/// their mean.
constexpr Index most_probes = 8;
inline bool probes_are_exact(Index classes) {
  return classes <= most_probes;
}
PaddedMatrix class_probes(Index classes);

/// signs B, where row c of B is `row(c)`, of `cols` values.
template <class Row>
PaddedMatrix mix_classes(const PaddedMatrix& signs, Index cols, Row&& row) {
  PaddedMatrix mixed(signs.rows(), cols);
  for (Index c = 0; c < signs.cols(); ++c) {
    const double* source = row(c);
    for (Index k = 0; k < signs.rows(); ++k) {
      double* target = mixed.row(k);
      const double sign = signs(k, c);
      for (Index j = 0; j < cols; ++j) target[j] += sign * source[j];
    }
  }
  return mixed;
}

struct ClassFit {
  std::vector<double> energies;  // sum_i ((x_i - mean)' z_c)^2 = z_c' T z_c
  PaddedMatrix products;         // T Z w, a row for each probe w, or T Z, a row for each class
  double squares = 0;            // sum_i |x_i - mean|^2, and
  double fourth = 0;             // sum_i |x_i - mean|^4, where asked for
};

/// Room for two numbers of each row i, from v_ic = (x_i - mean)' z_c.
struct RowFits {
  const std::int32_t* codes = nullptr;  // the row's class
  double* own = nullptr;                // v_ic of that class
  double* squares = nullptr;            // sum_c v_ic^2
};

struct FitOptions {
  int threads = 1;
  bool norms = false;
  RowFits rows = {};                     // filled if there is room
  const PaddedMatrix* probes = nullptr;  // mixes of the classes whose products with T are wanted,
  bool products = false;                 // or those of each class, as many operations again
};

/// One more pass over the rows, with products of type T, which are added to float64 sums after 192
/// features or 64 rows. The coefficients must be exact in T.
template <class T>
ClassFit fit_classes(const FeatureView& x, const std::vector<double>& shift,
                     const std::vector<double>& offset, const PaddedMatrix& coefficients,
                     const FitOptions& options, const StopCheck& stop);

extern template ClassFit fit_classes<float>(const FeatureView&, const std::vector<double>&,
                                            const std::vector<double>&, const PaddedMatrix&,
                                            const FitOptions&, const StopCheck&);
extern template ClassFit fit_classes<double>(const FeatureView&, const std::vector<double>&,
                                             const std::vector<double>&, const PaddedMatrix&,
                                             const FitOptions&, const StopCheck&);

}  // namespace hscore
