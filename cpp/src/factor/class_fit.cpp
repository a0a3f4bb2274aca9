#include "factor/class_fit.hpp"

#include <Eigen/Dense>
#include <cmath>
#include <optional>

#include "hscore/row_blocks.hpp"
#include "product/packing.hpp"
#include "simd/float_kernel.hpp"

namespace hscore {

namespace {

// The coefficients as strips of classes, depth running over the features, so that the covariance's
// register tile multiplies rows by classes.
template <class T>
PackedRows<T> pack_classes(const PaddedMatrix& coefficients) {
  constexpr Index width = PackedRows<T>::width;
  const Index features = coefficients.cols();
  PackedRows<T> packed(features, coefficients.rows());
  packed.set_rows(features);
  for (Index lane = 0; lane < packed.strips() * width; ++lane) {
    const bool real = lane < coefficients.rows();
    for (Index j = 0; j < features; ++j) {
      const Index slice = j / packed.slice_capacity();
      packed.strip(slice, lane / width)[j % packed.slice_capacity() * width + lane % width] =
          real ? static_cast<T>(coefficients(lane, j)) : T(0);
    }
  }
  return packed;
}

constexpr Index block_rows = 64;

// Classes at a time: a whole number of register tiles for the products of either type.
constexpr Index group_cols = kernel::Shape<float>::strips * kernel::Shape<float>::width;

// sum_i x_i v_i' for mixes v of the fits: T Z W, the way back from rows to features. Of a block's
// rows the products are of type T, the sums over blocks float64.
template <class T>
class BackProduct {
 public:
  using Shape = kernel::Shape<T>;
  static constexpr Index width = Shape::width;

  BackProduct(Index features, Index mixes)
      : features_(PaddedMatrix::round_up(features)),
        strips_((mixes + width - 1) / width),
        fits_(strips_ * block_rows, width),
        sums_(features_, strips_ * width) {
    std::fill_n(fits_.data(), fits_.size(), T(0));
  }

  /// Mix `m` of row i.
  void set(Index i, Index m, double value) {
    fits_.data()[(m / width * block_rows + i) * width + m % width] = static_cast<T>(value);
  }
  /// x: `rows` rows, `stride` apart, with zeros beyond the last feature.
  void add(const T* x, Index stride, Index rows) {
    for (Index strip = 0; strip < strips_; strip += Shape::strips) {
      const Index count = std::min(Shape::strips, strips_ - strip);
      for (Index j = 0; j < features_; j += Shape::broadcasts) {
        double* target = sums_.row(j) + strip * width;
        kernel::with_strips<Shape::strips>(count, [&](auto strips) {
          kernel::micro_kernel<T, decltype(strips)::value>(
              x + j, stride, 1, kernel::FetchNothing{}, fits_.data() + strip * block_rows * width,
              block_rows * width, rows, [&](Index m, Index v, auto value) {
                kernel::add_to<T>(target + m * sums_.stride() + v * Shape::lanes, value);
              });
        });
      }
    }
  }
  double operator()(Index feature, Index mix) const { return sums_(feature, mix); }

