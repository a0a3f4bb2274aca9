#include "hscore/selection.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <stdexcept>
#include <string>

#include "factor/factored_covariance.hpp"
#include "product/rank_update.hpp"
#include "scores/scores.hpp"

namespace hscore {

struct SourceElimination::State {
  struct Range {
    Index first, count;
  };
  std::vector<double> counts;
  Index rows = 0;
  AugmentedMatrix residual;            // of all that remains, given the chosen sources
  std::vector<Index> source_of;        // of each row left
  std::vector<double> sum_of_squares;  // of each row left, before anything was chosen
  std::vector<Index> features;         // of each source, dead ones included
  std::vector<bool> is_chosen;
  Index chosen_features = 0;
  WhitenedClasses chosen;  // of all chosen sources together
  Eigen::MatrixXd gram;    // B' T^-1 B

  Index classes() const { return residual.extra(); }

  Range range(Index source) const {
    const auto [first, last] = std::equal_range(source_of.begin(), source_of.end(), source);
    return {first - source_of.begin(), last - first};
  }

  // The rows of one source, with the classes and, if wanted, all other rows as extra rows.
  AugmentedMatrix block(Range of, bool with_rest, int threads) const {
    const Index rest = with_rest ? residual.order() - of.count : 0;
    AugmentedMatrix result(of.count, rest + classes());
    for (Index i = 0; i < of.count; ++i) {
      std::copy_n(residual.row(of.first + i) + of.first, i + 1, result.row(i));
    }
    constexpr Index rows_per_task = 64;
    const Index extra = rest + classes();
    parallel_for((extra + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
      for (Index k = task * rows_per_task; k < std::min(extra, (task + 1) * rows_per_task); ++k) {
        double* target = result.extra_row(k);
        if (k >= rest) {
          std::copy_n(residual.extra_row(k - rest) + of.first, of.count, target);
        } else if (k >= of.first) {
          std::copy_n(residual.row(k + of.count) + of.first, of.count, target);
        } else {
          for (Index i = 0; i < of.count; ++i) target[i] = residual.row(of.first + i)[k];
        }
      }
    });
    return result;
  }

  // The classes' squared norms and the pivots of a factored block, added to those of the chosen.
  WhitenedClasses extended(const AugmentedMatrix& block, const std::vector<Index>& pivots, Range of,
                           Index first_class) const {
    WhitenedClasses sum = chosen;
    sum.rank += static_cast<Index>(pivots.size());
    for (std::size_t k = 0; k < pivots.size(); ++k) {
      const double diagonal = block.row(static_cast<Index>(k))[k];
      const double own = sum_of_squares[static_cast<std::size_t>(of.first + pivots[k])];
      sum.smallest_pivot = std::min(sum.smallest_pivot, diagonal * diagonal / own);
    }
    // The pivots are at least the unique shares, and mostly not much larger.
    sum.smallest_unique_share = sum.smallest_pivot;
    for (Index c = 0; c < classes(); ++c) {
      const double* row = block.extra_row(first_class + c);
      double& norm = sum.squared_norms[static_cast<std::size_t>(c)];
      for (std::size_t k = 0; k < pivots.size(); ++k) norm += row[k] * row[k];
    }
    return sum;
  }

  void check(Index source) const {
    if (source >= 0 && source < static_cast<Index>(features.size())) return;
    throw std::invalid_argument("there is no source " + std::to_string(source) + " of " +
                                std::to_string(features.size()));
  }
};

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// residual -= P'P in slices of P's rows, between which the caller may stop. Lane l of P' is row l
// of the block's extra rows, the classes' behind a gap.
void subtract_products(const AugmentedMatrix& block, Index rank, AugmentedMatrix& residual,
                       int threads, const StopCheck& stop) {
  using Packed = PackedRows<double>;
  const Index rest = residual.order();
  const Index lanes = residual.first_extra() + residual.extra();
  const Index depth = std::min(rank, kernel::depth);
  Packed packed(depth, lanes);
  for (Index start = 0; start < rank; start += depth) {
    throw_if_stopped(stop);
    const Index slice = std::min(depth, rank - start);
    packed.set_rows(slice);
    parallel_for(packed.strips(), threads, [&](Index s) {
      double* strip = packed.strip(0, s);
      for (Index l = 0; l < Packed::width; ++l) {
        const Index lane = s * Packed::width + l;
        const bool is_feature = lane < rest;
        const bool is_class = lane >= residual.first_extra() && lane < lanes;
        const double* source = nullptr;
        if (is_feature) source = block.extra_row(lane) + start;
        if (is_class) source = block.extra_row(rest + lane - residual.first_extra()) + start;
        for (Index k = 0; k < slice; ++k) {
          strip[k * Packed::width + l] = source == nullptr ? 0.0 : source[k];
        }
      }
    });
    rank_update<Sign::subtract>(packed, lanes, rest, residual.row(0), residual.stride(), threads);
  }
}

}  // namespace

SourceElimination::SourceElimination(const Moments& joint, const std::vector<Index>& first_columns,
                                     const WhiteningOptions& options)
    : state_(std::make_unique<State>()) {
  if (first_columns.size() < 2 || first_columns.front() != 0 ||
      first_columns.back() != joint.features() ||
      !std::is_sorted(first_columns.begin(), first_columns.end())) {
    throw std::invalid_argument("first_columns must rise from 0 to the number of features");
  }
  throw_if_stopped(options.stop);
  ScaledCovariance scaled = scale_covariance(
      joint, options.tolerance, threads_for(joint.features(), joint.classes(), options.threads));
  State& state = *state_;
  state.counts = joint.counts();
  state.rows = joint.rows();
  state.residual = std::move(scaled.matrix);
  for (const Index column : scaled.live.index) {
    const auto next = std::upper_bound(first_columns.begin(), first_columns.end(), column);
    state.source_of.push_back(next - first_columns.begin() - 1);
  }
  state.sum_of_squares = std::move(scaled.live.sum_of_squares);
  for (std::size_t s = 0; s + 1 < first_columns.size(); ++s) {
    state.features.push_back(first_columns[s + 1] - first_columns[s]);
  }
  state.is_chosen.resize(state.features.size());
  state.chosen.squared_norms.resize(state.counts.size());
  state.gram.setZero(joint.classes(), joint.classes());
}

