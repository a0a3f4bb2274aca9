// Rows that are somewhere else, in a file say, and come in blocks: what is summed over rows is
// summed over any number of them.
#pragma once

#include <functional>

#include "hscore/views.hpp"

namespace hscore {

class RowBlocks {
 public:
  using Body = std::function<void(const FeatureView& block)>;

  virtual ~RowBlocks() = default;
  /// Calls body with all blocks in order, each a matrix in memory for as long as that call. May be
  /// asked for again, and then begins anew. What the body throws ends it.
  virtual void walk(const Body& body) const = 0;
  /// The first block, valid until the next walk.
  virtual FeatureView first() const = 0;
  /// How many times for_each_block has begun to read them.
  int readings() const { return readings_; }

 private:
  friend void for_each_block(
      const FeatureView& view,
      const std::function<void(const FeatureView& block, Index first)>& body);
  mutable int readings_ = 0;
};

/// Calls body(block, its first row) for the blocks of a view in order: all of it, if it is a matrix
/// in memory. None is empty. Throws std::invalid_argument where the blocks do not make up the view.
void for_each_block(const FeatureView& view,
                    const std::function<void(const FeatureView& block, Index first)>& body);

}  // namespace hscore
