// The regularized H-score: the covariance shrunk towards a multiple of the identity (Ibrahim,
// Ponomareva, Mazumder 2021).
#pragma once

#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

enum class Shrinkage { ledoit_wolf, oas, fixed };

/// The class means' covariance is divided by rows - 1 as in the public toolkits, or by rows as in
/// the paper. The shrunk covariance is divided by rows in both.
enum class Convention { toolkits, paper };

struct ShrinkageOptions {
  Shrinkage method = Shrinkage::ledoit_wolf;
  double intensity = 0;  // for Shrinkage::fixed, from 0 to 1
  Convention convention = Convention::toolkits;
  // For features that are at hand: `automatic` takes float32 products of float32 and narrower ones
  // where they pay and their estimated error keeps the promise; `high` is float64.
  Precision precision = Precision::automatic;
  WhiteningOptions whitening;  // its tolerance rules when nothing, or next to nothing, is added
};

struct RegularizedHScore {
  double score = 0;
  double intensity = 0;
  Index rows = 0;
  Index features = 0;
  Index classes = 0;    // with at least one row
  bool finite = false;  // false when a NaN, an infinity or an overflow has reached the sums
};

/// Ledoit and Wolf's intensity needs moments with has_norms().
RegularizedHScore regularized_h_score(const Moments& moments, const ShrinkageOptions& options);

/// The same from the rows. With fewer rows than features the matrix that is built and factored is
/// rows x rows, else features x features.
RegularizedHScore regularized_h_score(const FeatureView& features, const LabelView& labels,
                                      const UpdateOptions& update, const ShrinkageOptions& options);

/// What the intensities are a function of. With mu = tr T / (N F), the mean variance:
struct SpectrumSummary {
  double rows = 0;
  double features = 0;
  double deviation = 0;  // | T / (N mu) - I |_F^2
  double fourth = 0;     // sum_i |x_i - m|^4 / mu^2
};
double shrinkage_intensity(const ShrinkageOptions& options, const SpectrumSummary& spectrum);

}  // namespace hscore
