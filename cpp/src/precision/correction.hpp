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
  double spread = 0;   // sum_c sum_j T_jj z_cj^2: what independent errors of P's entries do to H,
                       // and how much larger than the fits the products they are sums of
};

/// sum_c sum_j T_jj z_cj^2 for rows z of coefficients.
double spread_of(const FactoredCovariance& factored, const PaddedMatrix& z);

Directions directions(const Moments& moments, const FactoredCovariance& factored, int threads);

/// P^-1 B on all features from rows L^-1 B, rounded to float32.
PaddedMatrix solve_classes(const FactoredCovariance& factored, const double* whitened,
                           Index classes, Index stride, Index features, int threads);

/// Whether float32 products serve for the pass over narrow features: their errors in the fits may
/// go with the rows, where rows are alike, and then they change tr(Z' T Z) by as much as they are.
bool float32_fits_serve(const FeatureView& x, double spread, double score);

/// fit_classes in float32 or in float64.
ClassFit fit_in(bool float32, const FeatureView& x, const Moments& moments,
                const FactoredCovariance& factored, const PaddedMatrix& z,
                const FitOptions& options, const StopCheck& stop);

/// The part left out, tr(R' P^-1 R) for R = B - T Z, as the probes of class_probes show it.
struct Remainder {
  bool exact = false;
  double trace = 0;    // exact or, with many classes, the mean over the probes
  double largest = 0;  // not less than the trace, as far as the probes know
};
Remainder remainder(const FactoredCovariance& factored, const PaddedMatrix& probes,
                    const PaddedMatrix& b, const PaddedMatrix& products, int threads);

/// How far a factor by float32 operations may be from that of T, as an operator, relative.
double float32_factor_error(double smallest_unique_share);

/// Spread the total correction over the classes in proportion to their shares.
void replace_score(HScore& result, double score);

/// The error of rounding in a corrected score beyond what was left out, `left`. No error of the
/// factor is in it, as any Z serves: the class sums' go with Z, in all features alike at worst.
double corrected_bound(bool float32, const HScore& result, double spread, double left);

/// Beyond, P is too far from T for what is said of the terms of second and third order.
constexpr double most_operator_error = 0.3;

/// The remainder of a correction, by its law; `uncertainty` is how far it may be off.
struct SecondOrder {
  double expected = 0;
  double uncertainty = 0;
};

/// The score by one more pass over the rows, by all the classes; nothing if what is left may be
/// more than promised. P T^-1 may be off by `operator_error`, relative.
std::optional<HScore> corrected(const FeatureView& x, const Moments& moments,
                                const FactoredCovariance& factored, const Directions& directed,
                                HScore result, double operator_error,
                                const WhiteningOptions& whitening, const RowFits& rows = {},
                                const SecondOrder& law = {});

}  // namespace hscore
