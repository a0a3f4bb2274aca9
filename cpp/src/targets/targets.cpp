// Scores of many targets, of rows in memory and of rows in batches. Long because both share how
// sums become scores.
#include "hscore/targets.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "factor/whitened_rows.hpp"
#include "hscore/saturation.hpp"
#include "scores/scores.hpp"
#include "scores/shrunk_covariance.hpp"
#include "targets/class_sums.hpp"
#include "targets/target_errors.hpp"

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

// Whiten the class sums of all targets: load(t, c, target) writes that of class c of target t,
// about the mean.
template <class Load>
Sums whiten_sums(const std::vector<std::vector<double>>& counts, Index features,
                 const FactoredCovariance& factored, const WhiteningOptions& options, Load&& load,
                 WhitenedSums* kept) {
  struct Place {
    Index target, c;
  };
  std::vector<Place> places;
  WhitenedSums whitened;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    whitened.first.push_back(static_cast<Index>(places.size()));
    for (std::size_t c = 0; c < counts[t].size(); ++c) {
      places.push_back({static_cast<Index>(t), static_cast<Index>(c)});
    }
  }
  const Index classes = static_cast<Index>(places.size());
  if (kept != nullptr) whitened.sums.resize(factored.rank(), classes);
  std::vector<double> squared(places.size(), 0.0);
  whiten_rows(
      factored, features, classes,
      [&](Index i, double* target) {
        const Place& place = places[static_cast<std::size_t>(i)];
        load(place.target, place.c, target);
      },
      options.threads, options.stop,
      [&](Index first, const Eigen::MatrixXd& block) {
        for (Index i = 0; i < block.cols(); ++i) {
          squared[static_cast<std::size_t>(first + i)] = block.col(i).squaredNorm();
        }
        if (kept != nullptr) whitened.sums.middleCols(first, block.cols()) = block.cast<float>();
      });
  Sums result;
  for (std::size_t t = 0; t < counts.size(); ++t) {
    result.shares.emplace_back();
    for (std::size_t c = 0; c < counts[t].size(); ++c) {
      const double sum = squared[static_cast<std::size_t>(whitened.first[t]) + c];
      result.shares.back().push_back(counts[t][c] > 0 ? sum / counts[t][c] : 0.0);
    }
  }
  if (kept != nullptr) *kept = std::move(whitened);
  return result;
}

// Few classes in all: sum the features by class, then whiten the sums.
Sums by_class_sums(const Problem& problem) {
  ClassSums sums(problem.x.cols);
  sums.grow(problem.targets);
  const CentredRows centred(problem.x, problem.moments, problem.factored.offset);
  sums.add(
      problem.targets,
      [&](Index i, Index column, Index count, double* target) {
        centred.columns(i, column, count, target);
      },
      problem.threads(), [&] { problem.report(0); });
  WhitenedSums kept;
  Sums result = whiten_sums(
      problem.counts, problem.x.cols, problem.factored, problem.options.whitening,
      [&](Index t, Index c, double* target) {
        std::copy_n(sums.sum(t, c), problem.x.cols, target);
      },
      problem.sample ? &kept : nullptr);
  if (problem.sample) problem.add_errors(0, problem.size(), kept, result);
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

TargetScores no_scores(const std::vector<std::vector<double>>& counts, Index rows, Index features) {
  TargetScores result;
  result.rows = rows;
  result.features = features;
  result.scores.assign(counts.size(), 0.0);
  for (const std::vector<double>& count : counts) {
    result.classes.push_back(
        std::count_if(count.begin(), count.end(), [](double n) { return n > 0; }));
  }
  return result;
}

void saturate(TargetScores& result) {
  result.finite = true;
  result.rank = result.rows - 1;
  std::fill(result.standard_errors.begin(), result.standard_errors.end(), std::nan(""));
  for (std::size_t t = 0; t < result.scores.size(); ++t) {
    result.scores[t] = static_cast<double>(std::max<Index>(result.classes[t], 1) - 1);
  }
}

// What does not depend on where the sums come from: sum_up(factored) gives them.
template <class SumUp>
void score_all(const Moments& moments, const std::vector<std::vector<double>>& counts,
               const TargetOptions& options, TargetScores& result, SumUp&& sum_up) {
  const std::size_t targets = counts.size();
  result.finite = moments.finite();
  if (!result.finite) return;
  FactoredCovariance factored;
  double multiplier = 1;
  const double ratio = options.shrinkage ? divisor_ratio(*options.shrinkage, moments.weight()) : 1;
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
    if (factored.rank() >= moments.rows() - 1 && !options.shrinkage) return saturate(result);
  }
  result.rank = factored.rank();
  if (result.rank == 0 || !(multiplier > 0)) return;
  Sums sums = sum_up(factored);
  const double smallest_share =
      shrunk ? 1 : factored.smallest_unique_share(options.whitening.threads);
  for (std::size_t t = 0; t < targets; ++t) {
    if (shrunk) {
      double sum = 0;
      for (const double share : sums.shares[t]) sum += share;
      // Shrinking only takes away from the plain score.
      const double most = ratio * static_cast<double>(std::max<Index>(result.classes[t], 1) - 1);
      result.scores[t] = std::min(multiplier * sum, most);
      continue;
    }
    const HScore score = score_of(counts[t], moments.rows(), moments.features(),
                                  {result.rank, 1, smallest_share, std::move(sums.shares[t])});
    result.scores[t] = multiplier * score.score;
    result.error_bound = std::max(result.error_bound, score.error_bound);
  }
  if (!sums.errors.empty()) result.standard_errors = std::move(sums.errors);
}

}  // namespace

