#include "target_errors.hpp"

#include <cmath>
#include <cstdint>

namespace hscore {

namespace {

/// Steele, Lea and Flood's SplitMix64: a fixed sequence without a pattern.
class Sequence {
 public:
  Index below(Index bound) {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return static_cast<Index>((z ^ (z >> 31)) % static_cast<std::uint64_t>(bound));
  }

 private:
  std::uint64_t state_ = 0;
};

std::vector<Index> choose_rows(Index rows, Index most) {
  const Index count = std::min(rows, most);
  std::vector<Index> chosen;
  Sequence sequence;
  for (Index i = 0; i < count; ++i) {
    const Index begin = i * rows / count;
    const Index end = (i + 1) * rows / count;
    chosen.push_back(begin + sequence.below(end - begin));
  }
  return chosen;
}

}  // namespace

ErrorSample::ErrorSample(const FeatureView& x, const Moments& moments,
                         const FactoredCovariance& factored, Index most, int threads,
                         const StopCheck& stop)
    : rows_(x.rows),
      chosen_(choose_rows(x.rows, most)),
      whitened_(factored.rank(), static_cast<Index>(chosen_.size())) {
  const CentredRows centred(x, moments, factored.offset);
  whiten_rows(
      factored, x.cols, whitened_.cols(),
      [&](Index i, double* target) { centred(chosen_[static_cast<std::size_t>(i)], target); },
      threads, stop,
      [&](Index first, const Eigen::MatrixXd& block) {
        whitened_.middleCols(first, block.cols()) = block.cast<float>();
      });
}

std::vector<double> ErrorSample::standard_errors(const LabelView* targets,
                                                 const std::vector<double>* counts,
                                                 const std::vector<double>* shares, Index count,
                                                 const WhitenedSums& whitened, int threads,
                                                 const StopCheck& stop) const {
  constexpr Index block_products = Index{1} << 20;
  const Index block_rows =
      std::clamp<Index>(block_products / std::max<Index>(whitened.sums.cols(), 1), 16, 256);
  const Index blocks = (whitened_.cols() + block_rows - 1) / block_rows;
  const double rows = static_cast<double>(rows_);
  PaddedMatrix squares(blocks, count);
  const auto add_block = [&](Index b) {
    const Index begin = b * block_rows;
    const Index size = std::min(block_rows, whitened_.cols() - begin);
    const Eigen::MatrixXf products =
        whitened.sums.transpose() * whitened_.middleCols(begin, size);  // classes x rows
    for (Index i = 0; i < size; ++i) {
      const Index row = chosen_[static_cast<std::size_t>(begin + i)];
      for (Index t = 0; t < count; ++t) {
        const float* product = &products(whitened.first[static_cast<std::size_t>(t)], i);
        const std::vector<double>& n = counts[t];
        // In whitened sums s_k and rows w of unit length: m_k = sqrt(N) s_k / n_k, z = sqrt(N) w.
        double quadratic = 0;
        for (std::size_t k = 0; k < n.size(); ++k) {
          if (n[k] > 0) quadratic += static_cast<double>(product[k]) * product[k] / n[k];
        }
        const std::size_t own = static_cast<std::size_t>(targets[t].codes[row]);
        const double influence =
            rows * ((2.0 * product[own] - shares[t][own]) / n[own] - quadratic);
        squares(b, t) += influence * influence;
      }
    }
  };
  for (Index start = 0; start < blocks; start += threads) {
    throw_if_stopped(stop);
    parallel_for(std::min<Index>(threads, blocks - start), threads,
                 [&](Index task) { add_block(start + task); });
  }
  std::vector<double> errors;
  const double freedom = rows - 1 - static_cast<double>(whitened_.rows());
  for (Index t = 0; t < count; ++t) {
    double sum = 0;
    for (Index b = 0; b < blocks; ++b) sum += squares(b, t);
    const double mean = sum / static_cast<double>(whitened_.cols());
    errors.push_back(std::sqrt(mean / rows * (rows - 1) / freedom));
  }
  return errors;
}

}  // namespace hscore
