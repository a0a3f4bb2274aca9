// Rows as integers of two to four digits of eight bits for the tile unit, which multiplies them
// exactly: what is not exact is the rounding, by a known law. Every feature has a scale of its own
// in every stretch of rows, so that its largest value there takes all digits.
//
// A digit of 64 rows of a strip is a tile, kept twice: [group of four rows][feature][row] as the
// right side of a product takes it, and [feature][group of four rows][row] for the left.
#pragma once

#include <cstring>
#include <optional>
#include <type_traits>

#include "product/int16_rows.hpp"
#include "simd/tile_unit.hpp"

namespace hscore {

class DigitRows : public StretchNoise {
 public:
  using Element = std::int8_t;
  static constexpr Index width = tiles::side;
  /// Rows that share a scale: as many as fit into the first-level cache twice over, or nearly, and
  /// into sums of int32 when their weights are put together.
  static constexpr Index stretch(int digits) { return digits == 2 ? 512 : 384; }

  DigitRows(Index most_rows, Index features, int digits, int threads)
      : StretchNoise(in_stretches(most_rows, digits), PaddedMatrix::round_up(features)),
        most_rows_(most_rows),
        digits_(digits),
        strips_((features + width - 1) / width),
        left_(in_stretches(most_rows, digits) * strips_, strip_stride()),
        right_(in_stretches(most_rows, digits) * strips_, strip_stride()) {
    if (digits == 2) {
      floats_.emplace(stretch(), stretch(), threads);
    } else {
      doubles_.emplace(stretch(), stretch(), threads);
    }
  }

  Index most_rows() const { return most_rows_; }
  void set_rows(Index rows) { rows_ = rows; }
  int digits() const { return digits_; }
  Index stretch() const { return stretch(digits_); }
  Index strips() const { return strips_; }
  Index slices() const { return in_stretches(rows_, digits_); }
  Index slice_rows(Index slice) const { return std::min(stretch(), rows_ - slice * stretch()); }
  /// Of 64 rows each, the last of which may be filled up with zeros.
  Index steps(Index slice) const { return in_steps(slice_rows(slice)); }
  Index strip_stride() const {
    return in_steps(std::min(most_rows_, stretch())) * digits_ * tiles::bytes;
  }
  const Element* left(Index slice, Index strip) const { return left_.data() + at(slice, strip); }
  const Element* right(Index slice, Index strip) const { return right_.data() + at(slice, strip); }
  Element* left(Index slice, Index strip) { return left_.data() + at(slice, strip); }
  Element* right(Index slice, Index strip) { return right_.data() + at(slice, strip); }
  /// One stretch of rows on its way into two digits or more: float32 has the bits of three, and
  /// stays in nearer caches.
  template <class T>
  PanelScratch<T>& centred() {
    if constexpr (std::is_same_v<T, float>) {
      return *floats_;
    } else {
      return *doubles_;
    }
  }

 private:
  static Index in_steps(Index rows) { return (rows + tiles::rows - 1) / tiles::rows; }
  static Index in_stretches(Index rows, int digits) {
    return (rows + stretch(digits) - 1) / stretch(digits);
  }
  Index at(Index slice, Index strip) const { return (slice * strips_ + strip) * strip_stride(); }

