// The regularized score of features that can be read twice: float32 speed, float64 answers, as in
// automatic.cpp. With P = T + E the scatter from float32 products, in units of N mu, A the
// shrunk T and Z = ((1 - a0) P + a0 I)^-1 B at a nearby intensity,
//     tr(B' A^-1 B) >= 2 tr(B' Z) - (1 - a) tr(Z' T Z) - a |Z|^2,    equal at Z = A^-1 B,
// so that a pass over the rows in float64 leaves an error of second order. The same pass yields
// what the intensity is a function of: tr T and the fourth powers, and
//     |T|^2 = |P|^2 - 2 tr(P E) + |E|^2,
// where tr(P E) is the mean of (P g)' (P g - T g) over random signs g (Hutchinson 1990).
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "factor/class_fit.hpp"
#include "factor/scaled_scatter.hpp"
#include "precision/correction.hpp"
#include "scores/scores.hpp"
#include "scores/shrunk_covariance.hpp"

namespace hscore {

namespace {

constexpr Index probes = ScaledScatter::probes;

// P with probes p = P g, and for each the two rows p + s g and p - s g, s = |p| / |g|, whose
// energies under T differ by 4 s p' T g.
struct SpectrumProbes {
  double squared = 0;  // |P|^2
  PaddedMatrix rows;
  std::vector<double> lengths;  // of p
  double signs_length = 0;      // of g
};

SpectrumProbes probe_spectrum(const ScaledScatter& scatter, double deviation, Index features,
                              int threads) {
  const PaddedMatrix signs = probe_signs(probes, features);
  const PaddedMatrix products = scatter.multiply(signs, threads);
  SpectrumProbes result{deviation + static_cast<double>(features),
                        PaddedMatrix(2 * probes, features),
                        {},
                        std::sqrt(static_cast<double>(features))};
  for (Index k = 0; k < probes; ++k) {
    double square = 0;
    for (Index j = 0; j < features; ++j) square += products(k, j) * products(k, j);
    result.lengths.push_back(std::sqrt(square));
    const double factor = result.lengths.back() / result.signs_length;
    for (Index j = 0; j < features; ++j) {
      result.rows(2 * k, j) = products(k, j) + factor * signs(k, j);
      result.rows(2 * k + 1, j) = products(k, j) - factor * signs(k, j);
    }
  }
  return result;
}

struct Estimate {
  double value = 0;
  double error = 0;
};

// tr(P E) from the rows' energies under T, which come in units of 1 / `unit`.
Estimate error_product(const SpectrumProbes& spectrum, const double* energies, double unit) {
  double sum = 0;
  double squares = 0;
  for (Index k = 0; k < probes; ++k) {
    const double length = spectrum.lengths[static_cast<std::size_t>(k)];
    const double factor = 4 * length / spectrum.signs_length;
    const double product = (energies[2 * k] - energies[2 * k + 1]) / factor / unit;
    const double error = length * length - product;
    sum += error;
    squares += error * error;
  }
  const double mean = sum / probes;
  return {mean, std::sqrt(std::max(squares / probes - mean * mean, 0.0) / (probes - 1))};
}

// The intensity falls as the deviation grows.
Estimate shrinkage_intensities(const ShrinkageOptions& options, SpectrumSummary summary,
                               double deviation_error) {
  Estimate intensity{shrinkage_intensity(options, summary), 0};
  summary.deviation += deviation_error;
  const double least = shrinkage_intensity(options, summary);
  summary.deviation = std::max(summary.deviation - 2 * deviation_error, 0.0);
  const double most = shrinkage_intensity(options, summary);
  intensity.error = std::max(intensity.value - least, most - intensity.value);
  return intensity;
}

// From float32 products to the float64 answer, or nothing when the promise cannot be kept.
std::optional<RegularizedHScore> corrected_score(const FeatureView& x, const Moments& moments,
                                                 const ShrinkageOptions& options) {
  const ShrunkCovariance shrunk = shrink_covariance(moments, options);
  const FactoredCovariance& factored = shrunk.factored;
  RegularizedHScore result = shrunk.summary;
  // At the intensity 1 there is no factor and the score is 0, if the intensity is right.
  const bool vanishes = result.intensity == 1;
  if (!result.finite || result.classes < 2) return result;
  if (!vanishes && (factored.rank() == 0 || !factored.full_rank())) return std::nullopt;
  const WhiteningOptions& whitening = options.whitening;
  const int threads = whitening.threads;
  const double n = moments.weight();
  const double f = static_cast<double>(x.cols);
  const Index classes = vanishes ? 0 : moments.classes();
  const std::vector<double> offset = moments.offset();
  const ScaledScatter scatter(moments);
  const double unit = scatter.unit();
  const AugmentedMatrix& factor = factored.factor;
  // The factor's scale has the root of the unit in it: z is Z / unit on B in its own units.
  const PaddedMatrix z =
      vanishes ? PaddedMatrix(0, x.cols)
               : class_coefficients(factor, factor.extra_row(0), classes, factor.stride(),
                                    factored.chosen, factored.live.index, factored.live.scale,
                                    x.cols, threads);

  const bool estimated = options.method != Shrinkage::fixed;
  SpectrumProbes spectrum;
  if (estimated) spectrum = probe_spectrum(scatter, shrunk.deviation, x.cols, threads);
  const Index extra = spectrum.rows.rows();
  PaddedMatrix coefficients(classes + extra, x.cols);
  for (Index c = 0; c < classes + extra; ++c) {
    const double* source = c < classes ? z.row(c) : spectrum.rows.row(c - classes);
    std::copy_n(source, x.cols, coefficients.row(c));
  }
  const PaddedMatrix mixes = class_probes(classes);
  PaddedMatrix padded(mixes.rows(), classes + extra);
  for (Index k = 0; k < mixes.rows(); ++k) std::copy_n(mixes.row(k), classes, padded.row(k));
  FitOptions fitting{threads, /*norms=*/true};
  fitting.probes = &padded;
  const ClassFit fitted =
      fit_classes<double>(x, moments.shift(), offset, coefficients, fitting, whitening.stop);

  // How the mean variance of the float32 products compares with the true one.
  const double r = unit / (fitted.squares / f);
  Estimate intensity{result.intensity, 0};
  if (estimated) {
    const Estimate product = error_product(spectrum, fitted.energies.data() + classes, unit);
    SpectrumSummary summary{n, f};
    summary.deviation = r * r * (spectrum.squared - 2 * product.value) - f;
    const double mean_variance = fitted.squares / n / f;
    summary.fourth = fitted.fourth / mean_variance / mean_variance;
    if (!(summary.deviation > 0)) return std::nullopt;
    // |E|^2 with errors of float32_eps sqrt(T_ii T_jj), ten times.
    const double error = 8 * r * r * (product.error + 2 * float32_eps * float32_eps * f * f);
    intensity = shrinkage_intensities(options, summary, error);
  }
  const double a = result.intensity = intensity.value;
  if (a == 1 && intensity.error == 0) return result;
  if (!(a > 0 && a < 1) || factored.rank() == 0) return std::nullopt;

  const PaddedMatrix b = class_directions(moments, offset);
  double product = 0;
  double length = 0;
  double energy = 0;
  for (Index c = 0; c < classes; ++c) {
    energy += fitted.energies[static_cast<std::size_t>(c)];
    for (Index j = 0; j < x.cols; ++j) {
      product += b(c, j) * z(c, j);
      length += z(c, j) * z(c, j);
    }
  }
  length *= unit;
  const double squared = r * (2 * product - (1 - a) * r * energy - a * length);

  // A Z w for each mix w of the classes, in B's own units.
  PaddedMatrix products = mix_classes(mixes, x.cols, [&](Index c) { return z.row(c); });
  for (Index k = 0; k < products.rows(); ++k) {
    for (Index j = 0; j < x.cols; ++j) {
      products(k, j) = (1 - a) * r * fitted.products(k, j) + a * unit * products(k, j);
    }
  }
  const Remainder rest = remainder(factored, mixes, b, products, threads);
  const double ratio = divisor_ratio(options, n);
  result.score = score_from(squared, a, ratio, result);
  // With many classes ten times the largest probe is a safe reading.
  const double left = (rest.exact ? 2 : 10) * r * (1 - a) * rest.largest;
  const double slope = squared + (1 - a) * r * (length - r * energy);
  const double error = ratio * (left + std::abs(slope) * intensity.error);
  if (!(error <= promised_error(x.dtype) * result.score)) return std::nullopt;
  return result;
}

// Of features that hardly correlate the deviation is mostly noise, an estimated intensity depends
// on its last digits, and a few probes do not find them. A look at a few rows saves the attempt.
bool is_correctable(const FeatureView& x, const ShrinkageOptions& options) {
  if (options.method == Shrinkage::fixed) return true;
  return sampled_deviation(x, options.whitening) > 2 * static_cast<double>(x.cols);
}

std::optional<RegularizedHScore> score_from_float32(const FeatureView& x, const Moments& moments,
                                                    const ShrinkageOptions& options) {
  if (!in_float32_range(moments)) return std::nullopt;
  const bool forced = options.precision == Precision::float32;
  if (!forced && !is_narrow(x.dtype)) return corrected_score(x, moments, options);
  const RoundedScore rounded = rounded_score(moments, options);
  const double promised = promised_error(x.dtype) * rounded.shrunk.summary.score;
  if (forced || rounded.error <= promised) return rounded.shrunk.summary;
  return std::nullopt;
}

}  // namespace

std::optional<RegularizedHScore> regularized_from_float32(const FeatureView& features,
                                                          const Moments& moments,
                                                          const ShrinkageOptions& options) {
  const bool wide = options.precision == Precision::automatic && !is_narrow(features.dtype);
  if (wide && !is_correctable(features, options)) return std::nullopt;
  return score_from_float32(features, moments, options);
}

namespace {

RegularizedHScore score_of_rows(const FeatureView& features, const LabelView& labels,
                                const UpdateOptions& update, const ShrinkageOptions& options) {
  check_labels(features, labels);
  check_fits(labels.classes, std::max<Index>(1, features.cols), sizeof(double));
  // Nothing added means the plain score, which has a rule for the rank.
  const bool plain = options.method == Shrinkage::fixed && options.intensity == 0;
  if (!plain && features.rows < features.cols && features.rows > 0 &&
      features.kind() != FeatureKind::blocks) {
    if (const auto score = score_by_samples(features, labels, update, options)) return *score;
  }
  const auto gather = [&](Products products) {
    Moments moments(features.cols);
    UpdateOptions gathering = update;
    gathering.norms = options.method == Shrinkage::ledoit_wolf;
    gathering.products = products;
    gathering.only_finite = features.kind() == FeatureKind::blocks;  // rather than read on
    moments.update(features, labels, gathering);
    return moments;
  };
  const bool narrow = is_narrow(features.dtype);
  const bool forced = options.precision == Precision::float32;
  const bool wanted =
      options.precision == Precision::automatic && !plain && 2 * labels.classes <= features.cols &&
      float32_pays(features, labels.classes) && (narrow || is_correctable(features, options));
  if (forced || wanted) {
    const Moments moments = gather(Products::float32);
    if (const auto score = score_from_float32(features, moments, options)) return *score;
  }
  return regularized_h_score(gather(Products::float64), options);
}

}  // namespace

RegularizedHScore regularized_h_score(const FeatureView& features, const LabelView& labels,
                                      const UpdateOptions& update,
                                      const ShrinkageOptions& options) {
  try {
    return score_of_rows(features, labels, update, options);
  } catch (const NotFinite&) {
    RegularizedHScore nothing;
    nothing.finite = false;
    return nothing;
  }
}

}  // namespace hscore
