// Rows in int16, for a scatter that need only be near the true one. Every feature has a scale of
// its own in every stretch of rows, so that the noise is some 2e-4 of its size there whatever the
// size, and neither an int16 nor an int32 sum of products can overflow.
#pragma once

#include <cmath>

#include "product/packing.hpp"
#include "simd/int16_kernel.hpp"

namespace hscore {

/// What rounding by a scale for every feature in every stretch of rows has done.
class StretchNoise {
 public:
  StretchNoise(Index most_stretches, Index padded_features)
      : features_(padded_features),
        scales_(most_stretches, features_),
        added_(1, features_),
        noise_(1, features_) {}

  /// Before the first rows.
  void clear_noise() {
    std::fill_n(added_.data(), added_.size(), 0.0);
    std::fill_n(noise_.data(), noise_.size(), 0.0);
  }
  const double* scales(Index stretch) const { return scales_.data() + stretch * features_; }
  double* scales(Index stretch) { return scales_.data() + stretch * features_; }
  /// Per feature, over all rows yet: the sum of the variances of the rounding errors, which is what
  /// they add to its sum of squares as a rule.
  double* added() { return added_.data(); }
  /// Over all rows yet, the sum of these variances times the values' squares: a value of 0 may have
  /// no error, and then the rows that count have all of it.
  double* noise() { return noise_.data(); }

 private:
  Index features_;
  AlignedBuffer<double> scales_;
  AlignedBuffer<double> added_;
  AlignedBuffer<double> noise_;
};

/// Row k of a slice holds rows k and k + depth of a stretch of up to 2 depth rows.
class Int16Rows : public PackedRows<kernel::RowPair>, public StretchNoise {
 public:
  Int16Rows(Index most_rows, Index features, Index stretch, int threads)
      : PackedRows(pairs(most_rows, stretch), features, stretch / 2),
        StretchNoise((most_rows + stretch - 1) / stretch, strips() * width),
        most_rows_(most_rows),
        stretch_(stretch),
        centred_(stretch, stretch / 2, threads) {}

  Index most_rows() const { return most_rows_; }
  Index stretch() const { return stretch_; }
  void set_rows(Index rows) { PackedRows::set_rows(pairs(rows, stretch_)); }
  /// One stretch of rows on its way into int16.
  PanelScratch<float>& centred() { return centred_; }

 private:
  static Index pairs(Index rows, Index stretch) {
    return rows / stretch * (stretch / 2) + std::min(rows % stretch, stretch / 2);
  }
  Index most_rows_;
  Index stretch_;
  PanelScratch<float> centred_;
};

#if defined(HSCORE_ROW_PAIRS)

namespace detail {

// Added before rounding, which makes the error of every value a random number of mean zero whatever
// the value, and of variance at most a quarter (Roberts 1962): the zeros of rectified features,
// say, would otherwise all have the same error, and errors that go with the values do not average
// out. Every lane is a generator of its own, so that no two errors share a number.
class Dither {
 public:
  static constexpr Index width = kernel::Shape<float>::width;
  using Floats = kernel::Shape<float>::Vector;

  Dither(Index row, Index strip) {
    for (Index l = 0; l < width; ++l) {
      // The finalizer of MurmurHash3 of row, strip and lane.
      std::uint64_t bits = static_cast<std::uint64_t>(row) * 0x9e3779b97f4a7c15u +
                           static_cast<std::uint64_t>(strip * width + l + 1);
      bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdu;
      bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53u;
      state_[l] = static_cast<std::uint32_t>(bits >> 32);
    }
  }
  /// Uniform in [-1/2, 1/2).
  HSCORE_INLINE Floats operator()() {
    state_ = state_ * 1664525u + 1013904223u;
    // The high bits as the fraction of a number in [1, 2).
    return (Floats)((state_ >> 9) | 0x3f800000u) - 1.5f;
  }

 private:
  typedef std::uint32_t State __attribute__((vector_size(kernel::vector_bytes)));
  State state_;
};

/// The rows of one strip that become the first of their pairs, or the second. Each half has numbers
/// of its own to add up and draw: one set alone would wait for itself.
class Half {
 public:
  using Floats = kernel::Shape<float>::Vector;
  static constexpr Index width = kernel::Shape<float>::width;
  static_assert(width == kernel::Shape<float>::lanes && width == Int16Rows::width);

  Half(const float* rows, Dither dither) : rows_(rows), dither_(dither) {}