  Index most_rows_;
  Index rows_ = 0;
  int digits_;
  Index strips_;
  AlignedBuffer<Element> left_;
  AlignedBuffer<Element> right_;
  std::optional<PanelScratch<float>> floats_;
  std::optional<PanelScratch<double>> doubles_;
};

#if defined(HSCORE_TILE_UNIT)

namespace detail {

typedef std::int32_t Digits __attribute__((vector_size(64), may_alias));

// Sixteen rows of sixteen int32 become sixteen columns.
inline void transpose_tile(const std::int8_t* from, std::int8_t* to) {
  const Digits* rows = reinterpret_cast<const Digits*>(from);
  Digits a[16];
  Digits b[16];
  for (int i = 0; i < 16; ++i) a[i] = rows[i];
  // Pairs of rows i and i + 8, four times over, are a shuffle of the index's bits.
  constexpr Digits low = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23};
  constexpr Digits high = {8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
#pragma GCC unroll 4
  for (int round = 0; round < 4; ++round) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = __builtin_shuffle(a[i], a[i + 8], low);
      b[2 * i + 1] = __builtin_shuffle(a[i], a[i + 8], high);
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = b[i];
  }
  for (int i = 0; i < 16; ++i) reinterpret_cast<Digits*>(to)[i] = a[i];
}

template <int digits>
using Centred = std::conditional_t<digits == 2, float, double>;

// One strip of `rows` centred rows, in as many parts as registers hold its features; a part that is
// null is zero.
template <int digits, class T>
void quantize_strip(const T* const* strip, Index rows, Dither dither, double* scales, double* added,
                    double* noise, std::int8_t* left, std::int8_t* right) {
  using Vector = typename kernel::Shape<T>::Vector;
  constexpr Index lanes = kernel::Shape<T>::lanes;
  constexpr Index parts = tiles::side / lanes;
  const auto value_at = [&](Index k, Index part) {
    const T* values = strip[part];
    return values == nullptr ? Vector{} : *reinterpret_cast<const Vector*>(values + k * lanes);
  };
  Vector largest[parts] = {};
  Vector squares[parts] = {};
  for (Index k = 0; k < rows; ++k) {
    for (Index p = 0; p < parts; ++p) {
      const Vector value = value_at(k, p);
      const Vector size = value < 0 ? -value : value;
      largest[p] = size > largest[p] ? size : largest[p];
      squares[p] += value * value;
    }
  }
  // The first digit of any value is at most 127 then, the dither included.
  constexpr double most_value = 127.0 * static_cast<double>(Index{1} << (8 * (digits - 1))) - 1;
  // What underflows has no square to speak of, and the inverse is finite.
  constexpr double least_scale = std::is_same_v<T, float> ? 1e-37 : 1e-300;
  Vector inverse[parts];
  for (Index at = 0; at < tiles::side; ++at) {
    const double size = static_cast<double>(largest[at / lanes][at % lanes]);
    const double scale = std::max(size / most_value, least_scale);
    inverse[at / lanes][at % lanes] = static_cast<T>(1 / scale);
    scales[at] = 1 / static_cast<double>(inverse[at / lanes][at % lanes]);
  }
  Vector variance[parts] = {};
  Vector weighted[parts] = {};  // by the values' squares
  constexpr std::int32_t lower = digits == 4 ? 0x808080 : digits == 3 ? 0x8080 : 0x80;
  const auto rounded = [&](Index k) -> Digits {
    if (k >= rows) return Digits{};
    const Dither::Floats noises = dither();
    Digits integers;
    // Adding 1.5 * 2^23, or 2^52 to a double, leaves the nearest integer in the low bits.
    if constexpr (std::is_same_v<T, float>) {
      constexpr float rounding = 0x1.8p23f;
      const Vector exact = value_at(k, 0) * inverse[0];
      // A value between two integers goes to either, at a mean of d (1 - d) from itself squared. Of
      // more digits it need not be known so well.
      const Vector away = exact - ((exact + rounding) - rounding);
      const Vector distance = away < 0 ? -away : away;
      const Vector mean_square = distance - distance * distance;
      variance[0] += mean_square;
      weighted[0] += mean_square * (exact * exact);
      integers = (Digits)(exact + noises + rounding);
    } else {
      constexpr double rounding = 0x1.8p52;
      constexpr Digits low_words = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
      kernel::HalfFloatVector halves[2];
      std::memcpy(halves, &noises, sizeof halves);
      Digits words[2];
      for (Index p = 0; p < parts; ++p) {
        const Vector value = value_at(k, p) * inverse[p] +
                             __builtin_convertvector(halves[p], kernel::DoubleVector) + rounding;
        std::memcpy(&words[p], &value, sizeof value);
      }
      integers = __builtin_shuffle(words[0], words[1], low_words);
    }
    // Digits of -128 to 127: half of the range is added before it is cut, and taken off after.
    return (integers + lower) ^ lower;
  };
  const Index steps = (rows + tiles::rows - 1) / tiles::rows;
  constexpr std::int32_t even_bytes = 0x00ff00ff;
  constexpr std::int32_t odd_bytes = ~even_bytes;
  typedef std::uint32_t Bits __attribute__((vector_size(64)));
  for (Index step = 0; step < steps; ++step) {
    for (Index group = 0; group < tiles::side; ++group) {
      const Index k = step * tiles::rows + 4 * group;
      const Digits row[4] = {rounded(k), rounded(k + 1), rounded(k + 2), rounded(k + 3)};
      // Bytes of the four rows, by digit.
      Digits even[2];
      Digits odd[2];
      for (int p = 0; p < 2; ++p) {
        even[p] = (row[2 * p] & even_bytes) | ((row[2 * p + 1] & even_bytes) << 8);
        odd[p] = (Digits)(((Bits)row[2 * p] >> 8) & (Bits)(Digits{} + even_bytes)) |
                 (row[2 * p + 1] & odd_bytes);
      }
      const Digits last[4] = {(even[0] & 0xffff) | (even[1] << 16),
                              (odd[0] & 0xffff) | (odd[1] << 16),
                              (Digits)((Bits)even[0] >> 16) | (even[1] & ~0xffff),
                              (Digits)((Bits)odd[0] >> 16) | (odd[1] & ~0xffff)};
      for (int d = 0; d < digits; ++d) {
        *reinterpret_cast<Digits*>(right + (step * digits + d) * tiles::bytes + group * 64) =
            last[digits - 1 - d];
      }
    }
    for (int d = 0; d < digits; ++d) {
      const Index at = (step * digits + d) * tiles::bytes;
      transpose_tile(right + at, left + at);
    }
  }
  for (Index at = 0; at < tiles::side; ++at) {
    const Index p = at / lanes;
    const Index l = at % lanes;
    const double unit = scales[at] * scales[at];
    if (digits == 2) {
      added[at] += unit * static_cast<double>(variance[p][l]);
      noise[at] += unit * static_cast<double>(weighted[p][l]) * unit;
    } else {
      added[at] += unit * static_cast<double>(rows) / 4;
      noise[at] += unit / 4 * static_cast<double>(squares[p][l]);
    }
    scales[at] *= tiles::root_of_unit<digits>;
  }
}

}  // namespace detail

