#include "hscore/moments.hpp"

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>

#include "hscore/row_blocks.hpp"
#include "moments/workspace.hpp"

namespace hscore {

namespace {

void check_weights(const double* weights, Index rows) {
  for (Index i = 0; i < rows; ++i) {
    if (weights[i] >= 0 && std::isfinite(weights[i])) continue;
    throw std::invalid_argument("weights must be finite and not negative, got " +
                                std::to_string(weights[i]) + " in row " + std::to_string(i));
  }
}

// Its square can be summed over any number of rows.
constexpr double largest_safe_value = 1e140;

// From sums over the rows to means.
void finish(Quantization& rounding, Index rows, const PaddedMatrix& scatter) {
  for (Index j = 0; j < scatter.cols(); ++j) {
    const std::size_t at = static_cast<std::size_t>(j);
    rounding.mean_variance[at] /= static_cast<double>(rows);
    if (scatter(j, j) > 0) rounding.variance[at] /= scatter(j, j);
  }
}

}  // namespace

Moments::Moments(Index features, Index room)
    : features_(checked_features(features)),
      shift_(static_cast<std::size_t>(PaddedMatrix::round_up(features)), 0.0),
      scatter_(PaddedMatrix::round_up(features) + room, features),
      sums_(0, features),
      norms_(features) {}

void Moments::update(const FeatureView& features, const LabelView& labels,
                     const UpdateOptions& options, const double* weights) {
  if (features.cols != features_) {
    throw std::invalid_argument("features must have " + std::to_string(features_) +
                                " columns, got " + std::to_string(features.cols));
  }
  check_labels(features, labels);
  if (weights != nullptr) check_weights(weights, features.rows);
  if (options.products == Products::integer && options.quantization == nullptr) {
    Quantization unwanted;
    UpdateOptions quantized = options;
    quantized.quantization = &unwanted;
    return update(features, labels, quantized, weights);
  }
  const Batch batch{features, labels, weights};
  const Index before = classes();
  if (rows_ == 0) {
    try {
      grow(labels.classes);
      gather(batch, options);
    } catch (...) {
      forget_rows();
      counts_.resize(static_cast<std::size_t>(before));
      throw;
    }
    rows_when_centred_ = rows_;
    return;
  }
  const bool large =
      features.kind() == FeatureKind::blocks || features.rows > block_rows(features_);
  const bool may_overflow =
      options.only_finite &&
      (features.kind() == FeatureKind::blocks ||
       find_non_finite(features, large ? options.threads : 1, options.stop, largest_safe_value)
               .count > 0);
  if (large || may_overflow) {
    // What takes several blocks can be stopped halfway, so it gathers in a second object.
    Moments part(features_);
    part.update(features, labels, options, weights);
    std::vector<std::int32_t> same(static_cast<std::size_t>(labels.classes));
    std::iota(same.begin(), same.end(), 0);
    if (!may_overflow) return merge(part, same);
    Moments both = copy();
    both.merge(part, same);
    if (!both.finite()) throw NotFinite();
    *this = std::move(both);
    return;
  }
  try {
    grow(labels.classes);
    recentre_if_drifted();
    if (options.quantization != nullptr) begin(*options.quantization, features_);
    Workspace workspace;
    accumulate(batch, options, workspace);  // one block: what it throws, it throws before it adds
    collect_parts(options, workspace);
    if (options.quantization != nullptr) finish(*options.quantization, features.rows, scatter_);
  } catch (...) {
    counts_.resize(static_cast<std::size_t>(before));
    throw;
  }
}

// Into statistics without rows; when it throws they are good for nothing. The shift must be near
// the mean of all rows for products of less than float64: it follows while the rows double, and
// more rows than there are yet get one of their own.
void Moments::gather(const Batch& batch, const UpdateOptions& options) {
  if (options.quantization != nullptr) begin(*options.quantization, features_);
  Workspace workspace;
  workspace.rows_expected = batch.features.rows;
  for_each_block(batch.features, [&](const FeatureView& block, Index first) {
    Batch part = batch.row_range(first, block.rows);
    part.features = block;
    const Index rows = rows_ + workspace.rows_in_parts();
    if (rows == 0) {
      choose_shift(part);
      accumulate(part, options, workspace);
    } else if (block.rows > rows) {
      collect_parts(options, workspace);
      Moments more(features_);
      more.grow(classes());
      more.choose_shift(part);
      more.accumulate(part, options, workspace);
      more.collect_parts(options, workspace);
      std::vector<std::int32_t> same(counts_.size());
      std::iota(same.begin(), same.end(), 0);
      merge(more, same);
    } else {
      if (may_have_drifted(rows)) {
        collect_parts(options, workspace);
        recentre_if_drifted();
      }
      accumulate(part, options, workspace);
    }
    if (options.only_finite && !(finite() && workspace.finite())) throw NotFinite();
  });
  collect_parts(options, workspace);
  if (options.quantization != nullptr) {
    finish(*options.quantization, batch.features.rows, scatter_);
  }
}

// The shift need only be near the mean compared with the spread: the mean of a few rows from all
// over the input does, and the rest is corrected when the scatter is read.
void Moments::choose_shift(const Batch& batch) {
  std::vector<Index> counted;  // rows of no weight may lie anywhere
  if (batch.weights != nullptr) {
    for (Index i = 0; i < batch.features.rows; ++i) {
      if (batch.weights[i] > 0) counted.push_back(i);
    }
    if (counted.empty()) return;
  }
  const Index rows =
      batch.weights == nullptr ? batch.features.rows : static_cast<Index>(counted.size());
  const Index sample = std::min<Index>(rows, 64);
  const RowReader read_row(batch.features);
  const auto read = [&](Index i, std::vector<double>& target) {
    const Index row = counted.empty() ? i : counted[static_cast<std::size_t>(i)];
    read_row(row, 0, features_, target.data());
  };
  std::vector<double> row(static_cast<std::size_t>(features_));
  std::vector<double> first(row.size());
  std::vector<double> sum(row.size(), 0.0);
  read(0, first);
  for (Index i = 1; i < sample; ++i) {
    read(i * rows / sample, row);
    for (std::size_t j = 0; j < row.size(); ++j) sum[j] += row[j] - first[j];
  }
  // About the first row, so that a constant column's shift is that constant to the last bit.
  for (std::size_t j = 0; j < row.size(); ++j) {
    shift_[j] = first[j] + sum[j] / static_cast<double>(sample);
  }
}

void Moments::grow(Index classes) {
  const Index before = this->classes();
  if (classes <= before) return;
  counts_.reserve(static_cast<std::size_t>(classes));
  if (classes > sums_.rows()) {
    // New classes may come one by one.
    const Index room = before == 0 ? classes : std::max(classes, before + before / 2);
    PaddedMatrix larger(room, features_);
    std::copy_n(sums_.row(0), before * sums_.stride(), larger.row(0));
    sums_ = std::move(larger);
  }
  counts_.resize(static_cast<std::size_t>(classes), 0.0);
}

void Moments::forget_rows() noexcept {
  for (Index i = 0; i < features_; ++i) std::fill_n(scatter_.row(i), features_, 0.0);
  for (Index c = 0; c < sums_.rows(); ++c) std::fill_n(sums_.row(c), features_, 0.0);
  std::fill(counts_.begin(), counts_.end(), 0.0);
  std::fill(shift_.begin(), shift_.end(), 0.0);
  std::fill(norms_.cubes.begin(), norms_.cubes.end(), 0.0);
  norms_.unit = norms_.fourth = 0;
  cancelled_.clear();
  has_norms_ = true;
  rows_ = rows_when_centred_ = 0;
}

double Moments::weight() const {
  return std::accumulate(counts_.begin(), counts_.end(), 0.0);
}

std::vector<double> Moments::total() const {
  std::vector<double> total(static_cast<std::size_t>(features_), 0.0);
  for (Index c = 0; c < classes(); ++c) {
    const double* sum = sums_.row(c);
    for (std::size_t j = 0; j < total.size(); ++j) total[j] += sum[j];
  }
  return total;
}

std::vector<double> Moments::offset() const {
  std::vector<double> mean = total();
  const double n = weight();
  for (double& value : mean) value = n > 0 ? value / n : 0;
  return mean;
}

bool Moments::finite() const {
  for (Index j = 0; j < features_; ++j) {
    if (!std::isfinite(scatter_(j, j))) return false;
  }
  return true;
}

}  // namespace hscore
