// Rows as integers of two to four digits of eight bits for the tile unit, which multiplies them
// exactly: what is not exact is the rounding, by a known law. Every feature has a scale of its own
// in every stretch of rows, so that its largest value there takes all digits.
//
// A digit of 64 rows of a strip is a tile, kept twice: [group of four rows][feature][row] as the
// right side of a product takes it, and [feature][group of four rows][row] for the left.
#pragma once

#include <cstring>

#include "quantized_rows.hpp"
#include "tile_unit.hpp"

namespace hscore {

class FixedPointRows : public StretchNoise {
 public:
  using Element = std::int8_t;
  static constexpr Index width = tiles::side;
  /// Rows that share a scale: as many as fit into the first-level cache twice over, or nearly, and
  /// into sums of int32 when their weights are put together.
  static constexpr Index stretch = 384;

  FixedPointRows(Index most_rows, Index features, int digits, int threads)
      : StretchNoise(stretches(most_rows), PaddedMatrix::round_up(features)),
        most_rows_(most_rows),
        digits_(digits),
        strips_((features + width - 1) / width),
        left_(stretches(most_rows) * strips_, strip_stride()),
        right_(stretches(most_rows) * strips_, strip_stride()),
        centred_(stretch, stretch, threads) {}

  Index most_rows() const { return most_rows_; }
  void set_rows(Index rows) { rows_ = rows; }
  int digits() const { return digits_; }
  Index strips() const { return strips_; }
  Index slices() const { return stretches(rows_); }
  Index slice_rows(Index slice) const { return std::min(stretch, rows_ - slice * stretch); }
  /// Of 64 rows each, the last of which may be filled up with zeros.
  Index steps(Index slice) const { return in_steps(slice_rows(slice)); }
  Index strip_stride() const {
    return in_steps(std::min(most_rows_, stretch)) * digits_ * tiles::bytes;
  }
  const Element* left(Index slice, Index strip) const { return left_.data() + at(slice, strip); }
  const Element* right(Index slice, Index strip) const { return right_.data() + at(slice, strip); }
  Element* left(Index slice, Index strip) { return left_.data() + at(slice, strip); }
  Element* right(Index slice, Index strip) { return right_.data() + at(slice, strip); }
  /// One stretch of rows on its way into digits.
  PanelScratch<double>& centred() { return centred_; }

 private:
  static Index in_steps(Index rows) { return (rows + tiles::rows - 1) / tiles::rows; }
  static Index stretches(Index rows) { return (rows + stretch - 1) / stretch; }
  Index at(Index slice, Index strip) const { return (slice * strips_ + strip) * strip_stride(); }

