// Without row i, in whitened coordinates w (T becomes the identity), S_k the sum of class k, c the
// class of the row, M = N - 1 and h = |w|^2:
//     T' = I - (N / M) w w',   T'^-1 = I + g w w',   g = (N / M) / (1 - (N / M) h)
//     S_k' = S_k + (n_k / M) w for k != c,   S_c' = S_c + a w,   a = (n_c - 1) / M - 1
//     H' = sum_k (|S_k'|^2 + g (w'S_k')^2) / n_k'
// where w'S_k = sqrt(n_k) v_k, v_k = (x - mean)' T^-1 b_k, and sum_k w'S_k = 0. So the fits of a
// row and h are all that is needed. h would cost as much as the score; its mean r / N makes g = N /
// (M - r), and serves as well: delete-one standard errors of simulated scores differed by a few
// percent, but for heavy tails and rare classes, where the mean errs on the safe side.
#include "inference/influence.hpp"

#include <cmath>

#include "factor/class_fit.hpp"

namespace hscore {

namespace {

// float32 products round the fit of a class by about float32_eps sqrt(sum_j T_jj z_j^2) over all
// rows, its own length being sqrt(share): up to here less than 1e-5 of it.
bool float32_serves(const FactoredCovariance& factored, const PaddedMatrix& z, double score) {
  double spread = 0;
  for (const Index k : factored.chosen) {
    const std::size_t at = static_cast<std::size_t>(k);
    const double unit = factored.live.scale[at];
    const double scatter = factored.live.sum_of_squares[at] / unit / unit;
    if (!(scatter > 1e-20 && scatter < 1e30)) return false;
    for (Index c = 0; c < z.rows(); ++c) {
      const double value = z(c, factored.live.index[at]);
      spread += scatter * value * value;
    }
  }
  constexpr double worst = 1e-5 / float32_eps;
  return spread <= worst * worst * score;
}

}  // namespace

InfluenceFunction influence_function(const std::vector<double>& shift,
                                     const FactoredCovariance& factored,
                                     const std::vector<double>& counts,
                                     const std::vector<double>& shares, int threads,
                                     std::optional<PaddedMatrix>&& rounded) {
  const AugmentedMatrix& factor = factored.factor;
  const std::size_t features = factored.offset.size();
  InfluenceFunction result;
  result.centre.assign(shift.begin(), shift.begin() + static_cast<Index>(features));
  for (std::size_t j = 0; j < features; ++j) result.centre[j] += factored.offset[j];
  result.counts = counts;
  result.shares = shares;
  for (const double count : counts) result.weight += count;
  result.rank = factored.rank();
  double score = 0;
  for (const double share : shares) score += share;

  PaddedMatrix& z = result.coefficients;
  if (rounded) {
    z = std::move(*rounded);
    result.float32_products = float32_serves(factored, z, score);
    if (result.float32_products) return result;
  }
  z = class_coefficients(factor, factor.extra_row(0), factor.extra(), factor.stride(),
                         factored.chosen, factored.live.index, factored.live.scale,
                         static_cast<Index>(features), threads);
  result.float32_products = float32_serves(factored, z, score);
  if (result.float32_products) {
    for (Index c = 0; c < z.rows(); ++c) {
      for (Index j = 0; j < z.cols(); ++j) {
        z(c, j) = static_cast<double>(static_cast<float>(z(c, j)));
      }
    }
  }
  return result;
}

InfluenceFunction influence_function(const Moments& moments, const WhiteningOptions& options) {
  const FactoredCovariance factored = factor_covariance(moments, options);
  const HScore score = score_of(moments, summarize(factored, options.threads));
  return influence_function(moments.shift(), factored, moments.counts(), score.class_shares,
                            options.threads);
}

std::vector<double> influence_of_fits(const InfluenceFunction& function, const LabelView& labels,
                                      const KeptFits& fits) {
  std::vector<double> values(fits.own.size(), 0.0);
  const double n = function.weight;
  const double m = n - 1;
  const double free = m - static_cast<double>(function.rank);
  if (!(free > 0)) return values;
  const double g = n / free;
  const double h = static_cast<double>(function.rank) / n;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::size_t c = static_cast<std::size_t>(labels.codes[i]);
    const double count = function.counts[c];
    const double share = function.shares[c];
    const double root = std::sqrt(count);
    const double own = fits.own[i];
    const double u = root * own;
    // What every class would gain if the row were of another, less what its own would have gained.
    const double as_other =
        2 * u / m + count * h / (m * m) + g * (own + root * h / m) * (own + root * h / m);
    double change = n * h / (m * m) + g * (fits.squares[i] + n * h * h / (m * m)) - as_other;
    if (count > 1) {
      const double a = (count - 1) / m - 1;
      const double projected = u + a * h;
      change += (share + 2 * a * u + a * a * h + g * projected * projected) / (count - 1);
    } else {
      change += static_cast<double>(function.rank) / m - share;
    }
    values[i] = -m * change;
  }
  return values;
}

std::vector<double> InfluenceFunction::operator()(const FeatureView& features,
                                                  const LabelView& labels, int threads,
                                                  const StopCheck& stop) const {
  check_labels(features, labels);
  if (features.cols != coefficients.cols() || labels.classes > coefficients.rows()) {
    throw std::invalid_argument("the rows have other features or classes than the function");
  }
  KeptFits fits;
  fits.resize(features.rows);
  if (features.rows == 0) return {};
  const std::vector<double> offset(centre.size(), 0.0);
  const FitOptions options{threads, false, fits.rows(labels)};
  if (float32_products) {
    fit_classes<float>(features, centre, offset, coefficients, nullptr, options, stop);
  } else {
    fit_classes<double>(features, centre, offset, coefficients, nullptr, options, stop);
  }
  return influence_of_fits(*this, labels, fits);
}

}  // namespace hscore
