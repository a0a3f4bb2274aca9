// The norm moments of one packed block, read while it is in cache. O(rows * features).
#pragma once

#include <cmath>
#include <vector>

#include "hscore/norm_moments.hpp"
#include "product/packing.hpp"

namespace hscore {

/// Add the packed rows, which carry the roots of their weights unless `weights` is null. `squared`
/// is scratch for as many rows, kept between blocks.
template <class T>
void norm_update(const PackedRows<T>& packed, const double* weights, NormMoments& norms,
                 std::vector<double>& squared, int threads) {
  using kernel::DoubleLanes;
  constexpr Index width = PackedRows<T>::width;
  constexpr Index lanes = kernel::double_lanes;
  constexpr Index task_rows = 48;
  squared.resize(static_cast<std::size_t>(packed.rows()));

  // Strip by strip, with one vector of partial sums per row.
  const Index tasks_per_slice = (packed.slice_capacity() + task_rows - 1) / task_rows;
  parallel_for(packed.slices() * tasks_per_slice, threads, [&](Index task) {
    const Index slice = task / tasks_per_slice;
    const Index first = task % tasks_per_slice * task_rows;
    const Index rows = std::min(task_rows, packed.slice_rows(slice) - first);
    alignas(kernel::alignment) double sums[task_rows * lanes] = {};
    for (Index strip = 0; strip < packed.strips(); ++strip) {
      const T* source = packed.strip(slice, strip) + first * width;
      for (Index k = 0; k < rows; ++k) {
        DoubleLanes sum = kernel::load_lanes(sums + k * lanes);
        for (Index l = 0; l < width; l += lanes) {
          const DoubleLanes value = kernel::load_lanes(source + k * width + l);
          sum += value * value;
        }
        kernel::store_lanes(sums + k * lanes, sum);
      }
    }
    for (Index k = 0; k < rows; ++k) {
      double sum = 0;
      for (Index l = 0; l < lanes; ++l) sum += sums[k * lanes + l];
      squared[static_cast<std::size_t>(slice * packed.slice_capacity() + first + k)] = sum;
    }
  });

  // With a weight w the packed row is p = sqrt(w) u: |p|^2 / w is |u|^2, and w |u|^2 u is
  // sqrt(w) |u|^2 p.
  if (weights != nullptr) {
    for (std::size_t i = 0; i < squared.size(); ++i) {
      squared[i] = weights[i] > 0 ? squared[i] / weights[i] : 0;
    }
  }
  norms.fit(*std::max_element(squared.begin(), squared.end()));
  for (std::size_t i = 0; i < squared.size(); ++i) {
    double& value = squared[i];
    value *= norms.unit;
    norms.fourth += weights == nullptr ? value * value : weights[i] * value * value;
    if (weights != nullptr) value *= std::sqrt(weights[i]);
  }

  constexpr Index task_strips = 8;
  parallel_for((packed.strips() + task_strips - 1) / task_strips, threads, [&](Index task) {
    const Index last = std::min(packed.strips(), (task + 1) * task_strips);
    for (Index strip = task * task_strips; strip < last; ++strip) {
      double* target = norms.cubes.data() + strip * width;
      DoubleLanes sums[width / lanes];
      for (Index l = 0; l < width; l += lanes) sums[l / lanes] = kernel::load_lanes(target + l);
      const double* weight = squared.data();
      for (Index slice = 0; slice < packed.slices(); ++slice) {
        const T* source = packed.strip(slice, strip);
        for (Index k = 0; k < packed.slice_rows(slice); ++k) {
          for (Index l = 0; l < width; l += lanes) {
            sums[l / lanes] += kernel::load_lanes(source + k * width + l) * *weight;
          }
          ++weight;
        }
      }
      for (Index l = 0; l < width; l += lanes) kernel::store_lanes(target + l, sums[l / lanes]);
    }
  });
}

}  // namespace hscore