/// The class sums are exact. `start` is the place of the first row.
inline void pack_rows(const FeatureView& x, Index start, const std::int32_t* codes,
                      const double* weights, const double* shift, PaddedMatrix& sums,
                      DigitRows& out, int threads) {
  out.set_rows(x.rows);
  tiles::with_digits(out.digits(), [&](auto digits) {
    using T = detail::Centred<digits>;
    constexpr Index parts = DigitRows::width / PackedRows<T>::width;
    const Index last_part = (x.cols - 1) / PackedRows<T>::width;
    detail::for_each_panel(x, out.strips(), out.width, threads, [&](Index first, Index last) {
      out.centred<T>().with_panel(parts * first, [&](PackedRows<T>& centred) {
        for (Index slice = 0; slice < out.slices(); ++slice) {
          const Index begin = slice * out.stretch();
          const Index rows = out.slice_rows(slice);
          detail::pack_strips(x.row_range(begin, rows), codes + begin,
                              weights == nullptr ? nullptr : weights + begin, parts * first,
                              std::min(parts * last, last_part + 1), shift, sums,
                              detail::Unsquared{}, centred);
          for (Index strip = first; strip < last; ++strip) {
            const T* values[parts];
            for (Index p = 0; p < parts; ++p) {
              const Index part = parts * strip + p;
              values[p] = part <= last_part ? centred.strip(0, part) : nullptr;
            }
            detail::quantize_strip<digits>(
                values, rows, detail::Dither(start + begin, strip),
                out.scales(slice) + strip * out.width, out.added() + strip * out.width,
                out.noise() + strip * out.width, out.left(slice, strip), out.right(slice, strip));
          }
        }
      });
    });
  });
}

#endif

}  // namespace hscore
