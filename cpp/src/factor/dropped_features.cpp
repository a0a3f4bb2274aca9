#include "factor/dropped_features.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <limits>

#include "hscore/parallel.hpp"

namespace hscore {

namespace {

constexpr Index most_looked_at = 8;   // of the dropped features
constexpr Index most_sampled = 256;   // rows
constexpr double times_rounding = 8;  // values may have been rounded a few times
constexpr double eps = std::numeric_limits<double>::epsilon();

std::vector<Index> some_dropped(const FactoredCovariance& factored) {
  std::vector<bool> is_chosen(factored.live.index.size(), false);
  for (const Index live : factored.chosen) is_chosen[static_cast<std::size_t>(live)] = true;
  std::vector<Index> dropped;
  for (std::size_t live = 0; live < is_chosen.size(); ++live) {
    if (!is_chosen[live]) dropped.push_back(static_cast<Index>(live));
  }
  const Index all = static_cast<Index>(dropped.size());
  const Index count = std::min(all, most_looked_at);
  for (Index k = 0; k < count; ++k) {
    dropped[static_cast<std::size_t>(k)] = dropped[static_cast<std::size_t>(k * all / count)];
  }
  dropped.resize(static_cast<std::size_t>(count));
  return dropped;
}

// Features in the units of the factor: those chosen, then those looked at.
class ScaledRows {
 public:
  ScaledRows(const FactoredCovariance& factored, const std::vector<Index>& looked_at,
             const std::vector<double>& shift) {
    const auto add = [&](Index live) {
      const std::size_t at = static_cast<std::size_t>(live);
      const std::size_t column = static_cast<std::size_t>(factored.live.index[at]);
      columns_.push_back(factored.live.index[at]);
      scale_.push_back(factored.live.scale[at]);
      mean_.push_back(shift[column] + factored.offset[column]);
    };
    for (const Index live : factored.chosen) add(live);
    for (const Index live : looked_at) add(live);
  }
  Index size() const { return static_cast<Index>(columns_.size()); }
  double raw(const double* row, Index k) const {
    return row[columns_[static_cast<std::size_t>(k)]];
  }
  double scale(Index k) const { return scale_[static_cast<std::size_t>(k)]; }
  double mean(Index k) const { return mean_[static_cast<std::size_t>(k)]; }
  double centred(const double* row, Index k) const { return (raw(row, k) - mean(k)) * scale(k); }

