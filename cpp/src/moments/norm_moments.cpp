#include "hscore/norm_moments.hpp"

#include <algorithm>
#include <cmath>

namespace hscore {

namespace {

// S h for a symmetric matrix of which the lower triangle is given.
std::vector<double> symmetric_product(const PaddedMatrix& lower, const std::vector<double>& h) {
  std::vector<double> result(h.size(), 0.0);
  for (std::size_t i = 0; i < h.size(); ++i) {
    const double* row = lower.row(static_cast<Index>(i));
    double sum = row[i] * h[i];
    for (std::size_t j = 0; j < i; ++j) {
      sum += row[j] * h[j];
      result[j] += row[j] * h[i];
    }
    result[i] += sum;
  }
  return result;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];  // b may be padded
  return sum;
}

}  // namespace

NormMoments::NormMoments(Index features)
    : cubes(static_cast<std::size_t>(PaddedMatrix::round_up(features)), 0.0) {}

void NormMoments::rescale(double new_unit) noexcept {
  const double ratio = new_unit / unit;
  for (double& value : cubes) value *= ratio;
  fourth = fourth * ratio * ratio;
  unit = new_unit;
}

void NormMoments::fit(double largest) {
  constexpr double room = 0x1p100;
  if (!(largest > 0) || !std::isfinite(largest)) return;
  if (unit != 0 && largest * unit <= room) return;
  const double needed = std::ldexp(1.0, std::clamp(-std::ilogb(largest), -1000, 1000));
  if (unit == 0) {
    unit = needed;
  } else {
    rescale(needed);
  }
}

// With u' = u - h, expanded in the sums known about the old shift:
//     sum |u'|^2 u' = v - 2 S h + |h|^2 s - h (tr S - 2 h's + n |h|^2)
//     sum |u'|^4    = Q - 4 h'v + 4 h'S h + 2 |h|^2 tr S - 4 |h|^2 h's + n |h|^4
void NormMoments::move(const std::vector<double>& step, const PaddedMatrix& scatter,
                       const std::vector<double>& sum, double weight) {
  double squared = dot(step, step);
  if (squared == 0 || weight == 0) return;
  fit(squared);
  squared *= unit;
  std::vector<double> scaled = step;  // so that no product of three leaves the range
  for (double& value : scaled) value *= unit;
  const std::vector<double> product = symmetric_product(scatter, scaled);
  double trace = 0;
  for (std::size_t j = 0; j < step.size(); ++j) {
    trace += unit * scatter(static_cast<Index>(j), static_cast<Index>(j));
  }
  const double along_cubes = dot(scaled, cubes);
  const double along_sum = dot(scaled, sum);
  const double quadratic = dot(scaled, product);
  fourth += -4 * along_cubes + 4 * quadratic + 2 * squared * trace - 4 * squared * along_sum +
            weight * squared * squared;
  fourth = std::max(fourth, 0.0);
  const double back = trace - 2 * along_sum + weight * squared;
  for (std::size_t j = 0; j < step.size(); ++j) {
    cubes[j] += -2 * product[j] + squared * sum[j] - step[j] * back;
  }
}

void NormMoments::add(const NormMoments& other, double sign) noexcept {
  if (other.unit == 0) return;
  // The smaller unit suits the longer rows; the other's sums can only shrink towards it.
  if (unit == 0) unit = other.unit;
  if (other.unit < unit) rescale(other.unit);
  const double ratio = unit / other.unit;
  for (std::size_t j = 0; j < cubes.size(); ++j) cubes[j] += sign * ratio * other.cubes[j];
  fourth += sign * ratio * ratio * other.fourth;
  fourth = fourth < 0 ? 0 : fourth;
}

}  // namespace hscore
