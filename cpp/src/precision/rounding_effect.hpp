// What rounding the rows does to the score.
//
// The rounding is random, and ours: its law is known. With D the errors, independent of each other
// and of everything else, of mean zero and variance v_k in feature k, P = T + X'D + D'X plus what
// is smaller, and
//     tr(B'P^-1 B) - H = -tr(Z' (P - T) Z) + tr(Z' (P - T) T^-1 (P - T) Z) - ...
// The first term has mean zero and the variance 4 sum_k v_k (G T G)_kk for G = Z Z'. With many
// classes or rows that is little beside the score. The second has the mean
//     H sum_k v_k (T^-1)_kk + F sum_k v_k G_kk
// and is all that is left after a correction, which removes the first.
//
// The rows are rounded about the shift, and with d = mean - shift X'X is T + N d d': in the
// variance G T G becomes G (T + N d d') G, and F becomes F + N d' T^-1 d. The shift is the mean of
// 64 rows, so that this is F / 64 as a rule, but F where these 64 rows are all alike.
#pragma once

#include <vector>

#include "factor/factored_covariance.hpp"

namespace hscore {

struct RoundingEffect {
  double deviation = 0;  // of the first term
  double second = 0;     // the second term
  double spread = 0;     // sum_k v_k G_kk
  double reach = 0;      // sum_k T_kk G_kk, which is the score where features are independent
  double inflated = 0;   // sum_k v_k (T^-1)_kk
  double leverages = 0;  // F + N d' T^-1 d
};

/// Row c of those at `first_row`, `stride` apart, is L^-1 b_c, and `score` the sum of their
/// squares; `variance` has v_k, and `rows` is N. No pass over the rows is needed.
RoundingEffect rounding_effect(const FactoredCovariance& factored, const double* first_row,
                               Index classes, Index stride, double score,
                               const std::vector<double>& variance, double rows, int threads);

/// How far P T^-1 is from 1 as an operator, for independent features whose values round with that
/// deviation as a share of their own: W'D + D'W for the whitened rows W, and as much more in one
/// direction as the shift is away from the mean, N d' T^-1 d.
double operator_error(const FeatureView& features, double noise, double away);

}  // namespace hscore
