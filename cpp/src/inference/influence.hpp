// Influence values of rows from their fits.
#pragma once

#include "factor/factored_covariance.hpp"
#include "hscore/influence.hpp"
#include "scores/scores.hpp"

namespace hscore {

/// The class statistics in the formula of a row's influence; fits and leverages come beside.
struct ClassFacts {
  std::vector<double> counts;
  std::vector<double> shares;
  double weight = 0;
  Index rank = 0;
};

/// T^-1 b_c for every class, the fits' coefficients.
struct FitCoefficients {
  PaddedMatrix values;
  bool float32_products = false;  // good enough for rows of small leverage
};
FitCoefficients fit_coefficients(const FactoredCovariance& factored,
                                 const std::vector<double>& shares, int threads);

/// Whether some row has so large a leverage that 1 / (1 - h_i) magnifies the rounding of its fit.
bool bends_the_fit(const std::vector<double>& leverages);

/// The fits of all rows. The mean is shift + offset.
KeptFits fit_rows(const FeatureView& x, const LabelView& y, const PaddedMatrix& coefficients,
                  bool float32_products, const std::vector<double>& shift,
                  const std::vector<double>& offset, int threads, const StopCheck& stop);

/// (N - 1) (H - H without the row) for each row.
std::vector<double> influence_of_fits(const ClassFacts& facts, const LabelView& labels,
                                      const KeptFits& fits, const std::vector<double>& leverages);

}  // namespace hscore