 private:
  Index features_;
  Index strips_;
  AlignedBuffer<T> fits_;
  PaddedMatrix sums_;
};

// A sum whose rounding errors are kept beside it (Neumaier 1974): of rows that are all alike, each
// addition to a plain sum would err alike.
struct CompensatedSum {
  double sum = 0;
  double lost = 0;
  void add(double value) {
    const double next = sum + value;
    lost += std::abs(sum) >= std::abs(value) ? (sum - next) + value : (value - next) + sum;
    sum = next;
  }
};

// Centred rows in the product's type, and the fit of one group of classes to them.
template <class T>
struct Scratch {
  Scratch(Index features, Index lanes, Index mixes)
      : stride(PaddedMatrix::round_up(features) + 16),  // not a multiple of a page
        rows(block_rows, stride),
        fit(block_rows, group_cols),
        energies(static_cast<std::size_t>(lanes)) {
    std::fill_n(rows.data(), rows.size(), T(0));
    if (mixes > 0) back.emplace(features, mixes);
  }
  Index stride;
  AlignedBuffer<T> rows;
  std::optional<RowsInOrder> reader;  // of rows that cannot be read in place
  AlignedBuffer<double> fit;
  std::optional<BackProduct<T>> back;
  std::vector<CompensatedSum> energies;
  double squares = 0;
  double fourth = 0;
};

// The source may be unaligned, the shift is padded.
template <class Source, class T>
void centre(const Source* source, const double* shift, Index count, T* target) {
  constexpr Index lanes = kernel::double_lanes;
  Index j = 0;
  for (; j + lanes <= count; j += lanes) {
    const kernel::DoubleLanes value =
        kernel::load_lanes(source + j) - kernel::load_lanes(shift + j);
    kernel::store_lanes(target + j, value);
  }
  for (; j < count; ++j) {
    Source value;
    std::memcpy(&value, source + j, sizeof value);
    target[j] = static_cast<T>(value - shift[j]);
  }
}

template <class T>
double squared_distance(const T* row, const std::vector<double>& from) {
  constexpr std::size_t lanes = 8;  // as many sums as the compiler needs to use vectors
  double sums[lanes] = {};
  std::size_t j = 0;
  for (; j + lanes <= from.size(); j += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) {
      const double d = static_cast<double>(row[j + l]) - from[j + l];
      sums[l] += d * d;
    }
  }
  for (; j < from.size(); ++j) {
    const double d = static_cast<double>(row[j]) - from[j];
    sums[j % lanes] += d * d;
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

}  // namespace

PaddedMatrix class_directions(const Moments& moments, const std::vector<double>& offset) {
  PaddedMatrix directions(moments.classes(), moments.features());
  for (Index c = 0; c < moments.classes(); ++c) {
    const double count = moments.counts()[static_cast<std::size_t>(c)];
    if (count == 0) continue;
    for (Index j = 0; j < moments.features(); ++j) {
      directions(c, j) =
          (moments.shifted_class_sums()(c, j) - count * offset[static_cast<std::size_t>(j)]) /
          std::sqrt(count);
    }
  }
  return directions;
}

PaddedMatrix probe_signs(Index probes, Index classes) {
  PaddedMatrix signs(probes, classes);
  // From here the first 2, 4, 8 and 16 signs have as many of either: of two equal classes, whose
  // directions are opposite, a mix with equal signs would show nothing.
  std::uint32_t state = 1399285262;
  for (Index k = 0; k < probes; ++k) {
    for (Index c = 0; c < classes; ++c) {
      state = state * 1664525u + 1013904223u;
      signs(k, c) = state >> 31 != 0 ? 1.0 : -1.0;
    }
  }
  return signs;
}

// Triangular numbers run through all residues modulo a power of two: no two of 256 classes have the
// same signs, and the signs of one are no sum of others', as bits of the number itself would be, to
// which differences of differences are invisible.
PaddedMatrix class_probes(Index classes) {
  if (probes_are_exact(classes)) {
    PaddedMatrix each(classes, classes);
    for (Index c = 0; c < classes; ++c) each(c, c) = 1;
    return each;
  }
  PaddedMatrix signs(most_probes, classes);
  for (Index c = 0; c < classes; ++c) {
    const Index code = c * (c + 1) / 2 + 37 * (c / 256);
    for (Index k = 0; k < most_probes; ++k) signs(k, c) = (code >> k & 1) != 0 ? 1.0 : -1.0;
  }
  return signs;
}

PaddedMatrix class_coefficients(const AugmentedMatrix& factor, const double* whitened,
                                Index classes, Index stride, const std::vector<Index>& chosen,
                                const std::vector<Index>& live, const std::vector<double>& scale,
                                Index features, int threads) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Block = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;
  using ConstBlock = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
  const Index order = static_cast<Index>(chosen.size());
  const ConstBlock lower(factor.row(0), order, order, Eigen::OuterStride<>(factor.stride()));
  PaddedMatrix solved(classes, order);
  PaddedMatrix result(classes, features);
  const Index rows_per_task = rows_per_solve(classes, threads);
  parallel_for((classes + rows_per_task - 1) / rows_per_task, threads, [&](Index task) {
    const Index first = task * rows_per_task;
    const Index rows = std::min(rows_per_task, classes - first);
    Block z(solved.row(first), rows, order, Eigen::OuterStride<>(solved.stride()));
    z = ConstBlock(whitened + first * stride, rows, order, Eigen::OuterStride<>(stride));
    lower.template triangularView<Eigen::Lower>().template solveInPlace<Eigen::OnTheRight>(z);
    for (Index c = 0; c < rows; ++c) {
      for (Index j = 0; j < order; ++j) {
        const std::size_t at = static_cast<std::size_t>(chosen[static_cast<std::size_t>(j)]);
        result(first + c, live[at]) = z(c, j) * scale[at];
      }
    }
  });
  return result;
}

template <class T>
ClassFit fit_classes(const FeatureView& all, const std::vector<double>& shift,
                     const std::vector<double>& offset, const PaddedMatrix& coefficients,
                     const FitOptions& options, const StopCheck& stop) {
  const int threads = options.threads;
  using Shape = kernel::Shape<T>;
  constexpr Index width = Shape::width;
  constexpr Index tile_rows = Shape::broadcasts;
  constexpr Index tile_cols = Shape::strips * width;
  static_assert(block_rows % tile_rows == 0 && group_cols % tile_cols == 0);
  const Index features = all.cols;
  const Index classes = coefficients.rows();
  const PackedRows<T> packed = pack_classes<T>(coefficients);
  // The offset's part of each class's fit.
  std::vector<double> level(static_cast<std::size_t>(packed.strips() * width), 0.0);
  for (Index c = 0; c < classes; ++c) {
    const std::size_t at = static_cast<std::size_t>(c);
    for (Index j = 0; j < features; ++j) {
      level[at] += offset[static_cast<std::size_t>(j)] * coefficients(c, j);
    }
  }

  // The probes' weights of the lanes, of which some belong to no class.
  const Index probes = options.probes == nullptr ? 0 : options.probes->rows();
  const Index mixes = options.products ? classes : probes;
  PaddedMatrix weights(probes, packed.strips() * width);
  for (Index k = 0; k < probes; ++k) std::copy_n(options.probes->row(k), classes, weights.row(k));

  // Groups of about equal numbers of strips: a tile of a single strip would wait for its own sums.
  constexpr Index narrow_width = std::max(width, kernel::Shape<float>::width);
  const Index lanes = packed.strips() * width;
  const Index narrow_strips = (lanes + narrow_width - 1) / narrow_width;
  const Index groups = (lanes + group_cols - 1) / group_cols;
  const auto first_class = [&](Index group) {
    return std::min(lanes, group * narrow_strips / groups * narrow_width);
  };

  // Rows of x, whose first is row `start` of all.
  const auto fit_rows = [&](const FeatureView& x, Index start, Index first, Index rows,
                            Scratch<T>& scratch) {
    for (Index i = 0; i < rows; ++i) {
      T* target = scratch.rows.data() + i * scratch.stride;
      const auto centre_from = [&](const auto* source) {
        centre(source, shift.data(), features, target);
      };
      if (scratch.reader) {
        centre_from((*scratch.reader)(first + i));
      } else if (detail::is_native<float>(x)) {
        centre_from(reinterpret_cast<const float*>(x.at(first + i, 0)));
      } else {
        centre_from(reinterpret_cast<const double*>(x.at(first + i, 0)));
      }
      if (options.norms) {
        const double squared = squared_distance(target, offset);
        scratch.squares += squared;
        scratch.fourth += squared * squared;
      }
    }
    const Index tiles_of_all = (lanes + tile_cols - 1) / tile_cols;
    // Read when they are wanted, the next rows would take a quarter of the time.
    kernel::FetchedAhead ahead(
        rows_to_come(x, first + rows, block_rows),
        packed.slices() * tiles_of_all * ((rows + tile_rows - 1) / tile_rows));
    double* fit = scratch.fit.data();
    double mixed[most_probes][block_rows] = {};
    double squares[block_rows] = {};
    for (Index group = 0; group < groups; ++group) {
      const Index c = first_class(group);
      const Index cols = first_class(group + 1) - c;
      for (Index i = 0; i < block_rows; ++i) {
        for (Index l = 0; l < cols; ++l) {
          fit[i * group_cols + l] = -level[static_cast<std::size_t>(c + l)];
        }
      }
      const Index tiles = (cols + tile_cols - 1) / tile_cols;
      for (Index task = 0; task < packed.slices() * tiles; ++task) {
        const Index slice = task / tiles;
        const Index strip = task % tiles * (cols / width) / tiles;
        const Index col = strip * width;
        const Index strips = (task % tiles + 1) * (cols / width) / tiles - strip;
        const T* b = packed.strip(slice, (c + col) / width);
        for (Index i = 0; i < rows; i += tile_rows) {
          const T* a = scratch.rows.data() + i * scratch.stride + slice * packed.slice_capacity();
          kernel::with_strips<Shape::strips>(strips, [&](auto count) {
            kernel::micro_kernel<T, decltype(count)::value>(
                a, 1, scratch.stride, ahead.in_steps(packed.slice_rows(slice)), b,
                packed.strip_stride(), packed.slice_rows(slice), [&](Index m, Index v, auto value) {
                  kernel::add_to<T>(fit + (i + m) * group_cols + col + v * Shape::lanes, value);
                });
          });
        }
      }
      for (Index i = 0; options.products && i < rows; ++i) {
        for (Index l = 0; l < std::min(cols, classes - c); ++l) {
          scratch.back->set(i, c + l, fit[i * group_cols + l]);
        }
      }
      double energies[group_cols] = {};
      for (Index i = 0; i < rows; ++i) {
        const double* row = fit + i * group_cols;
        double square[width] = {};  // a vector of sums, not one that waits for itself
        for (Index strip = 0; strip < cols; strip += width) {
          for (Index l = 0; l < width; ++l) {
            const double value = row[strip + l];
            energies[strip + l] += value * value;
            square[l] += value * value;
          }
        }
        for (Index l = 0; l < width; ++l) squares[i] += square[l];
        for (Index k = 0; k < probes; ++k) {
          const double* weight = weights.row(k) + c;
          double mix[width] = {};
          for (Index strip = 0; strip < cols; strip += width) {
            for (Index l = 0; l < width; ++l) mix[l] += weight[strip + l] * row[strip + l];
          }
          for (Index l = 0; l < width; ++l) mixed[k][i] += mix[l];
        }
        if (options.rows.own == nullptr) continue;
        const Index own = options.rows.codes[start + first + i] - c;
        if (own >= 0 && own < cols) options.rows.own[start + first + i] = row[own];
      }
      for (Index l = 0; l < cols; ++l) {
        scratch.energies[static_cast<std::size_t>(c + l)].add(energies[l]);
      }
    }
    for (Index k = 0; k < probes; ++k) {
      for (Index i = 0; i < rows; ++i) scratch.back->set(i, k, mixed[k][i]);
    }
    if (scratch.back) scratch.back->add(scratch.rows.data(), scratch.stride, rows);
    if (options.rows.squares != nullptr) {
      std::copy_n(squares, rows, options.rows.squares + start + first);
    }
  };

  std::vector<Scratch<T>> scratch;
  for (int t = 0; t < threads; ++t) {
    scratch.emplace_back(features, packed.strips() * width, mixes);
  }
  // A round gives each thread a few blocks, then the caller is asked whether to stop.
  const double block_work =
      2.0 * static_cast<double>(block_rows * features) * static_cast<double>(classes);
  const Index round = threads * std::max<Index>(1, static_cast<Index>(2e9 / block_work));
  for_each_block(all, [&](const FeatureView& x, Index start) {
    const bool read_in_place = detail::is_native<float>(x) || detail::is_native<double>(x);
    for (Scratch<T>& part : scratch) {
      part.reader.reset();
      if (!read_in_place) part.reader.emplace(x, 0, features);
    }
    const Index blocks = (x.rows + block_rows - 1) / block_rows;
    for (Index first = 0; first < blocks; first += round) {
      throw_if_stopped(stop);
      const Index count = std::min(round, blocks - first);
      for_each_thread(threads, [&](int t) {
        const Index end = first + count * (t + 1) / threads;
        for (Index block = first + count * t / threads; block < end; ++block) {
          const Index row = block * block_rows;
          fit_rows(x, start, row, std::min(block_rows, x.rows - row),
                   scratch[static_cast<std::size_t>(t)]);
        }
      });
    }
  });
  ClassFit total;
  total.energies.resize(static_cast<std::size_t>(classes));
  total.products = PaddedMatrix(mixes, features);
  for (const Scratch<T>& part : scratch) {
    for (Index j = 0; part.back && j < features; ++j) {
      for (Index k = 0; k < mixes; ++k) total.products(k, j) += (*part.back)(j, k);
    }
    for (std::size_t c = 0; c < total.energies.size(); ++c) {
      total.energies[c] += part.energies[c].sum + part.energies[c].lost;
    }
    total.squares += part.squares;
    total.fourth += part.fourth;
  }
  return total;
}

template ClassFit fit_classes<float>(const FeatureView&, const std::vector<double>&,
                                     const std::vector<double>&, const PaddedMatrix&,
                                     const FitOptions&, const StopCheck&);
template ClassFit fit_classes<double>(const FeatureView&, const std::vector<double>&,
                                      const std::vector<double>&, const PaddedMatrix&,
                                      const FitOptions&, const StopCheck&);

}  // namespace hscore
