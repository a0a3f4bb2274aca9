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

/// Whiten `rows` rows in blocks: load(i, target) writes row i about the mean, all features, and
/// sink(first, block) receives a rank x rows matrix whose column i is row first + i; on any thread.
template <class Load, class Sink>
void whiten_rows(const FactoredCovariance& factored, Index features, Index rows, Load&& load,
                 int threads, const StopCheck& stop, Sink&& sink) {
  constexpr Index block_rows = 192;
  const Index rank = factored.rank();
  std::vector<Index> source(static_cast<std::size_t>(rank));
  Eigen::VectorXd scale(rank);
  for (std::size_t k = 0; k < source.size(); ++k) {
    const std::size_t live = static_cast<std::size_t>(factored.chosen[k]);
    source[k] = factored.live.index[live];
    scale(static_cast<Index>(k)) = factored.live.scale[live];
  }
  const Index blocks = (rows + block_rows - 1) / block_rows;
  const double block_work =
      static_cast<double>(block_rows) * static_cast<double>(rank) * static_cast<double>(rank);
  const Index round = threads * std::max<Index>(1, static_cast<Index>(1e9 / (block_work + 1)));
  const LowerFactor lower = lower_factor(factored);
  for (Index start = 0; start < blocks; start += round) {
    throw_if_stopped(stop);
    parallel_for(std::min(round, blocks - start), threads, [&](Index task) {
      const Index first = (start + task) * block_rows;
      Eigen::MatrixXd block(rank, std::min(block_rows, rows - first));
      std::vector<double> row(static_cast<std::size_t>(features));
      for (Index i = 0; i < block.cols(); ++i) {
        load(first + i, row.data());
        for (Index k = 0; k < rank; ++k) {
          block(k, i) = row[static_cast<std::size_t>(source[static_cast<std::size_t>(k)])];
        }
        block.col(i).array() *= scale.array();
      }
      lower.triangularView<Eigen::Lower>().solveInPlace(block);
      sink(first, block);
    });
  }
}

}  // namespace hscore
