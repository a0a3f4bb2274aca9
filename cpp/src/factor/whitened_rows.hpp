// Rows in whitened coordinates: w = L^-1 (x - mean) for the scatter T = L L', so that all rows
// together are orthonormal columns. What needs more of a row than its class's sum is read off them:
// the class sums of many targets, the leverages.
#pragma once

#include <Eigen/Dense>

#include "factor/factored_covariance.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

/// Reads row i about the mean, all features.
class CentredRows {
 public:
  CentredRows(const FeatureView& x, const Moments& moments, const std::vector<double>& offset)
      : CentredRows(x, moments.shift(), offset) {}
  /// The mean is shift + offset. Both vectors must outlive this.
  CentredRows(const FeatureView& x, const std::vector<double>& shift,
              const std::vector<double>& offset)
      : x_(x), read_(x), shift_(shift), offset_(offset) {}

  void operator()(Index i, double* target) const { columns(i, 0, x_.cols, target); }
  void columns(Index i, Index first, Index count, double* target) const {
    read_(i, first, count, target);
    for (Index j = 0; j < count; ++j) {
      const std::size_t at = static_cast<std::size_t>(first + j);
      target[j] = (target[j] - shift_[at]) - offset_[at];
    }
  }

 private:
  FeatureView x_;
  RowReader read_;
  const std::vector<double>& shift_;
  const std::vector<double>& offset_;
};

/// The map of a row about the mean to its whitened coordinates w: entry k of L w is feature
/// source[k] times scale[k].
struct Whitener {
  LowerFactor lower;
  std::vector<Index> source;
  std::vector<double> scale;

  explicit Whitener(const FactoredCovariance& factored) : lower(lower_factor(factored)) {
    for (const Index place : factored.chosen) {
      const std::size_t live = static_cast<std::size_t>(place);
      source.push_back(factored.live.index[live]);
      scale.push_back(factored.live.scale[live]);
    }
  }
  /// L lies somewhere else, `rank` values in each row.
  Whitener(const double* values, const std::vector<Index>& from, const std::vector<double>& units)
      : lower(values, static_cast<Index>(from.size()), static_cast<Index>(from.size()),
              Eigen::OuterStride<>(static_cast<Index>(from.size()))),
        source(from),
        scale(units) {}

  Index rank() const { return static_cast<Index>(source.size()); }

  /// Whiten the rows first .. first + count - 1 that load(i, target) writes, all features, into
  /// the columns of the result; `row` has room for one of them.
  template <class Load>
  Eigen::MatrixXd operator()(Index first, Index count, Load&& load,
                             std::vector<double>& row) const {
    Eigen::MatrixXd block(rank(), count);
    for (Index i = 0; i < count; ++i) {
      load(first + i, row.data());
      for (Index k = 0; k < rank(); ++k) {
        const std::size_t at = static_cast<std::size_t>(k);
        block(k, i) = row[static_cast<std::size_t>(source[at])] * scale[at];
      }
    }
    lower.triangularView<Eigen::Lower>().solveInPlace(block);
    return block;
  }
};

/// Whiten `rows` rows in blocks: load(i, target) writes row i about the mean, all features, and
/// sink(first, block) receives a rank x rows matrix whose column i is row first + i; on any thread.
template <class Load, class Sink>
void whiten_rows(const Whitener& whitener, Index features, Index rows, Load&& load, int threads,
                 const StopCheck& stop, Sink&& sink) {
  constexpr Index block_rows = 192;
  const double rank = static_cast<double>(whitener.rank());
  const Index blocks = (rows + block_rows - 1) / block_rows;
  const double block_work = static_cast<double>(block_rows) * rank * rank;
  const Index round = threads * std::max<Index>(1, static_cast<Index>(1e9 / (block_work + 1)));
  for (Index start = 0; start < blocks; start += round) {
    throw_if_stopped(stop);
    parallel_for(std::min(round, blocks - start), threads, [&](Index task) {
      const Index first = (start + task) * block_rows;
      std::vector<double> row(static_cast<std::size_t>(features));
      const Eigen::MatrixXd block = whitener(first, std::min(block_rows, rows - first), load, row);
      sink(first, block);
    });
  }
}

template <class Load, class Sink>
void whiten_rows(const FactoredCovariance& factored, Index features, Index rows, Load&& load,
                 int threads, const StopCheck& stop, Sink&& sink) {
  whiten_rows(Whitener(factored), features, rows, load, threads, stop, sink);
}

}  // namespace hscore
