#include "hscore/cross_validation.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "cross_validation/fold_moments.hpp"
#include "cross_validation/fold_scatters.hpp"
#include "cross_validation/held_out_rows.hpp"
#include "factor/whitened_rows.hpp"
#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"
#include "scores/scores.hpp"

namespace hscore {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void check(const CrossValidationOptions& options) {
  if (options.ridges.empty()) throw std::invalid_argument("there must be at least one ridge");
  for (const double ridge : options.ridges) {
    if (ridge >= smallest_ridge && ridge <= std::numeric_limits<double>::max()) continue;
    throw std::invalid_argument("a ridge must be finite and at least 1e-9, got " +
                                std::to_string(ridge));
  }
  if (!std::is_sorted(options.ridges.rbegin(), options.ridges.rend())) {
    throw std::invalid_argument("the ridges must be in descending order");
  }
}

void check_folds(const FeatureView& features, const std::int32_t* folds, Index n_folds) {
  if (n_folds < 2) throw std::invalid_argument("there must be at least two folds");
  for (Index i = 0; i < features.rows; ++i) {
    if (folds[i] >= 0 && folds[i] < n_folds) continue;
    throw std::invalid_argument("fold " + std::to_string(folds[i]) + " is outside 0.." +
                                std::to_string(n_folds - 1));
  }
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

// The larger of equal ones comes first.
std::size_t best_of(const std::vector<double>& scores) {
  return static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

void set_counts(CrossValidation& result, const std::vector<double>& counts) {
  result.counts = counts;
  result.weight = sum_of(counts);
  for (const double count : counts) result.classes += count > 0;
}

// One fold's gains less what its rows would have gained if each were the mean of its class.
double deviation(double gain, const std::vector<double>& counts, const CrossValidation& result) {
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (result.counts[c] > 0) gain -= counts[c] * (result.class_shares[c] / result.counts[c]);
  }
  return gain;
}

// The regressions of the best ridge, per fold with rows.
struct Fits {
  CrossValidation result;
  std::vector<FoldScatters::Training> training;
  std::vector<PaddedMatrix> coefficients;
};

Fits choose_ridge(const FoldScatters& scatters, const CrossValidationOptions& options) {
  const Index n_folds = static_cast<Index>(scatters.folds().size());
  const std::size_t n_classes = static_cast<std::size_t>(scatters.classes());
  Fits best;
  CrossValidation& result = best.result;
  result.finite = scatters.finite();
  result.rows = scatters.rows();
  result.features = scatters.features();
  if (!result.finite) return best;
  set_counts(result, scatters.counts());
  for (Index k = 0; k < n_folds; ++k) best.training.push_back(scatters.training(k));
  // Small folds side by side, large ones one after the other with all threads.
  const Index f = scatters.features();
  const bool small = f < 512;
  const int beside = small && f >= 24 ? options.threads : 1;
  std::vector<std::vector<double>> best_gains;
  for (const double ridge : options.ridges) {
    std::vector<PaddedMatrix> fits(static_cast<std::size_t>(n_folds));
    std::vector<std::vector<double>> gains(fits.size());
    throw_if_stopped(options.stop);
    parallel_for(n_folds, beside, [&](Index k) {
      const std::size_t at = static_cast<std::size_t>(k);
      const int threads = small ? 1 : options.threads;
      fits[at] =
          scatters.fit(k, best.training[at], ridge, threads, small ? StopCheck() : options.stop);
      gains[at] = scatters.gains(k, best.training[at], fits[at], threads);
    });
    double score = 0;
    for (const std::vector<double>& part : gains) score += sum_of(part);
    const bool better = result.ridge_scores.empty() || score > result.score;
    result.ridge_scores.push_back(score);
    if (!better) continue;
    result.score = score;
    result.ridge = ridge;
    best.coefficients = std::move(fits);
    best_gains = std::move(gains);
  }
  result.class_shares.assign(n_classes, 0.0);
  for (const std::vector<double>& part : best_gains) {
    for (std::size_t c = 0; c < n_classes; ++c) result.class_shares[c] += part[c];
  }
  for (std::size_t k = 0; k < best_gains.size(); ++k) {
    const std::vector<double>& counts = scatters.folds()[k].counts;
    result.fold_deviations.push_back(deviation(sum_of(best_gains[k]), counts, result));
  }
  return best;
}

// One more pass over the rows, for the fits of those held out. `place` is a fold's place among
// those with rows.
HeldOutRows fit_rows(const FeatureView& features, const LabelView& labels,
                     const std::int32_t* folds, const std::vector<Index>& place,
                     const double* weights, const FoldScatters& scatters, const Fits& fits,
                     const CrossValidationOptions& options) {
  const Index cols = features.cols;
  const Index n_classes = labels.classes;
  // Coefficients of the features as they are, and what the training mean contributes.
  std::vector<RowMajor> raw;
  std::vector<Eigen::RowVectorXd> level;
  const Eigen::Map<const Eigen::RowVectorXd> scale(scatters.scale().data(), cols);
  for (std::size_t k = 0; k < fits.coefficients.size(); ++k) {
    const PaddedMatrix& w = fits.coefficients[k];
    const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> own(w.row(0), n_classes, cols,
                                                                  Eigen::OuterStride<>(w.stride()));
    const Eigen::Map<const Eigen::VectorXd> mean(fits.training[k].mean.data(), cols);
    level.push_back((own * mean).transpose());
    raw.push_back(own.array().rowwise() * scale.array());
  }
  HeldOutRows result(labels, weights, scatters.counts());
  constexpr Index values_per_task = Index{1} << 18;  // two megabytes of rows
  const Index task_rows = std::clamp<Index>(values_per_task / cols, 64, 1024);
  const double work = static_cast<double>(features.rows) * static_cast<double>(cols) *
                      static_cast<double>(n_classes);
  const int threads = work < 1e6 ? 1 : options.threads;
  for_each_block(features, [&](const FeatureView& block, Index start) {
    const Index tasks = (block.rows + task_rows - 1) / task_rows;
    const Index round = 16 * threads;
    for (Index begin = 0; begin < tasks; begin += round) {
      throw_if_stopped(options.stop);
      parallel_for(std::min(round, tasks - begin), threads, [&](Index task) {
        const Index first = (begin + task) * task_rows;
        const Index count = std::min(task_rows, block.rows - first);
        // The rows of each fold side by side.
        std::vector<std::vector<Index>> rows(raw.size());
        std::vector<std::pair<std::size_t, Index>> target(static_cast<std::size_t>(count));
        for (Index i = 0; i < count; ++i) {
          const std::size_t fold = static_cast<std::size_t>(folds[start + first + i]);
          const std::size_t k = static_cast<std::size_t>(place[fold]);
          target[static_cast<std::size_t>(i)] = {k, static_cast<Index>(rows[k].size())};
          rows[k].push_back(start + first + i);
        }
        std::vector<RowMajor> values;
        for (const std::vector<Index>& own : rows) {
          values.emplace_back(static_cast<Index>(own.size()), cols);
        }
        RowsInOrder read(block.row_range(first, count), 0, cols);
        for (Index i = 0; i < count; ++i) {
          const double* source = read(i);
          const auto [k, row] = target[static_cast<std::size_t>(i)];
          double* to = values[k].row(row).data();
          for (Index j = 0; j < cols; ++j) {
            const std::size_t at = static_cast<std::size_t>(j);
            to[j] = (source[j] - scatters.shift()[at]) - scatters.offset()[at];
          }
        }
        for (std::size_t k = 0; k < raw.size(); ++k) {
          RowMajor v = values[k] * raw[k].transpose();
          v.rowwise() -= level[k];
          for (Index i = 0; i < v.rows(); ++i) {
            result.set(rows[k][static_cast<std::size_t>(i)], v.row(i).data(),
                       fits.training[k].frequency, nullptr);
          }
        }
      });
    }
  });
  return result;
}

CrossValidation from_samples(const FeatureView& features, const LabelView& labels,
                             const std::int32_t* folds, Index n_folds,
                             const CrossValidationOptions& options) {
  check_labels(features, labels);
  CrossValidation result;
  set_counts(result, count_rows(labels));
  result.rows = features.rows;
  result.features = features.cols;
  SampleFolds found =
      cross_validate_samples(features, labels, folds, n_folds, result.counts, options);
  result.finite = found.finite;
  if (!result.finite) return result;
  for (const std::vector<double>& gains : found.class_gains) {
    result.ridge_scores.push_back(sum_of(gains));
  }
  const std::size_t best = best_of(result.ridge_scores);
  result.score = result.ridge_scores[best];
  result.ridge = options.ridges[best];
  result.class_shares = std::move(found.class_gains[best]);
  result.gains = std::move(found.rows[best].gains);
  result.predictions = std::move(found.rows[best].predictions);
  for (Index k = 0; k < n_folds; ++k) {
    std::vector<double> counts(result.counts.size(), 0.0);
    double gain = 0;
    bool any = false;
    for (Index i = 0; i < labels.rows; ++i) {
      if (folds[i] != k) continue;
      any = true;
      gain += result.gains[static_cast<std::size_t>(i)];
      counts[static_cast<std::size_t>(labels.codes[i])] += 1;
    }
    if (any) result.fold_deviations.push_back(deviation(gain, counts, result));
  }
  return result;
}

}  // namespace

CrossValidation cross_validate(std::vector<Moments>&& folds,
                               const std::vector<std::vector<std::int32_t>>& classes,
                               const CrossValidationOptions& options) {
  check(options);
  return choose_ridge(FoldScatters(std::move(folds), classes, options.threads), options).result;
}

CrossValidation cross_validate(const FeatureView& features, const LabelView& labels,
                               const std::int32_t* folds, Index n_folds, const double* weights,
                               const CrossValidationOptions& options) {
  check(options);
  check_folds(features, folds, n_folds);
  if (weights == nullptr && features.kind() != FeatureKind::blocks &&
      features.rows < features.cols) {
    return from_samples(features, labels, folds, n_folds, options);
  }
  try {
    std::vector<Moments> moments =
        fold_moments(features, labels, folds, n_folds, weights, options.threads, options.stop);
    std::vector<Index> place;
    Index with_rows = 0;
    for (const Moments& part : moments) {
      // Rows of the weight 0 are nowhere fitted, but they have a place.
      place.push_back(with_rows);
      with_rows += part.weight() > 0;
    }
    for (Index& at : place) at = std::min(at, std::max<Index>(with_rows - 1, 0));
    std::vector<std::int32_t> same(static_cast<std::size_t>(labels.classes));
    std::iota(same.begin(), same.end(), 0);
    // A fold that has not seen all classes does not know of them.
    std::vector<std::vector<std::int32_t>> classes;
    for (const Moments& part : moments) {
      classes.emplace_back(same.begin(), same.begin() + part.classes());
    }
    const FoldScatters scatters(std::move(moments), classes, options.threads);
    Fits fits = choose_ridge(scatters, options);
    if (!fits.result.finite || fits.coefficients.empty()) return std::move(fits.result);
    HeldOutRows rows = fit_rows(features, labels, folds, place, weights, scatters, fits, options);
    fits.result.gains = std::move(rows.gains);
    fits.result.predictions = std::move(rows.predictions);
    return std::move(fits.result);
  } catch (const NotFinite&) {
    return {};
  }
}

}  // namespace hscore
