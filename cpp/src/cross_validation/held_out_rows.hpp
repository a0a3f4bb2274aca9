// What the fits of rows that were held out say of each of them.
#pragma once

#include <vector>

#include "hscore/cross_validation.hpp"

namespace hscore {

/// v_c is the part of the fit of class c that the features add to the class's frequency in the
/// training rows.
class HeldOutRows {
 public:
  /// Null weights are all 1. The counts are those of all rows.
  HeldOutRows(const LabelView& labels, const double* weights, const std::vector<double>& counts)
      : labels_(labels), weights_(weights), per_count_(counts) {
    for (double& value : per_count_) value = value > 0 ? 1 / value : 0;
    gains.assign(static_cast<std::size_t>(labels.rows), 0.0);
    predictions.assign(static_cast<std::size_t>(labels.rows), 0);
  }

  /// Adds to `class_gains`, where that is not null.
  void set(Index row, const double* v, const std::vector<double>& frequency, double* class_gains) {
    const Index own = labels_.codes[row];
    const double weight = weights_ == nullptr ? 1 : weights_[row];
    double gain = 0;
    std::size_t best = 0;
    for (std::size_t c = 0; c < per_count_.size(); ++c) {
      const double target = (static_cast<Index>(c) == own ? 1.0 : 0.0) - frequency[c];
      const double part = weight * per_count_[c] * v[c] * (2 * target - v[c]);
      gain += part;
      if (class_gains != nullptr) class_gains[c] += part;
      if (frequency[c] + v[c] > frequency[best] + v[best]) best = c;
    }
    gains[static_cast<std::size_t>(row)] = gain;
    predictions[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(best);
  }

  std::vector<double> gains;
  std::vector<std::int32_t> predictions;

 private:
  LabelView labels_;
  const double* weights_;
  std::vector<double> per_count_;
};

/// The rows x rows form: everything but the ridges' choice is left in `result` for each of them.
/// Nothing is done where the features are not finite.
struct SampleFolds {
  bool finite = false;
  std::vector<HeldOutRows> rows;                 // per ridge
  std::vector<std::vector<double>> class_gains;  // per ridge and class
};
SampleFolds cross_validate_samples(const FeatureView& features, const LabelView& labels,
                                   const std::int32_t* folds, Index n_folds,
                                   const std::vector<double>& counts,
                                   const CrossValidationOptions& options);

}  // namespace hscore
