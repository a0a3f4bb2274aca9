// The least-squares fit of the class indicators on the features, and its energy over the rows.
#pragma once

#include "factored_covariance.hpp"

namespace hscore {

/// Row c is z_c = A^-1 b_c on all features, zero on those without a place in the matrix, where
/// `factor` is the factor of A and the b_c in the units of `scale`: its row k is place chosen[k] of
/// the matrix, which held feature live[chosen[k]]. Every place is chosen.
PaddedMatrix class_coefficients(const AugmentedMatrix& factor, const std::vector<Index>& chosen,
                                const std::vector<Index>& live, const std::vector<double>& scale,
                                Index features, int threads);

/// b_c: the sum of class c about the mean over sqrt(n_c), on all features.
PaddedMatrix class_directions(const Moments& moments, const std::vector<double>& offset);

struct ClassFit {
  double energy = 0;           // sum_i sum_c ((x_i - mean)' z_c)^2 = tr(Z' T Z)
  std::vector<double> probed;  // T Z w for signs w: what T really does to one mix of the classes
};

/// One more pass over the rows, with products of type T and float64 sums. The coefficients must be
/// exact in T.
template <class T>
ClassFit fit_classes(const FeatureView& x, const std::vector<double>& shift,
                     const std::vector<double>& offset, const PaddedMatrix& coefficients,
                     const std::vector<double>& signs, int threads, const StopCheck& stop);

extern template ClassFit fit_classes<float>(const FeatureView&, const std::vector<double>&,
                                            const std::vector<double>&, const PaddedMatrix&,
                                            const std::vector<double>&, int, const StopCheck&);
extern template ClassFit fit_classes<double>(const FeatureView&, const std::vector<double>&,
                                             const std::vector<double>&, const PaddedMatrix&,
                                             const std::vector<double>&, int, const StopCheck&);

}  // namespace hscore
