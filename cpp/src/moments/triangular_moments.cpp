// R is updated by chunks of rows: Householder reflections annihilate the chunk against R. As R is
// triangular, the reflection of column k touches row k of R and the chunk only, so that the
// reflectors of a panel are V = [I; V2] and their product is I - V T V' (Schreiber and Van Loan
// 1989). Two matrix products per panel carry it to the columns on the right, the class indicators
// among them: this is the communication-avoiding QR of tall matrices (Demmel, Grigori, Hoemmen,
// Langou 2012), one branch at a time, and a merge folds in the other's R as a chunk.
#include "hscore/triangular_moments.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"

namespace hscore {

namespace {

using Columns = Eigen::Map<Eigen::MatrixXd, 0, Eigen::OuterStride<>>;

constexpr Index chunk_rows = 512;
constexpr Index chunk_stride = chunk_rows + 8;  // columns on different cache sets
constexpr Index panel_cols = 48;
constexpr Index tile_cols = 64;

// Annihilate one panel, columns [first, first + cols) of R and of the chunk. The chunk's columns
// become V2; returns T.
Eigen::MatrixXd factor_panel(Columns& triangle, Columns& chunk, Index first, Index cols) {
  Eigen::MatrixXd t = Eigen::MatrixXd::Zero(cols, cols);
  Eigen::RowVectorXd w(cols);
  for (Index j = 0; j < cols; ++j) {
    const Index k = first + j;
    const Index rest = cols - j - 1;
    auto v = chunk.col(k);
    const double squared = v.squaredNorm();
    if (squared == 0) continue;  // nothing to annihilate: T's column stays zero
    const double alpha = triangle(k, k);
    const double beta = -std::copysign(std::sqrt(alpha * alpha + squared), alpha);
    const double tau = (beta - alpha) / beta;
    v /= alpha - beta;
    triangle(k, k) = beta;
    if (rest > 0) {
      auto right = chunk.middleCols(k + 1, rest);
      auto row = triangle.row(k).segment(k + 1, rest);
      w.head(rest).noalias() = v.transpose() * right;
      w.head(rest) = tau * (w.head(rest) + row);
      row -= w.head(rest);
      right.noalias() -= v * w.head(rest);
    }
    if (j > 0) {
      const Eigen::VectorXd along = chunk.middleCols(first, j).transpose() * v;
      t.col(j).head(j).noalias() = t.topLeftCorner(j, j) * (-tau * along);
    }
    t(j, j) = tau;
  }
  return t;
}

// Fold a chunk, rows x (order + extra), into the triangle; columns before `first` are zero in it.
void fold(PaddedMatrix& columns, Index order, double* values, Index rows, Index first, int threads,
          const StopCheck& stop) {
  const Index all = columns.rows();
  Columns triangle(columns.row(0), order, all, Eigen::OuterStride<>(columns.stride()));
  Columns chunk(values, rows, all, Eigen::OuterStride<>(chunk_stride));
  for (Index k = first; k < order; k += panel_cols) {
    throw_if_stopped(stop);
    const Index cols = std::min(panel_cols, order - k);
    const Eigen::MatrixXd t = factor_panel(triangle, chunk, k, cols);
    const auto v = chunk.middleCols(k, cols);
    const Index from = k + cols;
    parallel_for((all - from + tile_cols - 1) / tile_cols, threads, [&](Index task) {
      const Index begin = from + task * tile_cols;
      const Index count = std::min(tile_cols, all - begin);
      auto top = triangle.block(k, begin, cols, count);
      auto below = chunk.middleCols(begin, count);
      Eigen::MatrixXd w = top;
      w.noalias() += v.transpose() * below;
      w = t.transpose() * w;
      top -= w;
      below.noalias() -= v * w;
    });
  }
}

}  // namespace

TriangularMoments::TriangularMoments(Index features)
    : features_(checked_features(features)),
      shift_(static_cast<std::size_t>(features), 0.0),
      unit_(shift_.size(), 0.0),
      columns_(features + 1, features + 1) {}

TriangularMoments TriangularMoments::copy() const {
  TriangularMoments result(1);
  result.rows_ = rows_;
  result.features_ = features_;
  result.shift_ = shift_;
  result.unit_ = unit_;
  result.columns_ = columns_.copy();
  result.counts_ = counts_;
  return result;
}

void TriangularMoments::grow(Index classes) {
  if (classes <= this->classes()) return;
  PaddedMatrix larger(order() + classes, order());
  std::copy_n(columns_.row(0), columns_.rows() * columns_.stride(), larger.row(0));
  counts_.resize(static_cast<std::size_t>(classes), 0);
  columns_ = std::move(larger);
}

// The column of ones takes the mean out, so the shift has only to keep a large offset from costing
// digits. Where there is none it is 0, and where there is one x - shift is exact (Sterbenz): near
// duplicates must not be rounded apart.
void TriangularMoments::choose_shift(const FeatureView& features) {
  const Index sample = std::min<Index>(features.rows, 64);
  const RowReader read(features);
  std::vector<double> row(shift_.size());
  std::vector<double> first(shift_.size());
  std::vector<double> sum(shift_.size(), 0.0);
  std::vector<double> spread(shift_.size(), 0.0);
  read(0, 0, features_, first.data());
  for (Index i = 1; i < sample; ++i) {
    read(i * features.rows / sample, 0, features_, row.data());
    for (std::size_t j = 0; j < row.size(); ++j) {
      sum[j] += row[j] - first[j];
      spread[j] = std::max(spread[j], std::abs(row[j] - first[j]));
    }
  }
  for (std::size_t j = 0; j < row.size(); ++j) {
    const double mean = first[j] + sum[j] / static_cast<double>(sample);
    shift_[j] = std::abs(mean) > 8 * spread[j] ? mean : 0;
  }
}

// Scale each feature so that its first values have a size of about 1.
void TriangularMoments::choose_units(double* chunk, Index rows, Index stride) {
  for (Index j = 0; j < features_; ++j) {
    double* column = chunk + (j + 1) * stride;
    double& unit = unit_[static_cast<std::size_t>(j)];
    if (unit == 0) {
      double largest = 0;
      for (Index i = 0; i < rows; ++i) largest = std::max(largest, std::abs(column[i]));
      if (largest == 0) continue;
      unit = std::isfinite(largest) ? std::ldexp(1.0, std::clamp(std::ilogb(largest), -1000, 1000))
                                    : 1.0;
    }
    for (Index i = 0; i < rows; ++i) column[i] /= unit;
  }
}

void TriangularMoments::update(const FeatureView& features, const LabelView& labels,
                               const TriangularOptions& options) {
  if (features.cols != features_) {
    throw std::invalid_argument("features must have " + std::to_string(features_) +
                                " columns, got " + std::to_string(features.cols));
  }
  check_labels(features, labels);
  TriangularMoments next = copy();
  throw_if_stopped(options.stop);  // each of these may touch gigabytes for the first time
  next.grow(labels.classes);
  throw_if_stopped(options.stop);
  for_each_block(features, [&](const FeatureView& block, Index start) {
    next.add(block, labels.row_range(start, block.rows), options);
  });
  *this = std::move(next);
}

// There is room for the classes.
void TriangularMoments::add(const FeatureView& features, const LabelView& labels,
                            const TriangularOptions& options) {
  if (rows_ == 0) choose_shift(features);
  const double work = static_cast<double>(features.rows) * static_cast<double>(features_) *
                      static_cast<double>(features_);
  const int threads = work < 1e8 ? 1 : options.threads;
  const RowReader read(features);
  AlignedBuffer<double> chunk(columns_.rows(), chunk_stride);
  for (Index first = 0; first < features.rows; first += chunk_rows) {
    const Index rows = std::min(chunk_rows, features.rows - first);
    std::fill_n(chunk.data(), rows, 1.0);
    for (Index c = 0; c < classes(); ++c) {
      std::fill_n(chunk.data() + (order() + c) * chunk_stride, rows, 0.0);
    }
    constexpr Index group = 8;  // a cache line of each column
    parallel_for((rows + group - 1) / group, threads, [&](Index task) {
      std::vector<double> row(static_cast<std::size_t>(features_));
      for (Index i = task * group; i < std::min(rows, (task + 1) * group); ++i) {
        read(first + i, 0, features_, row.data());
        double* target = chunk.data() + i;
        for (std::size_t j = 0; j < row.size(); ++j) {
          target += chunk_stride;
          *target = row[j] - shift_[j];
        }
        const std::int32_t code = labels.codes[first + i];
        chunk.data()[(order() + code) * chunk_stride + i] = 1;
      }
    });
    choose_units(chunk.data(), rows, chunk_stride);
    fold(columns_, order(), chunk.data(), rows, 0, threads, options.stop);
    for (Index i = 0; i < rows; ++i) {
      ++counts_[static_cast<std::size_t>(labels.codes[first + i])];
    }
    rows_ += rows;
    throw_if_stopped(options.stop, rows);
  }
}

void TriangularMoments::merge(const TriangularMoments& other,
                              const std::vector<std::int32_t>& classes,
                              const TriangularOptions& options) {
  if (other.features_ != features_) {
    throw std::invalid_argument("cannot merge moments of " + std::to_string(other.features_) +
                                " features into moments of " + std::to_string(features_));
  }
  const Index most = merged_classes(this->classes(), other.classes(), classes);
  TriangularMoments next = copy();
  next.grow(most);
  if (rows_ == 0) next.shift_ = other.shift_;
  if (other.rows_ > 0) {
    const Index all = next.columns_.rows();
    const double ones = other.triangle(0, 0);
    // Rows of the other's R, about this shift and in these units. Only the first row knows the
    // shift, since the others are orthogonal to the column of ones.
    std::vector<double> ratio(unit_.size());
    std::vector<double> moved(unit_.size());
    for (std::size_t j = 0; j < ratio.size(); ++j) {
      const double step = other.shift_[j] - next.shift_[j];
      double& unit = next.unit_[j];
      if (unit == 0) unit = other.unit_[j];
      if (unit == 0 && step != 0) unit = std::ldexp(1.0, std::ilogb(step));
      ratio[j] = unit == 0 ? 1 : other.unit_[j] / unit;
      moved[j] = unit == 0 ? 0 : ones * (step / unit);
    }
    AlignedBuffer<double> chunk(all, chunk_stride);
    for (Index first = 0; first < order(); first += chunk_rows) {
      const Index rows = std::min(chunk_rows, order() - first);
      std::fill_n(chunk.data(), chunk.size(), 0.0);
      for (Index j = 0; j < order(); ++j) {
        double* target = chunk.data() + j * chunk_stride;
        const double factor = j == 0 ? 1 : ratio[static_cast<std::size_t>(j - 1)];
        for (Index i = first; i < std::min(first + rows, j + 1); ++i) {
          target[i - first] = other.triangle(i, j) * factor;
        }
        if (first == 0 && j > 0) target[0] += moved[static_cast<std::size_t>(j - 1)];
      }
      for (Index c = 0; c < other.classes(); ++c) {
        const Index code = classes[static_cast<std::size_t>(c)];
        double* target = chunk.data() + (order() + code) * chunk_stride;
        for (Index i = 0; i < rows; ++i) target[i] += other.projected(first + i, c);
      }
      fold(next.columns_, order(), chunk.data(), rows, first, options.threads, options.stop);
    }
  }
  for (Index c = 0; c < other.classes(); ++c) {
    next.counts_[static_cast<std::size_t>(classes[static_cast<std::size_t>(c)])] +=
        other.counts_[static_cast<std::size_t>(c)];
  }
  next.rows_ += other.rows_;
  *this = std::move(next);
}

bool TriangularMoments::finite() const {
  for (Index j = 0; j < order(); ++j) {
    double sum = 0;
    for (Index i = 0; i <= j; ++i) sum += triangle(i, j) - triangle(i, j);
    if (sum != 0 || std::isnan(sum)) return false;
  }
  return true;
}

}  // namespace hscore
