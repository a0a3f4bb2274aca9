// Leverages of rows, h_i = (x_i - mean)' T^-1 (x_i - mean): how far a row bends the fit to itself.
//
// All of them cost as much as the score. With many more rows than features their estimate from a
// random sketch is as good: for signs s in sketch_lanes vectors, the mean of (s'w_i)^2 over the
// vectors has the mean h_i = |w_i|^2 and at most the relative deviation sqrt(2 / sketch_lanes),
// 0.18. What a row does to the score depends on 1 / (1 - h_i), whose relative error is then 0.18
// h_i / (1 - h_i): below 0.06 where h_i is below a quarter, and without a bias. Rows whose estimate
// is higher are done exactly. Measured against exact ones: standard errors within 0.5 %.
#pragma once

#include <vector>

#include "factor/whitened_rows.hpp"
#include "hscore/buffer.hpp"

namespace hscore {

constexpr Index sketch_lanes = 64;

/// The sketch's multipliers of rows: L'^-1 s for each vector of signs, over sqrt(sketch_lanes).
struct LeverageSketch {
  PaddedMatrix coefficients;
  bool float32_products = false;  // good enough for these features, and exact in the coefficients
};

/// Without rows where exact leverages cost little, or estimates would be too rough: features of a
/// rank below 256, or of more than an eighth of the rows.
LeverageSketch leverage_sketch(const FactoredCovariance& factored, double rows, int threads);

/// The mean is shift + offset. Exact where the sketch has no rows.
std::vector<double> row_leverages(const FeatureView& x, const Whitener& whitener,
                                  const PaddedMatrix& sketch, bool float32_sketch,
                                  const std::vector<double>& shift,
                                  const std::vector<double>& offset, int threads,
                                  const StopCheck& stop);

/// Whether float32 products keep the relative error of fits below `error`: they round the fit by
/// about float32_eps sqrt(sum_j T_jj z_j^2) over all rows, its own length being sqrt(energy).
bool float32_serves(const FactoredCovariance& factored, const PaddedMatrix& z, double energy,
                    double error);

/// To the nearest float32.
void round_to_float32(PaddedMatrix& z);

}  // namespace hscore
