// Rows in int16, for a scatter that need only be near the true one. Every feature has a scale of
// its own in every stretch of rows, so that the noise is some 2e-4 of its size there whatever the
// size, and neither an int16 nor an int32 sum of products can overflow.
#pragma once

#include <cmath>

#include "packing.hpp"

namespace hscore {

/// Rounding error of a value, relative to the size of its feature: a sixth of the squared unit is
/// the variance, and a norm of 32700 spread over 384 rows is 1669 units a row.
constexpr double int16_noise = 2.45e-4;

/// Row k of a slice holds rows k and k + depth of a stretch of up to 2 depth rows.
class QuantizedRows : public PackedRows<kernel::RowPair> {
 public:
  static constexpr Index stretch = 2 * kernel::depth;

  QuantizedRows(Index most_rows, Index features)
      : PackedRows(pairs(most_rows), features),
        centred_(std::min(most_rows, stretch), features),
        scales_((most_rows + stretch - 1) / stretch, strips() * width) {}

  void set_rows(Index rows) { PackedRows::set_rows(pairs(rows)); }
  const double* scales(Index slice) const { return scales_.data() + slice * strips() * width; }
  double* scales(Index slice) { return scales_.data() + slice * strips() * width; }
  /// One stretch of rows on its way into int16.
  PackedRows<float>& centred() { return centred_; }

 private:
  static Index pairs(Index rows) {
    return rows / stretch * kernel::depth + std::min(rows % stretch, kernel::depth);
  }
  PackedRows<float> centred_;
  AlignedBuffer<double> scales_;
};

#if defined(HSCORE_ROW_PAIRS)

namespace detail {

// Added before rounding, so that equal values, such as the zeros of rectified features, do not all
// have the same error: without it, errors go with the values and do not average out (Roberts 1962).
struct Dither {
  constexpr Dither() {
    std::uint32_t state = 2463534242;
    for (float& value : values) {
      state = state * 1664525u + 1013904223u;
      value = static_cast<float>(state >> 9) * 0x1p-23f - 0.5f;
    }
  }
  float values[QuantizedRows::stretch] = {};
};
inline constexpr Dither dither;

/// One strip of `rows` centred rows, the first `depth` of them at `first`. By Cauchy and Schwarz
/// no sum of products exceeds the product of two norms, and a norm of 32700 bounds the values too.
inline void quantize_strip(const float* first, const float* second, Index rows, double* scales,
                           kernel::RowPair* target) {
  using Floats = kernel::Shape<float>::Vector;
  constexpr Index width = kernel::Shape<float>::width;
  static_assert(width == kernel::Shape<float>::lanes && width == QuantizedRows::width);
  constexpr float norm = 32700;
  const auto load = [](const float* source) { return *reinterpret_cast<const Floats*>(source); };
  const Index pairs = std::min(rows, kernel::depth);
  const Index full = rows - pairs;
  Floats squares = {};
  for (Index k = 0; k < pairs; ++k) squares += load(first + k * width) * load(first + k * width);
  for (Index k = 0; k < full; ++k) squares += load(second + k * width) * load(second + k * width);
  Floats inverse;
  for (Index l = 0; l < width; ++l) {
    const float length = std::sqrt(squares[l]);
    inverse[l] = length > 0 ? norm / length : 0.0f;
    scales[l] = length > 0 ? static_cast<double>(length) / norm : 0.0;
  }
  const auto scaled = [&](const float* source, Index k, Index row) {
    return load(source + k * width) * inverse + dither.values[row];
  };
  const auto store = [&](Index k, Floats a, Floats b) {
    *reinterpret_cast<kernel::RowPairs*>(target + k * width) = kernel::pair_rows(a, b);
  };
  for (Index k = 0; k < full; ++k) {
    store(k, scaled(first, k, k), scaled(second, k, k + kernel::depth));
  }
  for (Index k = full; k < pairs; ++k) store(k, scaled(first, k, k), Floats{});
}

}  // namespace detail

/// As for float32: the class sums and `squares` are exact.
inline void pack_rows(const FeatureView& x, const std::int32_t* codes, const double* weights,
                      const double* shift, PaddedMatrix& sums, double* squares, QuantizedRows& out,
                      int threads) {
  constexpr Index stretch = QuantizedRows::stretch;
  out.set_rows(x.rows);
  PackedRows<float>& centred = out.centred();
  detail::for_each_panel(out.strips(), out.width, threads, [&](Index first, Index last) {
    for (Index slice = 0; slice < out.slices(); ++slice) {
      const Index start = slice * stretch;
      const Index rows = std::min(stretch, x.rows - start);
      detail::pack_strips(x.row_range(start, rows), codes + start,
                          weights == nullptr ? nullptr : weights + start, first, last, shift, sums,
                          squares, centred);
      for (Index strip = first; strip < last; ++strip) {
        const float* second = rows > kernel::depth ? centred.strip(1, strip) : nullptr;
        detail::quantize_strip(centred.strip(0, strip), second, rows,
                               out.scales(slice) + strip * out.width, out.strip(slice, strip));
      }
    }
  });
}

#endif

}  // namespace hscore
