// sum_i x_i v_i' over rows that come a few at a time: the features' side of T Z. What is wanted is
// how far it is from B, for which float32 products are enough; they are added to float64 sums once
// per slice of rows, as the covariance's are.
#pragma once

#include "product/packing.hpp"
#include "simd/float_kernel.hpp"

namespace hscore {

class BackProduct {
 public:
  using Shape = kernel::Shape<float>;
  static constexpr Index width = Shape::width;

  BackProduct(Index features, Index lanes)
      : fits_(kernel::depth, lanes),
        sums_((features + width - 1) / width * width, fits_.strips() * width),
        stride_(sums_.rows() + 16),  // not a multiple of a page
        rows_(kernel::depth, stride_) {
    // What lies beyond the last feature or lane is multiplied as well, and never read.
    std::fill_n(rows_.data(), rows_.size(), 0.0f);
    std::fill_n(fits_.strip(0, 0), fits_.strips() * fits_.strip_stride(), 0.0f);
    sums_.fault_in();
  }

  /// Where row i of those to add next belongs, and its fits from `first_lane` on.
  float* row(Index i) { return rows_.data() + (held_ + i) * stride_; }
  void set_fit(Index i, Index first_lane, const double* v, Index lanes) {
    float* target = fits_.strip(0, first_lane / width) + (held_ + i) * width;
    for (Index j = 0; j < lanes; j += width, target += fits_.strip_stride()) {
      for (Index l = 0; l < width; l += kernel::double_lanes) {
        kernel::store_lanes(target + l, kernel::load_lanes(v + j + l));
      }
    }
  }
  /// So many were set. There is room for `most` further ones afterwards.
  void add(Index rows, Index most) {
    held_ += rows;
    if (held_ + most > kernel::depth) multiply();
  }
  void multiply() {
    constexpr Index panel = 256;  // features whose rows stay in the second-level cache
    static_assert(panel % width == 0 && width % Shape::broadcasts == 0);
    const Index tiles = (fits_.strips() + Shape::strips - 1) / Shape::strips;
    for (Index first = 0; first < sums_.rows(); first += panel) {
      const Index end = std::min(sums_.rows(), first + panel);
      for (Index tile = 0; tile < tiles; ++tile) {
        const Index strip = tile * fits_.strips() / tiles;
        const Index strips = (tile + 1) * fits_.strips() / tiles - strip;
        for (Index j = first; j < end; j += Shape::broadcasts) multiply_tile(j, strip, strips);
      }
    }
    held_ = 0;
  }
  /// Once all is multiplied.
  double operator()(Index feature, Index lane) const { return sums_(feature, lane); }

 private:
  void multiply_tile(Index feature, Index strip, Index strips) {
    const float* a = rows_.data() + feature;
    double* target = sums_.row(feature) + strip * width;
    kernel::with_strips<Shape::strips>(strips, [&](auto count) {
      kernel::fetch_tile<Shape::broadcasts, Shape::strips * width>(target, sums_.stride());
      kernel::micro_kernel<float, decltype(count)::value>(
          a, stride_, 1, kernel::FetchNext{width}, fits_.strip(0, strip), fits_.strip_stride(),
          held_, [&](Index m, Index v, auto value) {
            kernel::add_to<float>(target + m * sums_.stride() + v * Shape::lanes, value);
          });
    });
  }

  PackedRows<float> fits_;
  PaddedMatrix sums_;
  Index stride_;
  AlignedBuffer<float> rows_;
  Index held_ = 0;
};

}  // namespace hscore
