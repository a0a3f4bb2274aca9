// One more pass over the rows, which makes the score of a covariance that is only near the true one
// right to second order.
#pragma once

#include <optional>

#include "factor/class_fit.hpp"
#include "factor/factored_covariance.hpp"
#include "hscore/moments.hpp"
#include "hscore/scores.hpp"

namespace hscore {

/// With P = T + E the scatter at hand and Z = P^-1 B,
///     H >= 2 tr(B' Z) - tr(Z' T Z)        for any Z, with equality at Z = T^-1 B.
struct Directions {
  PaddedMatrix b;
  PaddedMatrix z;      // float32 values, so that either pass sees the same Z
  double product = 0;  // tr(B' Z)
  double spread = 0;   // sum_c sum_j T_jj z_cj^2: what independent errors of P's entries do to H
};

Directions directions(const Moments& moments, const FactoredCovariance& factored, int threads);

/// P^-1 B on all features from rows L^-1 B, rounded to float32.
PaddedMatrix solve_classes(const FactoredCovariance& factored, const double* whitened,
                           Index classes, Index stride, Index features, int threads);

/// fit_classes in float64, or in float32 for narrow features.
ClassFit fit_in_own_type(const FeatureView& x, const Moments& moments,
                         const FactoredCovariance& factored, const PaddedMatrix& z,
                         const double* signs, const FitOptions& options, const StopCheck& stop);

/// (r' T^-1 r) for r = B w - T Z w, given what T did to Z w.
double second_order(const FactoredCovariance& factored, const double* wanted,
                    const std::vector<double>& probed);

/// Spread the total correction over the classes in proportion to their shares.
void replace_score(HScore& result, double score);

/// What rounding may do to a corrected score beyond what was left out, `left`.
double corrected_bound(const FeatureView& x, const HScore& result, double left);

/// What a correction leaves, where its law is known; by how much it may be off where it is not 0.
struct SecondOrder {
  double expected = 0;
  double uncertainty = 0;
};

/// The score by one more pass over the rows, by all the classes; nothing if what is left may be
/// more than promised.
std::optional<HScore> corrected(const FeatureView& x, const Moments& moments,
                                const FactoredCovariance& factored, const Directions& directed,
                                HScore result, const WhiteningOptions& whitening,
                                const RowFits& rows = {}, const SecondOrder& law = {});

}  // namespace hscore