TargetScores h_scores(const FeatureView& x, const std::vector<LabelView>& targets,
                      const TargetOptions& options) {
  if (targets.empty()) throw std::invalid_argument("there must be at least one target");
  std::vector<std::vector<double>> counts;
  for (const LabelView& target : targets) {
    check_labels(x, target);
    // Strides may be zero, and more classes named than there are rows.
    check_fits(target.classes, std::max<Index>(1, x.cols), sizeof(double));
    counts.push_back(count_rows(target));
  }
  TargetScores result = no_scores(counts, x.rows, x.cols);
  const bool errors = options.error_rows > 0 && !options.shrinkage;
  if (errors) result.standard_errors.assign(targets.size(), 0.0);
  if (!options.shrinkage && may_be_saturated(x.rows, x.cols) &&
      saturated_h_score(x, targets.front(), options.whitening)) {
    saturate(result);
  } else {
    Moments moments(x.cols);
    UpdateOptions update;
    update.threads = options.whitening.threads;
    update.stop = options.whitening.stop;
    update.norms = options.shrinkage && options.shrinkage->method == Shrinkage::ledoit_wolf;
    moments.update(x, targets.front(), update);
    score_all(moments, counts, options, result, [&](const FactoredCovariance& factored) {
      std::optional<ErrorSample> sample;
      if (errors) {
        sample.emplace(x, moments, factored, options.error_rows, options.whitening.threads,
                       options.whitening.stop);
      }
      return sum_classes({x, targets, counts, moments, factored, options, sample});
    });
  }
  if (options.progress && result.finite) {
    options.progress(static_cast<Index>(targets.size()));
  }
  return result;
}

struct TargetMoments::State {
  explicit State(Index features) : moments(features), sums(features) {}
  Moments moments;             // all rows as one class
  std::vector<double> centre;  // of the class sums
  ClassSums sums;
  std::vector<std::vector<double>> counts;
};

TargetMoments::TargetMoments(Index features) : state_(std::make_unique<State>(features)) {}
TargetMoments::TargetMoments(TargetMoments&&) noexcept = default;
TargetMoments& TargetMoments::operator=(TargetMoments&&) noexcept = default;
TargetMoments::~TargetMoments() = default;

Index TargetMoments::rows() const {
  return state_->moments.rows();
}
Index TargetMoments::features() const {
  return state_->moments.features();
}

