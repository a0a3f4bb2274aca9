#include "hscore/targets.hpp"

#include <cmath>
#include <stdexcept>

#include "hscore/saturation.hpp"
#include "scores.hpp"
#include "shrunk_covariance.hpp"
#include "target_errors.hpp"
#include "target_sums.hpp"
#include "whitened_rows.hpp"

namespace hscore {

namespace {

/// What the targets sum up to.
struct Sums {
  std::vector<std::vector<double>> shares;  // of the score, per target and class
  std::vector<double> errors;               // of the score, per target, where asked for
};

Index most_classes(const LabelView* targets, Index count) {
  Index most = 1;
  for (Index t = 0; t < count; ++t) most = std::max(most, targets[t].classes);
  return most;
}

/// What every part of the work needs.
struct Problem {
  const FeatureView& x;
  const std::vector<LabelView>& targets;
  const std::vector<std::vector<double>>& counts;
  const Moments& moments;
  const FactoredCovariance& factored;
  const TargetOptions& options;
  const std::optional<ErrorSample>& sample;

  int threads() const { return options.whitening.threads; }
  Index size() const { return static_cast<Index>(targets.size()); }
  void report(Index done) const {
    throw_if_stopped(options.whitening.stop);
    if (options.progress) options.progress(done);
  }
  void add_errors(Index first, Index count, const WhitenedSums& whitened, Sums& sums) const {
    const std::vector<double> errors = sample->standard_errors(
        targets.data() + first, counts.data() + first, sums.shares.data() + first, count, whitened,
        threads(), options.whitening.stop);
    sums.errors.insert(sums.errors.end(), errors.begin(), errors.end());
  }
};

// Few classes in all: sum the features by class, then whiten the sums.
Sums by_class_sums(const Problem& problem) {
  std::vector<Index> first_class;
  Index classes = 0;
  for (const LabelView& target : problem.targets) {
    first_class.push_back(classes);
    classes += target.classes;
  }
  const Index features = problem.x.cols;
  const Index tiles = (features + tile_width - 1) / tile_width;
  const Index most = most_classes(problem.targets.data(), problem.size());
  const Index block_rows = TargetSums<double>::block_rows(most);
  PaddedMatrix sums(classes, tiles * tile_width);
  const CentredRows centred(problem.x, problem.moments, problem.factored.offset);
  // Threads meet, and the caller may stop, after a stretch of rows.
  const Index stretch = 16 * block_rows;
  for (Index start = 0; start < problem.x.rows; start += stretch) {
    problem.report(0);
    const Index end = std::min(problem.x.rows, start + stretch);
    parallel_for(tiles, problem.threads(), [&](Index tile) {
      const Index column = tile * tile_width;
      const Index width = std::min(tile_width, features - column);
      AlignedBuffer<double> block(block_rows, tile_width);
      std::fill_n(block.data(), block.size(), 0.0);
      TargetSums<double> scratch(most);
      std::vector<double*> to;
      for (const Index first : first_class) to.push_back(sums.row(first) + column);
      for (Index first = start; first < end; first += block_rows) {
        const Index rows = std::min(block_rows, end - first);
        for (Index i = 0; i < rows; ++i) {
          centred.columns(first + i, column, width, block.data() + i * tile_width);
        }
        scratch.add(block.data(), first, rows, problem.targets.data(), problem.size(), to.data(),
                    sums.stride());
      }
    });
  }
  std::vector<double> squared(static_cast<std::size_t>(classes), 0.0);
  WhitenedSums whitened;
  if (problem.sample) {
    whitened = {Eigen::MatrixXf(problem.factored.rank(), classes), first_class};
  }
  whiten_rows(
      problem.factored, features, classes,
      [&](Index i, double* target) { std::copy_n(sums.row(i), features, target); },
      problem.threads(), problem.options.whitening.stop,
      [&](Index first, const Eigen::MatrixXd& block) {
        for (Index i = 0; i < block.cols(); ++i) {
          squared[static_cast<std::size_t>(first + i)] = block.col(i).squaredNorm();
        }
        if (problem.sample) {
          whitened.sums.middleCols(first, block.cols()) = block.cast<float>();
        }
      });
  Sums result;
  for (std::size_t t = 0; t < first_class.size(); ++t) {
    result.shares.emplace_back();
    for (std::size_t c = 0; c < problem.counts[t].size(); ++c) {
      const double count = problem.counts[t][c];
      const double sum = squared[static_cast<std::size_t>(first_class[t]) + c];
      result.shares.back().push_back(count > 0 ? sum / count : 0.0);
    }
  }
  if (problem.sample) problem.add_errors(0, problem.size(), whitened, result);
  return result;
}

// Many classes in all: whiten the rows, then sum them by class for every target.
template <class T>
Sums by_whitened_rows(const Problem& problem) {
  const Index rows = problem.x.rows;
  ColumnTiles<T> whitened(rows, problem.factored.rank());
  const CentredRows centred(problem.x, problem.moments, problem.factored.offset);
  whiten_rows(problem.factored, problem.x.cols, rows, centred, problem.threads(),
              problem.options.whitening.stop, [&](Index first, const Eigen::MatrixXd& block) {
                for (Index i = 0; i < block.cols(); ++i) {
                  for (Index k = 0; k < block.rows(); ++k) {
                    whitened.row(k / tile_width, first + i)[k % tile_width] =
                        static_cast<T>(block(k, i));
                  }
                }
              });

  // A task is one tile and a few targets, whose sums stay in the second-level cache.
  constexpr Index group = 64;
  constexpr Index sums_bytes = Index{256} << 10;
  const Index tiles = whitened.tiles();
  Sums result;
  result.shares.resize(problem.targets.size());
  for (Index begin = 0; begin < problem.size(); begin += group) {
    problem.report(begin);
    const Index count = std::min(group, problem.size() - begin);
    const LabelView* targets = problem.targets.data() + begin;
    const Index most = most_classes(targets, count);
    const Index target_doubles = most * tile_width;
    const Index fit = sums_bytes / (target_doubles * static_cast<Index>(sizeof(double)));
    const Index per_task = std::clamp<Index>(fit, TargetSums<T>::targets_per_sweep, 16);
    const Index parts = (count + per_task - 1) / per_task;
    PaddedMatrix by_tile(tiles, count * most);
    WhitenedSums kept;
    if (problem.sample) {
      kept.sums.resize(problem.factored.rank(), count * most);
      for (Index t = 0; t < count; ++t) kept.first.push_back(t * most);
    }
    parallel_for(tiles * parts, problem.threads(), [&](Index task) {
      const Index tile = task / parts;
      const Index from = task % parts * per_task;
      const Index few = std::min(per_task, count - from);
      AlignedBuffer<double> sums(few, target_doubles);
      std::fill_n(sums.data(), sums.size(), 0.0);
      std::vector<double*> to;
      for (Index t = 0; t < few; ++t) to.push_back(sums.data() + t * target_doubles);
      TargetSums<T> scratch(most);
      const Index block_rows = TargetSums<T>::block_rows(most);
      for (Index first = 0; first < rows; first += block_rows) {
        scratch.add(whitened.row(tile, first), first, std::min(block_rows, rows - first),
                    targets + from, few, to.data(), tile_width);
      }
      for (Index k = 0; k < few * most; ++k) {
        const double* sum = sums.data() + k * tile_width;
        double squared = 0;
        for (Index l = 0; l < tile_width; ++l) squared += sum[l] * sum[l];
        by_tile(tile, from * most + k) = squared;
        if (problem.sample) {
          const Index width = std::min(tile_width, kept.sums.rows() - tile * tile_width);
          kept.sums.col(from * most + k).segment(tile * tile_width, width) =
              Eigen::Map<const Eigen::VectorXd>(sum, width).cast<float>();
        }
      }
    });
    for (Index t = 0; t < count; ++t) {
      const std::vector<double>& counts = problem.counts[static_cast<std::size_t>(begin + t)];
      std::vector<double>& share = result.shares[static_cast<std::size_t>(begin + t)];
      for (std::size_t c = 0; c < counts.size(); ++c) {
        double squared = 0;
        for (Index tile = 0; tile < tiles; ++tile) {
          squared += by_tile(tile, t * most + static_cast<Index>(c));
        }
        share.push_back(counts[c] > 0 ? squared / counts[c] : 0.0);
      }
    }
    if (problem.sample) problem.add_errors(begin, count, kept, result);
  }
  return result;
}

Sums sum_classes(const Problem& problem) {
  Index classes = 0;
  for (const LabelView& target : problem.targets) classes += target.classes;
  if (classes < problem.x.rows) return by_class_sums(problem);
  return problem.options.float32_rows ? by_whitened_rows<float>(problem)
                                      : by_whitened_rows<double>(problem);
}

}  // namespace

TargetScores h_scores(const FeatureView& x, const std::vector<LabelView>& targets,
                      const TargetOptions& options) {
  if (targets.empty()) throw std::invalid_argument("there must be at least one target");
  TargetScores result;
  result.rows = x.rows;
  result.features = x.cols;
  result.scores.assign(targets.size(), 0.0);
  std::vector<std::vector<double>> counts;
  for (const LabelView& target : targets) {
    check_labels(x, target);
    counts.push_back(count_rows(target));
    Index present = 0;
    for (const double count : counts.back()) present += count > 0;
    result.classes.push_back(present);
  }
  const bool errors = options.error_rows > 0 && !options.shrinkage;
  if (errors) result.standard_errors.assign(targets.size(), 0.0);
  const auto saturate = [&] {
    result.finite = true;
    if (errors) std::fill_n(result.standard_errors.data(), targets.size(), std::nan(""));
    result.rank = x.rows - 1;
    for (std::size_t t = 0; t < targets.size(); ++t) {
      result.scores[t] = static_cast<double>(std::max<Index>(result.classes[t], 1) - 1);
    }
    if (options.progress) options.progress(static_cast<Index>(targets.size()));
    return result;
  };
  if (!options.shrinkage && may_be_saturated(x.rows, x.cols) &&
      saturated_h_score(x, targets.front(), options.whitening)) {
    return saturate();
  }

  Moments moments(x.cols);
  UpdateOptions update;
  update.threads = options.whitening.threads;
  update.stop = options.whitening.stop;
  update.norms = options.shrinkage && options.shrinkage->method == Shrinkage::ledoit_wolf;
  moments.update(x, targets.front(), update);
  result.finite = moments.finite();
  if (!result.finite) return result;

  FactoredCovariance factored;
  double multiplier = 1;
  const double ratio =
      options.shrinkage ? divisor_ratio(*options.shrinkage, static_cast<double>(x.rows)) : 1;
  bool shrunk = false;
  if (options.shrinkage) {
    ShrunkCovariance covariance = shrink_covariance(moments, *options.shrinkage);
    result.intensity = covariance.summary.intensity;
    shrunk = result.intensity > 0;
    multiplier = shrunk ? covariance.multiplier : ratio;
    factored = std::move(covariance.factored);
  }
  if (!shrunk) {
    factored = factor_covariance(moments, options.whitening);
    if (factored.rank() >= x.rows - 1 && !options.shrinkage) return saturate();
  }
  result.rank = factored.rank();
  if (result.rank > 0 && multiplier > 0) {
    std::optional<ErrorSample> sample;
    if (errors) {
      sample.emplace(x, moments, factored, options.error_rows, options.whitening.threads,
                     options.whitening.stop);
    }
    Sums sums = sum_classes({x, targets, counts, moments, factored, options, sample});
    const double smallest_share = shrunk ? 1 : factored.smallest_unique_share();
    for (std::size_t t = 0; t < targets.size(); ++t) {
      if (shrunk) {
        double sum = 0;
        for (const double share : sums.shares[t]) sum += share;
        // Shrinking only takes away from the plain score.
        const double most = ratio * static_cast<double>(std::max<Index>(result.classes[t], 1) - 1);
        result.scores[t] = std::min(multiplier * sum, most);
        continue;
      }
      const HScore score = score_of(counts[t], x.rows, x.cols,
                                    {result.rank, 1, smallest_share, std::move(sums.shares[t])});
      result.scores[t] = multiplier * score.score;
      result.error_bound = std::max(result.error_bound, score.error_bound);
    }
    if (sample) result.standard_errors = std::move(sums.errors);
  }
  if (options.progress) options.progress(static_cast<Index>(targets.size()));
  return result;
}

}  // namespace hscore