 private:
  std::vector<Index> columns_;
  std::vector<double> scale_;
  std::vector<double> mean_;
};

// Products of the chosen features with those looked at, summed over all rows.
Eigen::MatrixXd cross_products(const FeatureView& x, const ScaledRows& scaled, Index rank,
                               int threads, const StopCheck& stop) {
  constexpr Index parts = 16;  // the same for any number of threads
  constexpr Index together = 64;
  const Index others = scaled.size() - rank;
  std::vector<Eigen::MatrixXd> sums(parts, Eigen::MatrixXd::Zero(rank, others));
  throw_if_stopped(stop);
  parallel_for(parts, threads, [&](Index part) {
    const Index end = x.rows * (part + 1) / parts;
    RowsInOrder rows(x, 0, x.cols);
    Eigen::MatrixXd block(scaled.size(), together);
    for (Index first = x.rows * part / parts; first < end; first += together) {
      const Index count = std::min(together, end - first);
      for (Index i = 0; i < count; ++i) {
        const double* row = rows(first + i);
        for (Index k = 0; k < scaled.size(); ++k) block(k, i) = scaled.centred(row, k);
      }
      sums[static_cast<std::size_t>(part)].noalias() +=
          block.topLeftCorner(rank, count) * block.bottomLeftCorner(others, count).transpose();
    }
  });
  for (std::size_t part = 1; part < sums.size(); ++part) sums[0] += sums[part];
  return std::move(sums[0]);
}

double median_size(std::vector<double> values) {
  for (double& value : values) value = std::abs(value);
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The unit roundoff of the narrowest type that holds all values: 2^-11 of float16, 2^-24 of
// float32, 2^-53 of float64.
double roundoff(const std::vector<double>& values) {
  const auto all_have = [&](int bits, double most) {
    return std::all_of(values.begin(), values.end(), [&](double value) {
      int exponent = 0;
      const double digits = std::ldexp(std::frexp(value, &exponent), bits);
      return digits == std::trunc(digits) && std::abs(value) <= most;
    });
  };
  if (all_have(11, 65504)) return 0x1p-11;
  return all_have(24, std::numeric_limits<float>::max()) ? 0x1p-24 : 0x1p-53;
}

}  // namespace

Index dropped_above_noise(const FeatureView& x, const FactoredCovariance& factored,
                          const std::vector<double>& shift, double unique_share, int threads,
                          const StopCheck& stop) {
  const Index rank = factored.rank();
  const std::vector<Index> looked_at = some_dropped(factored);
  const Index others = static_cast<Index>(looked_at.size());
  if (others == 0 || rank == 0) return 0;
  const ScaledRows scaled(factored, looked_at, shift);
  const LowerFactor lower = lower_factor(factored);
  Eigen::MatrixXd weights = cross_products(x, scaled, rank, threads, stop);
  lower.triangularView<Eigen::Lower>().solveInPlace(weights);
  lower.transpose().triangularView<Eigen::Upper>().solveInPlace(weights);

  const Index sampled = std::min(x.rows, most_sampled);
  Eigen::MatrixXd centred(scaled.size(), sampled);
  Eigen::MatrixXd rounding(scaled.size(), sampled);  // of the values
  std::vector<std::vector<double>> values(static_cast<std::size_t>(scaled.size()));
  RowsInOrder rows(x, 0, x.cols);
  for (Index i = 0; i < sampled; ++i) {
    const double* row = rows(i * x.rows / sampled);
    for (Index k = 0; k < scaled.size(); ++k) {
      const double value = scaled.raw(row, k);
      values[static_cast<std::size_t>(k)].push_back(value);
      centred(k, i) = scaled.centred(row, k);
      rounding(k, i) = std::abs(value) * scaled.scale(k);
    }
  }
  Eigen::VectorXd deviation(scaled.size());  // in units of the rows
  for (Index k = 0; k < scaled.size(); ++k) {
    const Index live = k < rank ? factored.chosen[static_cast<std::size_t>(k)]
                                : looked_at[static_cast<std::size_t>(k - rank)];
    deviation(k) = std::sqrt(factored.live.sum_of_squares[static_cast<std::size_t>(live)]);
    // A value that a sum made small by cancellation has the rounding of the column's usual ones.
    const std::vector<double>& own = values[static_cast<std::size_t>(k)];
    rounding.row(k) = rounding.row(k).cwiseMax(median_size(own) * scaled.scale(k)) * roundoff(own);
  }
  // What the weights, and the means, are certain to.
  const double uncertain = 16 * eps / unique_share;
  Index above = 0;
  for (Index d = 0; d < others; ++d) {
    const auto weight = weights.col(d);
    double means = std::abs(scaled.mean(rank + d)) * scaled.scale(rank + d);
    for (Index k = 0; k < rank; ++k) {
      means += std::abs(weight(k) * scaled.mean(k)) * scaled.scale(k);
    }
    Index compared = 0;
    Index beyond = 0;
    for (Index i = 0; i < sampled; ++i) {
      const double left = std::abs(centred(rank + d, i) - weight.dot(centred.col(i).head(rank)));
      const double rounded =
          rounding(rank + d, i) + weight.cwiseAbs().dot(rounding.col(i).head(rank));
      const double computed =
          std::abs(centred(rank + d, i)) +
          deviation(rank + d) *
              (centred.col(i).head(rank).array() / deviation.head(rank).array()).abs().sum();
      if (!(computed > 0)) continue;
      ++compared;
      beyond += left > times_rounding * rounded + uncertain * computed + 4 * eps * means;
    }
    above += beyond >= 2 && 2 * beyond >= compared;
  }
  return above;
}

}  // namespace hscore
