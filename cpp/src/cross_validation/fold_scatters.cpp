#include "cross_validation/fold_scatters.hpp"

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "factor/cholesky.hpp"
#include "factor/class_fit.hpp"
#include "hscore/parallel.hpp"
#include "hscore/whitening.hpp"

namespace hscore {

namespace {

constexpr Index rows_per_task = 64;

// Calls body(i) for every row of a triangle, some rows at a time.
template <class Body>
void for_each_row(Index rows, int threads, Body&& body) {
  const Index tasks = (rows + rows_per_task - 1) / rows_per_task;
  parallel_for(tasks, rows < 256 ? 1 : threads, [&](Index task) {
    const Index first = (tasks - 1 - task) * rows_per_task;  // the longest rows first
    for (Index i = first; i < std::min(rows, first + rows_per_task); ++i) body(i);
  });
}

double sum_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double dot(const double* a, const double* b, Index count) {
  return Eigen::Map<const Eigen::VectorXd>(a, count).dot(
      Eigen::Map<const Eigen::VectorXd>(b, count));
}

}  // namespace

FoldScatters::FoldScatters(std::vector<Moments>&& moments,
                           const std::vector<std::vector<std::int32_t>>& classes, int threads) {
  if (moments.size() < 2) throw std::invalid_argument("there must be at least two folds");
  if (classes.size() != moments.size()) {
    throw std::invalid_argument("every fold needs a class map");
  }
  const Index features = moments.front().features();
  Index n_classes = 0;
  for (std::size_t k = 0; k < moments.size(); ++k) {
    if (moments[k].features() != features) {
      throw std::invalid_argument("the folds have different numbers of features, " +
                                  std::to_string(features) + " and " +
                                  std::to_string(moments[k].features()));
    }
    finite_ = finite_ && moments[k].finite();
    n_classes = merged_classes(n_classes, moments[k].classes(), classes[k]);
    rows_ += moments[k].rows();
    weight_ += moments[k].weight();
  }
  const std::size_t f = static_cast<std::size_t>(features);
  counts_.assign(static_cast<std::size_t>(n_classes), 0.0);
  scale_.assign(f, 0.0);
  if (!finite_ || !(weight_ > 0)) return;

  // The mean about the first shift of a fold with rows, and each fold's own about that mean.
  const auto with_rows =
      std::find_if(moments.begin(), moments.end(), [](const Moments& m) { return m.weight() > 0; });
  shift_ = with_rows->shift();
  offset_.assign(shift_.size(), 0.0);
  std::vector<std::vector<double>> offsets;
  for (const Moments& m : moments) {
    offsets.push_back(m.offset());
    const double share = m.weight() / weight_;
    if (share == 0) continue;
    for (std::size_t j = 0; j < f; ++j) {
      offset_[j] += share * ((m.shift()[j] - shift_[j]) + offsets.back()[j]);
    }
  }
  std::vector<std::vector<double>> from_mean(moments.size(), std::vector<double>(f, 0.0));
  for (std::size_t k = 0; k < moments.size(); ++k) {
    if (moments[k].weight() == 0) continue;
    for (std::size_t j = 0; j < f; ++j) {
      from_mean[k][j] = (moments[k].shift()[j] - shift_[j]) + offsets[k][j] - offset_[j];
    }
  }

  for (std::size_t j = 0; j < f; ++j) {
    const Index at = static_cast<Index>(j);
    double squares = 0;
    double cancelled = 0;
    bool varies = false;
    for (std::size_t k = 0; k < moments.size(); ++k) {
      const double n = moments[k].weight();
      const double own = offsets[k][j];
      const double away = from_mean[k][j];
      squares += std::max(moments[k].shifted_scatter()(at, at) - n * own * own, 0.0);
      squares += n * away * away;
      cancelled = std::max(cancelled, moments[k].cancelled(at));
      for (Index c = 0; c < moments[k].classes(); ++c) {
        varies = varies || moments[k].shifted_class_sums()(c, at) != 0;
      }
      varies = varies || away != 0;
    }
    constexpr double eps = std::numeric_limits<double>::epsilon();
    constexpr double least = 1e-290;
    const double mean = shift_[j] + offset_[j];
    if (squares < least && varies && cancelled == 0) {
      throw std::invalid_argument("features column " + std::to_string(j) +
                                  " varies so little that its squares underflow float64: multiply "
                                  "the column by a constant, which leaves the score unchanged");
    }
    const double raw = squares + weight_ * mean * mean;
    finite_ = finite_ && std::isfinite(raw);
    const double noise = std::max(8 * eps * eps * raw, default_tolerance * cancelled);
    if (squares > noise) scale_[j] = 1 / std::sqrt(squares / weight_);
  }
  if (!finite_) return;

  total_ = PaddedMatrix(features, features);
  for (std::size_t k = 0; k < moments.size(); ++k) {
    Moments& m = moments[k];
    Fold fold;
    fold.weight = m.weight();
    if (fold.weight == 0) continue;
    fold.counts.assign(counts_.size(), 0.0);
    fold.sums = PaddedMatrix(n_classes, features);
    fold.sum.resize(f);
    for (std::size_t j = 0; j < f; ++j) fold.sum[j] = fold.weight * from_mean[k][j] * scale_[j];
    for (Index c = 0; c < m.classes(); ++c) {
      const Index code = classes[k][static_cast<std::size_t>(c)];
      const double count = m.counts()[static_cast<std::size_t>(c)];
      fold.counts[static_cast<std::size_t>(code)] += count;
      counts_[static_cast<std::size_t>(code)] += count;
      const double* source = m.shifted_class_sums().row(c);
      double* target = fold.sums.row(code);
      for (std::size_t j = 0; j < f; ++j) {
        target[j] += (source[j] + count * (from_mean[k][j] - offsets[k][j])) * scale_[j];
      }
    }
    fold.scatter = m.take_scatter();
    const std::vector<double>& own = offsets[k];
    const std::vector<double>& away = from_mean[k];
    for_each_row(features, threads, [&](Index i) {
      const std::size_t at = static_cast<std::size_t>(i);
      double* row = fold.scatter.row(i);
      double* sum = total_.row(i);
      for (std::size_t j = 0; j <= at; ++j) {
        const double value = (row[j] - fold.weight * (own[at] * own[j] - away[at] * away[j])) *
                             (scale_[at] * scale_[j]);
        row[j] = value;
        sum[j] += value;
      }
    });
    folds_.push_back(std::move(fold));
  }
}

FoldScatters::Training FoldScatters::training(Index fold) const {
  const Fold& held = folds_[static_cast<std::size_t>(fold)];
  Training result;
  result.counts.assign(counts_.size(), 0.0);
  for (std::size_t k = 0; k < folds_.size(); ++k) {
    if (static_cast<Index>(k) == fold) continue;
    for (std::size_t c = 0; c < counts_.size(); ++c) result.counts[c] += folds_[k].counts[c];
  }
  result.weight = sum_of(result.counts);
  result.mean.assign(scale_.size(), 0.0);
  result.frequency.assign(counts_.size(), 0.0);
  if (result.weight == 0) return result;
  double total = 0;
  for (std::size_t j = 0; j < scale_.size(); ++j) {
    const Index at = static_cast<Index>(j);
    result.mean[j] = -held.sum[j] / result.weight;
    total += total_(at, at);
    result.trace +=
        total_(at, at) - held.scatter(at, at) - result.weight * result.mean[j] * result.mean[j];
  }
  // What is left where only the fold's own rows vary is rounding. A single class needs no fit.
  const auto present =
      std::count_if(counts_.begin(), counts_.end(), [](double n) { return n > 0; });
  if (!(result.trace > default_tolerance * total) || present < 2) result.trace = 0;
  for (std::size_t c = 0; c < counts_.size(); ++c) {
    result.frequency[c] = result.counts[c] / result.weight;
  }
  return result;
}

PaddedMatrix FoldScatters::fit(Index fold, const Training& training, double ridge, int threads,
                               const StopCheck& stop) const {
  const Index n = features();
  const Index n_classes = classes();
  if (training.trace == 0) return PaddedMatrix(n_classes, n);
  const Fold& held = folds_[static_cast<std::size_t>(fold)];
  const std::vector<double>& mean = training.mean;
  AugmentedMatrix matrix(n, n_classes);
  for_each_row(n, threads, [&](Index i) {
    const std::size_t at = static_cast<std::size_t>(i);
    const double* whole = total_.row(i);
    const double* part = held.scatter.row(i);
    double* target = matrix.row(i);
    const double factor = training.weight * mean[at];
    for (std::size_t j = 0; j <= at; ++j) target[j] = whole[j] - part[j] - factor * mean[j];
    target[at] += ridge * training.trace;
  });
  for (Index c = 0; c < n_classes; ++c) {
    const double count = training.counts[static_cast<std::size_t>(c)];
    if (count == 0) continue;
    double* target = matrix.extra_row(c);
    for (std::size_t k = 0; k < folds_.size(); ++k) {
      if (static_cast<Index>(k) == fold) continue;
      const double* source = folds_[k].sums.row(c);
      for (Index j = 0; j < n; ++j) target[j] += source[j];
    }
    for (std::size_t j = 0; j < mean.size(); ++j) target[j] -= count * mean[j];
  }
  if (!cholesky(matrix, 0, threads, stop)) {
    throw std::invalid_argument("a ridge of " + std::to_string(ridge) +
                                " of the trace is too small for these features");
  }
  std::vector<Index> all(static_cast<std::size_t>(n));
  std::iota(all.begin(), all.end(), Index{0});
  return class_coefficients(matrix, matrix.extra_row(0), n_classes, matrix.stride(), all, all,
                            std::vector<double>(all.size(), 1.0), n, threads);
}

std::vector<double> FoldScatters::gains(Index fold, const Training& training,
                                        const PaddedMatrix& fit, int threads) const {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Block = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
  const Index n = features();
  const Fold& held = folds_[static_cast<std::size_t>(fold)];
  std::vector<double> result(counts_.size(), 0.0);
  if (training.trace == 0) return result;
  const Block scatter(held.scatter.row(0), n, n, Eigen::OuterStride<>(held.scatter.stride()));
  const std::vector<double>& mean = training.mean;
  const Index task_rows = rows_per_solve(classes(), threads);
  parallel_for((classes() + task_rows - 1) / task_rows, threads, [&](Index task) {
    const Index first = task * task_rows;
    const Index rows = std::min(task_rows, classes() - first);
    const Block w(fit.row(first), rows, n, Eigen::OuterStride<>(fit.stride()));
    const RowMajor products = w * scatter.selfadjointView<Eigen::Lower>();
    for (Index i = 0; i < rows; ++i) {
      const std::size_t c = static_cast<std::size_t>(first + i);
      if (counts_[c] == 0) continue;
      const double* coefficients = fit.row(first + i);
      const double* sums = held.sums.row(first + i);
      // The fold's rows about the training mean m: with s their sum about the mean of all,
      //     w'T_k w = w'A_k w - 2 (w's)(w'm) + n_k (w'm)^2
      //     w'b_k = w's_c - n_kc w'm - f_c (w's - n_k w'm)
      const double energy = dot(coefficients, products.row(i).data(), n);
      const double of_sum = dot(coefficients, held.sum.data(), n);
      const double of_mean = dot(coefficients, mean.data(), n);
      const double squares = energy - 2 * of_sum * of_mean + held.weight * of_mean * of_mean;
      const double product = dot(coefficients, sums, n) - held.counts[c] * of_mean -
                             training.frequency[c] * (of_sum - held.weight * of_mean);
      result[c] = (2 * product - squares) / counts_[c];
    }
  });
  return result;
}

}  // namespace hscore
