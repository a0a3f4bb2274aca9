// From whitened classes to a score.
#pragma once

#include <optional>

#include "factor/class_fit.hpp"
#include "factor/factored_covariance.hpp"
#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/triangular_moments.hpp"

namespace hscore {

HScore score_of(const std::vector<double>& counts, Index rows, Index features,
                WhitenedClasses&& whitened);
HScore score_of(const Moments& moments, WhitenedClasses&& whitened);

/// Per class.
std::vector<double> count_rows(const LabelView& labels);

/// What fit_classes says of each row.
struct KeptFits {
  std::vector<double> own;
  std::vector<double> squares;

  void resize(Index count) {
    own.resize(static_cast<std::size_t>(count));
    squares.resize(static_cast<std::size_t>(count));
  }
  RowFits rows(const LabelView& labels) {
    if (own.empty()) return {};
    return {labels.codes, own.data(), squares.data()};
  }
};

/// What a score was computed from, for those who need more than the score. Empty where it was known
/// without.
struct ScoreParts {
  bool norms = false;  // wanted in the moments
  std::optional<Moments> moments;
  Products products = Products::float64;  // in the moments
  std::optional<FactoredCovariance> factored;
  std::vector<double> shift;  // factored->offset is the mean about it
  KeptFits fits;              // where a correction has come across them
};

/// As h_score of the features; `parts`, unless null, receives what the score was computed from.
HScore h_score_and_parts(const FeatureView& features, const LabelView& labels,
                         const ScoreOptions& options, ScoreParts* parts);

/// As h_score of the moments; `factored`, unless null, receives the factor.
HScore h_score_and_factor(const TriangularMoments& moments, const WhiteningOptions& options,
                          FactoredCovariance* factored);

/// Relative rounding error of a float32 product, as the error estimates count it.
constexpr double float32_eps = 6e-8;

/// What `Precision::automatic` promises, relative to the float64 answer.
inline double promised_error(DType dtype) {
  return is_narrow(dtype) ? 1e-6 : 1e-9;
}

/// Whether the product is so large a part of the work that a faster one pays.
inline bool product_dominates(const FeatureView& features) {
  const double cols = static_cast<double>(features.cols);
  return features.cols >= 128 && static_cast<double>(features.rows) * cols * cols >= 2e9 &&
         features.cols < features.rows;
}

/// Whether the problem is so large and the classes so few that float32 products pay, the work of
/// bringing the float64 answer back included.
bool float32_pays(const FeatureView& features, Index classes);

/// Whether float32 products squared these features without over- or underflow to speak of.
bool in_float32_range(const Moments& moments);

}  // namespace hscore
