#include "inference/leverages.hpp"

#include <cmath>
#include <cstdint>

#include "factor/class_fit.hpp"
#include "scores/scores.hpp"

namespace hscore {

namespace {

// Above this an estimate may be off by more than the leave-one-out form bears.
constexpr double rough_from = 0.25;

// The same on every call. splitmix64: 64 independent signs from each number.
PaddedMatrix random_signs(Index rank) {
  PaddedMatrix signs(sketch_lanes, rank);
  std::uint64_t state = 0;
  for (Index k = 0; k < rank; ++k) {
    std::uint64_t bits = state += 0x9e3779b97f4a7c15u;
    bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9u;
    bits = (bits ^ bits >> 27) * 0x94d049bb133111ebu;
    bits ^= bits >> 31;
    for (Index lane = 0; lane < sketch_lanes; ++lane) {
      signs(lane, k) = (bits >> lane & 1) != 0 ? 1.0 : -1.0;
    }
  }
  return signs;
}

std::vector<double> exact_leverages(const FeatureView& x, const Whitener& whitener,
                                    const std::vector<double>& shift,
                                    const std::vector<double>& offset,
                                    const std::vector<Index>& rows, int threads,
                                    const StopCheck& stop) {
  const CentredRows centred(x, shift, offset);
  const Index count = rows.empty() ? x.rows : static_cast<Index>(rows.size());
  std::vector<double> values(static_cast<std::size_t>(count));
  const auto load = [&](Index i, double* target) {
    centred(rows.empty() ? i : rows[static_cast<std::size_t>(i)], target);
  };
  whiten_rows(whitener, x.cols, count, load, threads, stop,
              [&](Index first, const Eigen::MatrixXd& block) {
                for (Index i = 0; i < block.cols(); ++i) {
                  values[static_cast<std::size_t>(first + i)] = block.col(i).squaredNorm();
                }
              });
  return values;
}

}  // namespace

bool float32_serves(const FactoredCovariance& factored, const PaddedMatrix& z, double energy,
                    double error) {
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
  const double worst = error / float32_eps;
  return spread <= worst * worst * energy;
}

void round_to_float32(PaddedMatrix& z) {
  for (Index c = 0; c < z.rows(); ++c) {
    for (Index j = 0; j < z.cols(); ++j) {
      z(c, j) = static_cast<double>(static_cast<float>(z(c, j)));
    }
  }
}

LeverageSketch leverage_sketch(const FactoredCovariance& factored, double rows, int threads) {
  const Index rank = factored.rank();
  if (rank < 256 || static_cast<double>(rank) > rows / 8) return {};
  const Index features = static_cast<Index>(factored.offset.size());
  PaddedMatrix signs = random_signs(rank);
  const double share = 1 / std::sqrt(static_cast<double>(sketch_lanes));
  for (Index lane = 0; lane < sketch_lanes; ++lane) {
    for (Index k = 0; k < rank; ++k) signs(lane, k) *= share;
  }
  LeverageSketch sketch;
  sketch.coefficients = class_coefficients(factored.factor, signs.row(0), sketch_lanes,
                                           signs.stride(), factored.chosen, factored.live.index,
                                           factored.live.scale, features, threads);
  sketch.float32_products =
      float32_serves(factored, sketch.coefficients, static_cast<double>(rank), 1e-3);
  if (sketch.float32_products) round_to_float32(sketch.coefficients);
  return sketch;
}

std::vector<double> row_leverages(const FeatureView& x, const Whitener& whitener,
                                  const PaddedMatrix& sketch, bool float32_sketch,
                                  const std::vector<double>& shift,
                                  const std::vector<double>& offset, int threads,
                                  const StopCheck& stop) {
  if (sketch.rows() == 0) return exact_leverages(x, whitener, shift, offset, {}, threads, stop);
  std::vector<double> values(static_cast<std::size_t>(x.rows));
  FitOptions options;
  options.threads = threads;
  options.rows.squares = values.data();
  if (float32_sketch) {
    fit_classes<float>(x, shift, offset, sketch, options, stop);
  } else {
    fit_classes<double>(x, shift, offset, sketch, options, stop);
  }
  std::vector<Index> high;
  for (Index i = 0; i < x.rows; ++i) {
    if (values[static_cast<std::size_t>(i)] > rough_from) high.push_back(i);
  }
  if (high.empty()) return values;
  const std::vector<double> exact =
      exact_leverages(x, whitener, shift, offset, high, threads, stop);
  for (std::size_t i = 0; i < high.size(); ++i) {
    values[static_cast<std::size_t>(high[i])] = exact[i];
  }
  return values;
}

}  // namespace hscore
