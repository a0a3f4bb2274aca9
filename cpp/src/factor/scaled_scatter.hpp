// The scatter in units of the mean variance, T / (N mu): shrinking moves it towards the identity.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

/// Read from the statistics about the shift.
class ScaledScatter {
 public:
  explicit ScaledScatter(const Moments& moments)
      : moments_(moments), offset_(moments.offset()), rows_(moments.weight()) {
    const double features = static_cast<double>(moments.features());
    for (Index j = 0; j < moments.features(); ++j) mean_variance_ += raw(j, j) / rows_ / features;
    per_unit_ = 1 / unit();
  }
  double mean_variance() const { return mean_variance_; }
  double unit() const { return rows_ * mean_variance_; }
  double operator()(Index i, Index j) const { return raw(i, j) * per_unit_; }
  bool is_live(Index j) const {
    constexpr double eps = std::numeric_limits<double>::epsilon();
    const double scatter = raw(j, j);
    const double mean = moments_.shift()[static_cast<std::size_t>(j)] + offset(j);
    return scatter > 8 * eps * eps * (scatter + rows_ * mean * mean) &&
           scatter > default_tolerance * moments_.cancelled(j);
  }
  bool varies() const {
    for (Index c = 0; c < moments_.classes(); ++c) {
      for (Index j = 0; j < moments_.features(); ++j) {
        if (moments_.shifted_class_sums()(c, j) != 0 && moments_.cancelled(j) == 0) return true;
      }
    }
    return false;
  }
  /// Class c's column of B / sqrt(N mu).
  double class_mean(Index c, Index j) const {
    const double count = moments_.counts()[static_cast<std::size_t>(c)];
    const double sum = moments_.shifted_class_sums()(c, j) - count * offset(j);
    return sum / std::sqrt(count * rows_) / std::sqrt(mean_variance_);
  }
  static constexpr Index probes = 6;  // two rows each fill a register tile with ten classes
  /// signs T / (N mu), for as many signs as there are probes.
  PaddedMatrix multiply(const PaddedMatrix& signs, int threads) const {
    const Index features = moments_.features();
    // One vector of all probes per feature, so that the triangle is read once.
    using Lanes = std::array<double, 8>;
    static_assert(probes <= 8);
    std::vector<Lanes> sign(static_cast<std::size_t>(features), Lanes{});
    for (Index k = 0; k < probes; ++k) {
      for (Index j = 0; j < features; ++j) {
        sign[static_cast<std::size_t>(j)][static_cast<std::size_t>(k)] = signs(k, j);
      }
    }
    // Each thread has every so many rows and sums of its own.
    std::vector<std::vector<Lanes>> sums(static_cast<std::size_t>(threads));
    for_each_thread(threads, [&](int t) {
      std::vector<Lanes>& sum = sums[static_cast<std::size_t>(t)];
      sum.assign(sign.size(), Lanes{});
      for (Index i = t; i < features; i += threads) {
        const std::size_t at = static_cast<std::size_t>(i);
        Lanes own{};
        for (std::size_t j = 0; j < at; ++j) {
          const double value = (*this)(i, static_cast<Index>(j));
          for (std::size_t k = 0; k < own.size(); ++k) {
            own[k] += value * sign[j][k];
            sum[j][k] += value * sign[at][k];
          }
        }
        const double value = (*this)(i, i);
        for (std::size_t k = 0; k < own.size(); ++k) sum[at][k] += own[k] + value * sign[at][k];
      }
    });
    PaddedMatrix product(probes, features);
    for (Index k = 0; k < probes; ++k) {
      for (Index j = 0; j < features; ++j) {
        for (const std::vector<Lanes>& sum : sums) {
          product(k, j) += sum[static_cast<std::size_t>(j)][static_cast<std::size_t>(k)];
        }
      }
    }
    return product;
  }
  struct Deviation {
    double value = 0;  // | T / (N mu) - I |_F^2
    double rounding =
        0;  // what independent errors eps sqrt(T_ii T_jj) of the T_ij do to it, per eps
  };
  Deviation deviation(int threads) const {
    constexpr Index task_rows = 64;
    const Index features = moments_.features();
    const Index tasks = (features + task_rows - 1) / task_rows;
    std::vector<double> diagonal(static_cast<std::size_t>(features));
    for (std::size_t j = 0; j < diagonal.size(); ++j) {
      diagonal[j] = (*this)(static_cast<Index>(j), static_cast<Index>(j));
    }
    std::vector<Deviation> parts(static_cast<std::size_t>(tasks));
    parallel_for(tasks, threads, [&](Index task) {
      Deviation& part = parts[static_cast<std::size_t>(task)];
      for (Index i = task * task_rows; i < std::min(features, (task + 1) * task_rows); ++i) {
        double off_diagonal = 0;
        double weighted = 0;
        for (Index j = 0; j < i; ++j) {
          const double square = (*this)(i, j) * (*this)(i, j);
          off_diagonal += square;
          weighted += square * diagonal[static_cast<std::size_t>(j)];
        }
        const double own = diagonal[static_cast<std::size_t>(i)];
        part.value += 2 * off_diagonal + (own - 1) * (own - 1);
        part.rounding += own * weighted;
      }
    });
    Deviation sum;
    for (const Deviation& part : parts) {
      sum.value += part.value;
      sum.rounding += part.rounding;
    }
    sum.rounding = 4 * std::sqrt(sum.rounding);
    return sum;
  }

 private:
  double offset(Index j) const { return offset_[static_cast<std::size_t>(j)]; }
  double raw(Index i, Index j) const {
    return moments_.shifted_scatter()(i, j) - rows_ * offset(i) * offset(j);
  }
  const Moments& moments_;
  std::vector<double> offset_;
  double rows_;
  double mean_variance_ = 0;
  double per_unit_ = 0;
};

}  // namespace hscore
