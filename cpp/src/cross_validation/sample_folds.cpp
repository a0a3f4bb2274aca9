// With K the Gram matrix of the centred rows, t the held-out rows and r the others, centred about
// their own mean: the ridge regression's fit of a row is
//     v = K_tr a,   a = (K_rr + ridge tr(K_rr) I)^-1 (Y_r - f)
// The ridge is relative to the trace, so the units of K do not matter. Y_r - f is orthogonal to 1,
// which K_rr annihilates: so is a, and to take the training mean from the held-out rows is to take
// a constant from v. A multiple of 1 1' added to K_rr changes nothing.
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <string>

#include "cross_validation/held_out_rows.hpp"
#include "factor/cholesky.hpp"
#include "factor/class_fit.hpp"
#include "factor/sample_gram.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

struct Split {
  std::vector<Index> held, kept;
  std::vector<double> frequency;
  double weight() const { return static_cast<double>(kept.size()); }
};

Split split_off(const LabelView& labels, const std::int32_t* folds, Index fold) {
  Split split;
  split.frequency.assign(static_cast<std::size_t>(labels.classes), 0.0);
  for (Index i = 0; i < labels.rows; ++i) {
    if (folds[i] == fold) {
      split.held.push_back(i);
    } else {
      split.kept.push_back(i);
      split.frequency[static_cast<std::size_t>(labels.codes[i])] += 1;
    }
  }
  for (double& value : split.frequency) value /= std::max(split.weight(), 1.0);
  return split;
}

// The parts of the Gram matrix that one fold needs.
struct FoldGram {
  FoldGram(const PaddedMatrix& gram, const Split& split, int threads)
      : kept(PaddedMatrix::unset(static_cast<Index>(split.kept.size()),
                                 static_cast<Index>(split.kept.size()))),
        held(static_cast<Index>(split.held.size()), static_cast<Index>(split.kept.size())),
        mean(split.kept.size(), 0.0) {
    const Index n = kept.cols();
    constexpr Index rows_per_task = 32;
    const auto for_rows = [&](Index rows, auto&& body) {
      parallel_for((rows + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
        const Index end = std::min(rows, (task + 1) * rows_per_task);
        for (Index i = task * rows_per_task; i < end; ++i) body(i);
      });
    };
    const auto value = [&](Index i, Index j) { return i > j ? gram(i, j) : gram(j, i); };
    for_rows(n, [&](Index i) {
      const double* source = gram.row(split.kept[static_cast<std::size_t>(i)]);
      double* target = kept.row(i);
      for (Index j = 0; j <= i; ++j) target[j] = source[split.kept[static_cast<std::size_t>(j)]];
    });
    for_rows(held.rows(), [&](Index i) {
      const Index row = split.held[static_cast<std::size_t>(i)];
      for (Index j = 0; j < n; ++j) {
        held(i, j) = value(row, split.kept[static_cast<std::size_t>(j)]);
      }
    });
    for (Index i = 0; i < n; ++i) {
      const double* row = kept.row(i);
      double sum = row[i];
      for (Index j = 0; j < i; ++j) {
        sum += row[j];
        mean[static_cast<std::size_t>(j)] += row[j];
      }
      mean[static_cast<std::size_t>(i)] += sum;
      trace += row[i];
    }
    for (double& sum : mean) sum /= static_cast<double>(n);
    level = std::accumulate(mean.begin(), mean.end(), 0.0) / static_cast<double>(n);
    trace -= static_cast<double>(n) * level;
  }

  PaddedMatrix kept;         // lower triangle
  PaddedMatrix held;         // held-out rows x training rows
  std::vector<double> mean;  // of each training row's products with all training rows
  double level = 0;          // the mean of these
  double trace = 0;          // of the training rows' Gram matrix about their mean
};