  Index most_rows_;
  Index rows_ = 0;
  int digits_;
  Index strips_;
  AlignedBuffer<Element> left_;
  AlignedBuffer<Element> right_;
  PanelScratch<double> centred_;
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

// One strip of `rows` centred rows: `first` has its first eight features, `second` the others, if
// there are any.
template <int digits>
void round_strip(const double* first, const double* second, Index rows, Dither dither,
                 double* scales, double* added, double* noise, std::int8_t* left,
                 std::int8_t* right) {
  using Doubles = kernel::Shape<double>::Vector;
  using Floats = kernel::HalfFloatVector;
  constexpr Index lanes = kernel::double_lanes;
  static_assert(2 * lanes == tiles::side);
  const double* const halves[] = {first, second};
  const auto value_at = [&](Index k, int half) {
    const double* values = halves[half];
    return values == nullptr ? Doubles{} : *reinterpret_cast<const Doubles*>(values + k * lanes);
  };
  Doubles largest[2] = {};
  Doubles squares[2] = {};
  for (Index k = 0; k < rows; ++k) {
    for (int h = 0; h < 2; ++h) {
      const Doubles value = value_at(k, h);
      const Doubles size = value < 0 ? -value : value;
      largest[h] = size > largest[h] ? size : largest[h];
      squares[h] += value * value;
    }
  }
  // The first digit of any value is at most 127 then, the dither included.
  constexpr double most_value = 127.0 * static_cast<double>(Index{1} << (8 * (digits - 1))) - 1;
  Doubles inverse[2];
  for (int h = 0; h < 2; ++h) {
    for (Index l = 0; l < lanes; ++l) {
      // What underflows here has no square to speak of.
      const double scale = std::max(largest[h][l] / most_value, 1e-300);
      inverse[h][l] = 1 / scale;
      const Index at = h * lanes + l;
      scales[at] = scale * tiles::root_of_unit<digits>;
    }
  }
  Doubles variance[2] = {};
  // Adding 1.5 * 2^52 leaves the nearest integer in the low bits.
  constexpr double rounding = 0x1.8p52;
  constexpr Digits low_words = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30};
  constexpr std::int32_t lower = digits == 4 ? 0x808080 : digits == 3 ? 0x8080 : 0x80;
  const auto rounded = [&](Index k) -> Digits {
    if (k >= rows) return Digits{};
    const Dither::Floats noises = dither();
    Floats parts[2];
    std::memcpy(parts, &noises, sizeof parts);
    Digits words[2];
    for (int h = 0; h < 2; ++h) {
      const Doubles exact = value_at(k, h) * inverse[h];
      // A value between two integers goes to either, at a mean of d (1 - d) from itself squared. Of
      // more digits it need not be known so well.
      if constexpr (digits == 2) {
        const Doubles away = exact - ((exact + rounding) - rounding);
        const Doubles distance = away < 0 ? -away : away;
        variance[h] += distance - distance * distance;
      }
      const Doubles value =
          exact + __builtin_convertvector(parts[h], kernel::DoubleVector) + rounding;
      std::memcpy(&words[h], &value, sizeof value);
    }
    // Digits of -128 to 127: half of the range is added before it is cut, and taken off after.
    return (__builtin_shuffle(words[0], words[1], low_words) + lower) ^ lower;
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
    const Index h = at / lanes;
    const Index l = at % lanes;
    const double scale = 1 / inverse[h][l];
    const double sum =
        scale * scale * (digits == 2 ? variance[h][l] : static_cast<double>(rows) / 4);
    added[at] += sum;
    noise[at] += sum / static_cast<double>(rows) * squares[h][l];
  }
}

}  // namespace detail

/// The class sums are exact. `start` is the place of the first row.
inline void pack_rows(const FeatureView& x, Index start, const std::int32_t* codes,
                      const double* weights, const double* shift, PaddedMatrix& sums,
                      FixedPointRows& out, int threads) {
  out.set_rows(x.rows);
  constexpr Index parts = FixedPointRows::width / PackedRows<double>::width;
  const Index last_part = (x.cols - 1) / PackedRows<double>::width;
  detail::for_each_panel(x, out.strips(), out.width, threads, [&](Index first, Index last) {
    out.centred().with_panel(parts * first, [&](PackedRows<double>& centred) {
      for (Index slice = 0; slice < out.slices(); ++slice) {
        const Index begin = slice * out.stretch;
        const Index rows = out.slice_rows(slice);
        detail::pack_strips(x.row_range(begin, rows), codes + begin,
                            weights == nullptr ? nullptr : weights + begin, parts * first,
                            std::min(parts * last, last_part + 1), shift, sums, detail::Unsquared{},
                            centred);
        for (Index strip = first; strip < last; ++strip) {
          const Index part = parts * strip;
          tiles::with_digits(out.digits(), [&](auto digits) {
            detail::round_strip<decltype(digits)::value>(
                centred.strip(0, part), part < last_part ? centred.strip(0, part + 1) : nullptr,
                rows, detail::Dither(start + begin, strip), out.scales(slice) + strip * out.width,
                out.added() + strip * out.width, out.noise() + strip * out.width,
                out.left(slice, strip), out.right(slice, strip));
          });
        }
      }
    });
  });
}

#endif

}  // namespace hscore