  HSCORE_INLINE void measure(Index k) {
    const Floats value = row(k);
    squares += value * value;
    const Floats magnitude = size(value);
    largest = magnitude > largest ? magnitude : largest;
  }
  /// What is to be rounded to the nearest integer.
  HSCORE_INLINE Floats scaled(Index k, Floats inverse) {
    constexpr float rounding = 0x1.8p23f;
    const Floats value = row(k) * inverse;
    const Floats distance = size(value - ((value + rounding) - rounding));
    // A value between two integers goes to either, at a mean of d (1 - d) from itself squared.
    const Floats mean_square = distance - distance * distance;
    variance += mean_square;
    weighted += mean_square * (value * value);
    return value + dither_();
  }

  Floats squares = {};
  Floats largest = {};
  Floats variance = {};
  Floats weighted = {};  // by the values' squares

 private:
  HSCORE_INLINE Floats row(Index k) const {
    return *reinterpret_cast<const Floats*>(rows_ + k * width);
  }
  HSCORE_INLINE static Floats size(Floats value) { return value < 0 ? -value : value; }

  const float* rows_;
  Dither dither_;
};

/// One strip of `rows` centred rows, up to `depth` of them in the first half. By Cauchy and Schwarz
/// no sum of products exceeds the product of two norms, and 46300 leaves room for the rounding.
inline void quantize_strip(Half first, Half second, Index rows, Index depth, double* scales,
                           double* added, double* noise, kernel::RowPair* target) {
  using Floats = Half::Floats;
  constexpr Index width = Half::width;
  constexpr float most_norm = 46300;
  constexpr float most_value = 32760;
  const Index pairs = std::min(rows, depth);
  const Index full = rows - pairs;
  for (Index k = 0; k < full; ++k) {
    first.measure(k);
    second.measure(k);
  }
  for (Index k = full; k < pairs; ++k) first.measure(k);
  const Floats squares = first.squares + second.squares;
  Floats inverse;
  for (Index l = 0; l < width; ++l) {
    const float largest = std::max(first.largest[l], second.largest[l]);
    const float scale = std::max(std::sqrt(squares[l]) / most_norm, largest / most_value);
    inverse[l] = scale > 0 ? 1 / scale : 0.0f;
    scales[l] = static_cast<double>(scale);
  }
  const auto store = [&](Index k, Floats a, Floats b) {
    *reinterpret_cast<kernel::RowPairs*>(target + k * width) = kernel::pair_rows(a, b);
  };
  for (Index k = 0; k < full; ++k) store(k, first.scaled(k, inverse), second.scaled(k, inverse));
  for (Index k = full; k < pairs; ++k) store(k, first.scaled(k, inverse), Floats{});
  const Floats variance = first.variance + second.variance;
  const Floats weighted = first.weighted + second.weighted;
  for (Index l = 0; l < width; ++l) {
    const double unit = scales[l] * scales[l];
    added[l] += unit * static_cast<double>(variance[l]);
    noise[l] += unit * static_cast<double>(weighted[l]) * unit;
  }
}

}  // namespace detail

/// The class sums are exact. `start` is the place of the first row.
inline void pack_rows(const FeatureView& x, Index start, const std::int32_t* codes,
                      const double* weights, const double* shift, PaddedMatrix& sums,
                      Int16Rows& out, int threads) {
  out.set_rows(x.rows);
  const Index depth = out.slice_capacity();
  detail::for_each_panel(x, out.strips(), out.width, threads, [&](Index first, Index last) {
    out.centred().with_panel(first, [&](PackedRows<float>& centred) {
      for (Index slice = 0; slice < out.slices(); ++slice) {
        const Index begin = slice * out.stretch();
        const Index rows = std::min(out.stretch(), x.rows - begin);
        detail::pack_strips(x.row_range(begin, rows), codes + begin,
                            weights == nullptr ? nullptr : weights + begin, first, last, shift,
                            sums, detail::Unsquared{}, centred);
        for (Index strip = first; strip < last; ++strip) {
          const auto half = [&](Index which) {
            return detail::Half(centred.strip(rows > depth ? which : 0, strip),
                                detail::Dither(start + begin + which * depth, strip));
          };
          detail::quantize_strip(half(0), half(1), rows, depth,
                                 out.scales(slice) + strip * out.width,
                                 out.added() + strip * out.width, out.noise() + strip * out.width,
                                 out.strip(slice, strip));
        }
      }
    });
  });
}

#endif

}  // namespace hscore