SourceElimination::SourceElimination(SourceElimination&&) noexcept = default;
SourceElimination::~SourceElimination() = default;

HScore SourceElimination::with(Index source, const WhiteningOptions& options) const {
  const State& state = *state_;
  state.check(source);
  if (state.is_chosen[static_cast<std::size_t>(source)]) {
    return score_of(state.counts, state.rows, state.chosen_features, WhitenedClasses(state.chosen));
  }
  const State::Range of = state.range(source);
  const int threads = threads_for(of.count, state.classes(), options.threads);
  AugmentedMatrix block = state.block(of, false, threads);
  const std::vector<Index> pivots = pivoted_cholesky(block, noise_pivot, threads, options.stop);
  return score_of(state.counts, state.rows,
                  state.chosen_features + state.features[static_cast<std::size_t>(source)],
                  state.extended(block, pivots, of, 0));
}

void SourceElimination::choose(Index source, const WhiteningOptions& options) {
  State& state = *state_;
  state.check(source);
  const std::size_t at = static_cast<std::size_t>(source);
  if (state.is_chosen[at]) {
    throw std::invalid_argument("source " + std::to_string(source) + " was chosen before");
  }
  const State::Range of = state.range(source);
  const Index rest = state.residual.order() - of.count;
  const int threads = threads_for(of.count, rest + state.classes(), options.threads);
  AugmentedMatrix block = state.block(of, true, threads);
  const std::vector<Index> pivots = pivoted_cholesky(block, noise_pivot, threads, options.stop);
  const Index rank = static_cast<Index>(pivots.size());
  state.chosen = state.extended(block, pivots, of, rest);
  state.chosen_features += state.features[at];
  state.is_chosen[at] = true;

  if (rank > 0) {
    const Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>> whitened(
        block.extra_row(rest), state.classes(), rank, Eigen::OuterStride<>(block.stride()));
    state.gram.selfadjointView<Eigen::Lower>().rankUpdate(whitened);
  }

  forget(source);
  if (rest > 0 && rank > 0) {
    subtract_products(block, rank, state.residual, threads, options.stop);
  }
}

void SourceElimination::forget(Index source) {
  State& state = *state_;
  const State::Range of = state.range(source);
  std::vector<Index> left;
  for (Index i = 0; i < state.residual.order(); ++i) {
    if (i < of.first || i >= of.first + of.count) left.push_back(i);
  }
  state.residual.keep(left);
  const auto drop_rows = [&](auto& values) {
    values.erase(values.begin() + of.first, values.begin() + of.first + of.count);
  };
  drop_rows(state.source_of);
  drop_rows(state.sum_of_squares);
}

SourceElimination::SourceElimination(std::unique_ptr<State> state) : state_(std::move(state)) {}

SourceElimination SourceElimination::copy() const {
  const State& from = *state_;
  auto to = std::make_unique<State>();
  to->counts = from.counts;
  to->rows = from.rows;
  to->source_of = from.source_of;
  to->sum_of_squares = from.sum_of_squares;
  to->features = from.features;
  to->is_chosen = from.is_chosen;
  to->chosen_features = from.chosen_features;
  to->chosen = from.chosen;
  to->gram = from.gram;
  to->residual = AugmentedMatrix(from.residual.order(), from.residual.extra());
  for (Index i = 0; i < from.residual.order(); ++i) {
    std::copy_n(from.residual.row(i), i + 1, to->residual.row(i));
  }
  for (Index c = 0; c < from.residual.extra(); ++c) {
    std::copy_n(from.residual.extra_row(c), from.residual.order(), to->residual.extra_row(c));
  }
  return SourceElimination(std::move(to));
}

std::vector<HScore> SourceElimination::leave_one_out(const std::vector<Index>& sources,
                                                     const WhiteningOptions& options) {
  for (const Index source : sources) state_->check(source);
  for (std::size_t s = 0; s < state_->features.size(); ++s) {
    const Index source = static_cast<Index>(s);
    if (std::find(sources.begin(), sources.end(), source) == sources.end()) forget(source);
  }
  std::vector<HScore> scores(sources.size());
  if (!sources.empty()) leave_out(sources, 0, sources.size(), scores, options);
  return scores;
}

void SourceElimination::leave_out(const std::vector<Index>& sources, std::size_t first,
                                  std::size_t last, std::vector<HScore>& scores,
                                  const WhiteningOptions& options) {
  State& state = *state_;
  if (last - first == 1) {
    scores[first] =
        score_of(state.counts, state.rows, state.chosen_features, WhitenedClasses(state.chosen));
    return;
  }
  const std::size_t middle = first + (last - first) / 2;
  {
    SourceElimination half = copy();
    for (std::size_t s = first; s < middle; ++s) half.choose(sources[s], options);
    half.leave_out(sources, middle, last, scores, options);
  }
  for (std::size_t s = middle; s < last; ++s) choose(sources[s], options);
  leave_out(sources, first, middle, scores, options);
}

double SourceElimination::fourth_powers() const {
  const Eigen::MatrixXd& gram = state_->gram;
  return gram.selfadjointView<Eigen::Lower>().toDenseMatrix().squaredNorm();
}

}  // namespace hscore
