// What each row does to the score: the basis of its standard error, and of comparisons between
// feature sets over the same rows.
#pragma once

#include <vector>

#include "hscore/buffer.hpp"
#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/views.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

/// Row i's influence is (N - 1) (H - H without row i), exactly: the row's fits and its leverage
/// tell what the score would be without it. For much fewer features than rows it is about
///     2 z_i'm_c - |m_c|^2 - sum_k (n_k / N) (z_i'm_k)^2
/// with z_i the whitened row, m_k the whitened class means and c its class. For a row that is a
/// class of its own what a class less takes from the score by chance, rank / (N - 1), is not
/// counted. Leverages of many rows of many features are estimated, see inference/leverages.hpp.
///
/// A row needs nothing else of the data set than the C x F and F x F numbers here, so that
/// influences can be had of all rows or of some.
struct InfluenceFunction {
  std::vector<double> centre;  // the mean
  PaddedMatrix coefficients;   // row c: T^-1 b_c, b_c the sum of class c about the mean / sqrt(n_c)
  std::vector<double> counts;  // n_c
  std::vector<double> shares;  // b_c' T^-1 b_c
  double weight = 0;           // N
  Index rank = 0;
  bool float32_products = false;  // good enough for these features
  std::vector<double> factor;     // L of the features `chosen` in units of 1 / scale, row by row
  std::vector<Index> chosen;
  std::vector<double> scale;
  PaddedMatrix sketch;          // for leverages that are estimated; no rows if they are exact
  bool float32_sketch = false;  // float32 products are good enough for it

  std::vector<double> operator()(const FeatureView& features, const LabelView& labels, int threads,
                                 const StopCheck& stop = {}) const;
};

InfluenceFunction influence_function(const Moments& moments, const WhiteningOptions& options);

}  // namespace hscore
