#include "hscore/row_blocks.hpp"

#include <string>

namespace hscore {

void for_each_block(const FeatureView& view,
                    const std::function<void(const FeatureView& block, Index first)>& body) {
  if (view.kind() != FeatureKind::blocks) {
    if (view.rows > 0) body(view, 0);
    return;
  }
  Index done = 0;
  ++view.blocks->readings_;
  view.blocks->walk([&](const FeatureView& block) {
    if (block.cols != view.cols || block.rows > view.rows - done ||
        block.kind() == FeatureKind::blocks) {
      throw std::invalid_argument("a block of " + std::to_string(block.rows) + " x " +
                                  std::to_string(block.cols) + " does not fit features of " +
                                  std::to_string(view.rows) + " x " + std::to_string(view.cols) +
                                  " from row " + std::to_string(done));
    }
    // What is promised depends on it.
    if (is_narrow(view.dtype) && !is_narrow(block.dtype)) {
      throw std::invalid_argument("a block is of a wider type than the features");
    }
    if (block.rows > 0) body(block, done);
    done += block.rows;
  });
  if (done != view.rows) {
    throw std::invalid_argument("the blocks have " + std::to_string(done) + " rows, the features " +
                                std::to_string(view.rows));
  }
}

}  // namespace hscore