// Row c is a for class c.
PaddedMatrix solve(const FoldGram& gram, const Split& split, const LabelView& labels, double ridge,
                   int threads, const StopCheck& stop) {
  const Index n = gram.kept.cols();
  const double lift = gram.trace / static_cast<double>(n) / static_cast<double>(n);
  AugmentedMatrix matrix(n, labels.classes);
  for (Index i = 0; i < n; ++i) {
    const double* source = gram.kept.row(i);
    double* target = matrix.row(i);
    const double add = gram.level + lift - gram.mean[static_cast<std::size_t>(i)];
    for (Index j = 0; j <= i; ++j) {
      target[j] = source[j] + add - gram.mean[static_cast<std::size_t>(j)];
    }
    target[i] += ridge * gram.trace;
  }
  for (Index c = 0; c < labels.classes; ++c) {
    double* target = matrix.extra_row(c);
    const double frequency = split.frequency[static_cast<std::size_t>(c)];
    for (Index i = 0; i < n; ++i) {
      target[i] = (labels.codes[split.kept[static_cast<std::size_t>(i)]] == c ? 1 : 0) - frequency;
    }
  }
  if (!cholesky(matrix, 0, threads, stop)) {
    throw std::invalid_argument("a ridge of " + std::to_string(ridge) +
                                " of the trace is too small for these features");
  }
  std::vector<Index> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Index{0});
  return class_coefficients(matrix, matrix.extra_row(0), labels.classes, matrix.stride(), all, all,
                            std::vector<double>(all.size(), 1.0), n, threads);
}

}  // namespace

SampleFolds cross_validate_samples(const FeatureView& features, const LabelView& labels,
                                   const std::int32_t* folds, Index n_folds,
                                   const std::vector<double>& counts,
                                   const CrossValidationOptions& options) {
  const SampleGram gram =
      sample_gram(features, FeatureScale::unit_variance, options.threads, options.stop);
  SampleFolds result;
  double total = 0;
  for (Index i = 0; i < features.rows; ++i) total += gram.values(i, i);
  result.finite = std::isfinite(total);
  if (!result.finite) return result;
  if (gram.live == 0 && gram.varies) {
    throw std::invalid_argument(
        "features vary so little that their squares underflow float64: multiply them by a "
        "constant, which leaves the score unchanged");
  }
  const std::size_t ridges = options.ridges.size();
  const std::size_t n_classes = static_cast<std::size_t>(labels.classes);
  result.rows.assign(ridges, HeldOutRows(labels, nullptr, counts));
  // Per fold, ridge and class, so that the sums do not depend on the threads.
  std::vector<double> class_gains(static_cast<std::size_t>(n_folds) * ridges * n_classes, 0.0);
  const auto present = std::count_if(counts.begin(), counts.end(), [](double n) { return n > 0; });
  const auto fit = [&](Index k, int threads) {
    const Split split = split_off(labels, folds, k);
    if (split.held.empty() || split.kept.empty()) return;
    const FoldGram own(gram.values, split, threads);
    const std::vector<double> nothing(n_classes, 0.0);
    for (std::size_t g = 0; g < ridges; ++g) {
      double* gains = &class_gains[(static_cast<std::size_t>(k) * ridges + g) * n_classes];
      // What is left where only the held-out rows vary is rounding. A single class needs no fit.
      if (!(own.trace > default_tolerance * total) || present < 2) {
        for (const Index i : split.held) {
          result.rows[g].set(i, nothing.data(), split.frequency, gains);
        }
        continue;
      }
      if (threads > 1) throw_if_stopped(options.stop);
      const PaddedMatrix a = solve(own, split, labels, options.ridges[g], threads, {});
      const Index n = own.kept.cols();
      const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> weights(
          a.row(0), labels.classes, n, Eigen::OuterStride<>(a.stride()));
      const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> held(
          own.held.row(0), own.held.rows(), n, Eigen::OuterStride<>(own.held.stride()));
      const Eigen::RowVectorXd level =
          (weights * Eigen::Map<const Eigen::VectorXd>(own.mean.data(), n)).transpose();
      RowMajor v = held * weights.transpose();
      v.rowwise() -= level;
      for (Index i = 0; i < v.rows(); ++i) {
        result.rows[g].set(split.held[static_cast<std::size_t>(i)], v.row(i).data(),
                           split.frequency, gains);
      }
    }
  };
  // Small folds side by side, large ones one after the other with all threads.
  const bool small = features.rows < 512;
  if (small) {
    const int threads = features.rows < 64 ? 1 : options.threads;
    parallel_for(n_folds, threads, [&](Index k) { fit(k, 1); });
  } else {
    for (Index k = 0; k < n_folds; ++k) {
      throw_if_stopped(options.stop);
      fit(k, options.threads);
    }
  }
  result.class_gains.assign(ridges, std::vector<double>(n_classes, 0.0));
  for (std::size_t at = 0; at < class_gains.size(); ++at) {
    result.class_gains[at / n_classes % ridges][at % n_classes] += class_gains[at];
  }
  return result;
}

}  // namespace hscore
