// Class sums of many targets about one centre, whitened when all rows are in.
#pragma once

#include <vector>

#include "factor/whitened_rows.hpp"
#include "hscore/parallel.hpp"
#include "targets/target_sums.hpp"

namespace hscore {

class ClassSums {
 public:
  explicit ClassSums(Index features)
      : features_(features), tiles_((features + tile_width - 1) / tile_width) {}

  Index targets() const { return static_cast<Index>(sums_.size()); }
  const double* sum(Index target, Index c) const {
    return sums_[static_cast<std::size_t>(target)].row(c);
  }
  void set(Index target, Index c, const double* values) {
    std::copy_n(values, features_, sums_[static_cast<std::size_t>(target)].row(c));
  }

  /// Make room for as many classes of each target, targets that are new included.
  void grow(const std::vector<LabelView>& targets) {
    sums_.resize(std::max(sums_.size(), targets.size()));
    for (std::size_t t = 0; t < targets.size(); ++t) {
      const Index before = sums_[t].rows();
      if (targets[t].classes <= before) continue;
      // New classes may come one by one.
      const Index room =
          before == 0 ? targets[t].classes : std::max(targets[t].classes, before + before / 2);
      PaddedMatrix larger(room, tiles_ * tile_width);
      for (Index c = 0; c < before; ++c) {
        std::copy_n(sums_[t].row(c), features_, larger.row(c));
      }
      sums_[t] = std::move(larger);
    }
  }

  /// Add rows, for which there is room. read(i, column, count, target) reads part of row i about
  /// the centre; pause() is called now and then on the calling thread.
  template <class Read, class Pause>
  void add(const std::vector<LabelView>& targets, Read&& read, int threads, Pause&& pause) {
    if (targets.empty()) return;
    const Index rows = targets.front().rows;
    Index most = 1;
    for (const LabelView& target : targets) most = std::max(most, target.classes);
    const Index block_rows = TargetSums<double>::block_rows(most);
    // Threads meet, and the caller may stop, after a stretch of rows.
    const Index stretch = 16 * block_rows;
    for (Index start = 0; start < rows; start += stretch) {
      pause();
      const Index end = std::min(rows, start + stretch);
      parallel_for(tiles_, threads, [&](Index tile) {
        const Index column = tile * tile_width;
        const Index width = std::min(tile_width, features_ - column);
        AlignedBuffer<double> block(block_rows, tile_width);
        std::fill_n(block.data(), block.size(), 0.0);
        TargetSums<double> scratch(most);
        std::vector<double*> to;
        for (PaddedMatrix& sums : sums_) to.push_back(sums.row(0) + column);
        for (Index first = start; first < end; first += block_rows) {
          const Index count = std::min(block_rows, end - first);
          for (Index i = 0; i < count; ++i) {
            read(first + i, column, width, block.data() + i * tile_width);
          }
          scratch.add(block.data(), first, count, targets.data(), targets_in(targets), to.data(),
                      sums_.front().stride());
        }
      });
    }
  }

 private:
  static Index targets_in(const std::vector<LabelView>& targets) {
    return static_cast<Index>(targets.size());
  }
  Index features_;
  Index tiles_;
  std::vector<PaddedMatrix> sums_;  // per target, a row for each class
};

}  // namespace hscore
