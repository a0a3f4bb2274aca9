#include "targets/target_errors.hpp"

#include <cmath>
#include <cstdint>

#include "inference/influence.hpp"

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
  PaddedMatrix sums(blocks, count);
  PaddedMatrix squares(blocks, count);
  const auto add_block = [&](Index b) {
    const Index begin = b * block_rows;
    const Index size = std::min(block_rows, whitened_.cols() - begin);
    const Eigen::MatrixXf products =
        whitened.sums.transpose() * whitened_.middleCols(begin, size);  // classes x rows
    KeptFits fits;
    fits.resize(size);
    std::vector<std::int32_t> codes(static_cast<std::size_t>(size));
    std::vector<double> leverages(codes.size());
    for (Index i = 0; i < size; ++i) {
      leverages[static_cast<std::size_t>(i)] =
          static_cast<double>(whitened_.col(begin + i).squaredNorm());
    }
    for (Index t = 0; t < count; ++t) {
      const std::vector<double>& n = counts[t];
      for (std::size_t i = 0; i < codes.size(); ++i) {
        codes[i] = targets[t].codes[chosen_[static_cast<std::size_t>(begin) + i]];
        const float* product =
            &products(whitened.first[static_cast<std::size_t>(t)], static_cast<Index>(i));
        // The fit of class k is the product of the whitened row and class sum over sqrt(n_k).
        double sum = 0;
        for (std::size_t k = 0; k < n.size(); ++k) {
          if (n[k] > 0) sum += static_cast<double>(product[k]) * product[k] / n[k];
        }
        const std::size_t own = static_cast<std::size_t>(codes[i]);
        fits.own[i] = product[own] / std::sqrt(n[own]);
        fits.squares[i] = sum;
      }
      const ClassFacts facts = {n, shares[t], static_cast<double>(rows_), whitened_.rows()};
      const LabelView own_labels = {codes.data(), size, targets[t].classes};
      for (const double value : influence_of_fits(facts, own_labels, fits, leverages)) {
        sums(b, t) += value;
        squares(b, t) += value * value;
      }
    }
  };
  for (Index start = 0; start < blocks; start += threads) {
    throw_if_stopped(stop);
    parallel_for(std::min<Index>(threads, blocks - start), threads,
                 [&](Index task) { add_block(start + task); });
  }
  // The rows' jackknife: each that is left out makes the others weigh more, which the root of the
  // share of the room that the features leave makes up for.
  const double rows = static_cast<double>(rows_);
  const double room = 1 - static_cast<double>(whitened_.rows()) / (rows - 1);
  const double size = static_cast<double>(whitened_.cols());
  std::vector<double> errors;
  for (Index t = 0; t < count; ++t) {
    double sum = 0;
    double square = 0;
    for (Index b = 0; b < blocks; ++b) {
      sum += sums(b, t);
      square += squares(b, t);
    }
    const double variance = std::max(0.0, square / size - sum / size * (sum / size));
    errors.push_back(std::sqrt(variance / (rows - 1) * room));
  }
  return errors;
}

}  // namespace hscore