TargetMoments::Parts TargetMoments::parts() const {
  const State& state = *state_;
  Parts parts{state.moments.copy(), state.centre, state.counts, {}};
  for (std::size_t t = 0; t < state.counts.size(); ++t) {
    std::vector<double>& sums = parts.sums.emplace_back();
    for (std::size_t c = 0; c < state.counts[t].size(); ++c) {
      const double* sum = state.sums.sum(static_cast<Index>(t), static_cast<Index>(c));
      sums.insert(sums.end(), sum, sum + features());
    }
  }
  return parts;
}

TargetMoments TargetMoments::from_parts(Parts&& parts) {
  const std::size_t features = static_cast<std::size_t>(parts.moments.features());
  const bool fit = parts.counts.size() == parts.sums.size() &&
                   parts.centre.size() == parts.moments.shift().size();  // both are padded
  std::vector<LabelView> targets;
  for (std::size_t t = 0; fit && t < parts.counts.size(); ++t) {
    if (parts.sums[t].size() != parts.counts[t].size() * features) break;
    LabelView& target = targets.emplace_back();
    target.classes = static_cast<Index>(parts.counts[t].size());
  }
  if (!fit || targets.size() != parts.counts.size()) {
    throw std::invalid_argument("the parts of many targets' moments have inconsistent lengths");
  }
  TargetMoments result(parts.moments.features());
  State& state = *result.state_;
  state.sums.grow(targets);
  for (std::size_t t = 0; t < targets.size(); ++t) {
    for (std::size_t c = 0; c < parts.counts[t].size(); ++c) {
      state.sums.set(static_cast<Index>(t), static_cast<Index>(c),
                     parts.sums[t].data() + c * features);
    }
  }
  state.moments = std::move(parts.moments);
  state.centre = std::move(parts.centre);
  state.counts = std::move(parts.counts);
  return result;
}

void TargetMoments::update(const FeatureView& x, const std::vector<LabelView>& targets,
                           const UpdateOptions& options) {
  State& state = *state_;
  if (targets.empty() || (!state.counts.empty() && targets.size() != state.counts.size())) {
    throw std::invalid_argument("there must be one label vector for each of " +
                                std::to_string(state.counts.size()) + " targets, got " +
                                std::to_string(targets.size()));
  }
  for (const LabelView& target : targets) check_labels(x, target);
  std::vector<std::vector<double>> counts = state.counts;
  counts.resize(targets.size());
  for (std::size_t t = 0; t < targets.size(); ++t) {
    const std::vector<double> more = count_rows(targets[t]);
    counts[t].resize(std::max(counts[t].size(), more.size()), 0.0);
    for (std::size_t c = 0; c < more.size(); ++c) counts[t][c] += more[c];
  }
  state.sums.grow(targets);
  const std::vector<std::int32_t> one_class(static_cast<std::size_t>(x.rows), 0);
  const bool first = state.moments.rows() == 0;
  state.moments.update(x, {one_class.data(), x.rows, 1}, options);  // all or nothing
  if (first) state.centre = state.moments.shift();
  const std::vector<double> offset(state.centre.size(), 0.0);
  const CentredRows centred(x, state.centre, offset);
  state.sums.add(
      targets,
      [&](Index i, Index column, Index count, double* target) {
        centred.columns(i, column, count, target);
      },
      options.threads, [] {});
  state.counts = std::move(counts);
}

TargetScores TargetMoments::scores(const TargetOptions& options) const {
  const State& state = *state_;
  const Index features = state.moments.features();
  TargetScores result = no_scores(state.counts, state.moments.rows(), features);
  score_all(state.moments, state.counts, options, result, [&](const FactoredCovariance& factored) {
    std::vector<double> mean = factored.offset;  // about the centre
    for (std::size_t j = 0; j < mean.size(); ++j) {
      mean[j] += state.moments.shift()[j] - state.centre[j];
    }
    return whiten_sums(
        state.counts, features, factored, options.whitening,
        [&](Index t, Index c, double* target) {
          const double* sum = state.sums.sum(t, c);
          const double count =
              state.counts[static_cast<std::size_t>(t)][static_cast<std::size_t>(c)];
          for (Index j = 0; j < features; ++j) {
            target[j] = sum[j] - count * mean[static_cast<std::size_t>(j)];
          }
        },
        nullptr);
  });
  return result;
}

}  // namespace hscore
