// Class sums for many targets at once. The rows lie by tiles of columns; a block of one tile stays
// in cache while several targets at a time add its rows to their classes.
#pragma once

#include <Eigen/Core>
#include <array>

#include "hscore/buffer.hpp"
#include "hscore/views.hpp"

namespace hscore {

constexpr Index tile_width = 32;

/// A matrix by tiles of columns: [tile][row][lane], the last tile padded with zeros.
template <class T>
class ColumnTiles {
 public:
  ColumnTiles(Index rows, Index cols)
      : rows_(rows),
        tiles_((cols + tile_width - 1) / tile_width),
        values_(rows_, tiles_ * tile_width) {
    std::fill_n(values_.data(), values_.size(), T(0));
  }
  Index rows() const { return rows_; }
  Index tiles() const { return tiles_; }
  T* row(Index tile, Index i) { return values_.data() + (tile * rows_ + i) * tile_width; }
  const T* row(Index tile, Index i) const {
    return values_.data() + (tile * rows_ + i) * tile_width;
  }

 private:
  Index rows_;
  Index tiles_;
  AlignedBuffer<T> values_;
};

/// The scratch of one thread: sums of type T over one block of rows, added to float64 sums after
/// it, so that float32 never adds up more than a block.
template <class T>
class TargetSums {
 public:
  static constexpr Index targets_per_sweep = 4;
  static Index block_rows(Index classes) { return std::max<Index>(1024, 4 * classes); }

  explicit TargetSums(Index most_classes)
      : classes_(most_classes), sums_(targets_per_sweep * most_classes, tile_width) {}

  /// Rows first .. first+rows of one tile; sums[t] points to target t's first class, classes are
  /// `stride` apart.
  void add(const T* block, Index first, Index rows, const LabelView* targets, Index count,
           double* const* sums, Index stride) {
    Index t = 0;
    for (; t + targets_per_sweep <= count; t += targets_per_sweep) {
      sweep<targets_per_sweep>(block, first, rows, targets + t, sums + t, stride);
    }
    for (; t < count; ++t) sweep<1>(block, first, rows, targets + t, sums + t, stride);
  }

 private:
  using Line = Eigen::Array<T, tile_width, 1>;
  using LineMap = Eigen::Map<Line, Eigen::Aligned64>;
  using ConstLineMap = Eigen::Map<const Line, Eigen::Aligned64>;

  template <Index Count>
  void sweep(const T* block, Index first, Index rows, const LabelView* targets, double* const* sums,
             Index stride) {
    std::array<const std::int32_t*, Count> codes;
    std::array<T*, Count> here;
    for (std::size_t t = 0; t < Count; ++t) {
      codes[t] = targets[t].codes + first;
      here[t] = sums_.data() + static_cast<Index>(t) * classes_ * tile_width;
      std::fill_n(here[t], targets[t].classes * tile_width, T(0));
    }
    for (Index i = 0; i < rows; ++i) {
      const Line line = ConstLineMap(block + i * tile_width);
      for (std::size_t t = 0; t < Count; ++t) {
        LineMap(here[t] + static_cast<Index>(codes[t][i]) * tile_width) += line;
      }
    }
    for (std::size_t t = 0; t < Count; ++t) {
      for (Index c = 0; c < targets[t].classes; ++c) {
        const T* source = here[t] + c * tile_width;
        double* target = sums[t] + c * stride;
        for (Index l = 0; l < tile_width; ++l) target[l] += static_cast<double>(source[l]);
      }
    }
  }

  Index classes_;
  AlignedBuffer<T> sums_;
};

}  // namespace hscore
