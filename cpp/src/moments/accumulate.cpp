// One batch of rows added to the sums about a given shift: by one thread, by threads that share the
// scatter, or by threads that have one each.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>

#include "hscore/moments.hpp"
#include "hscore/parallel.hpp"
#include "moments/norm_update.hpp"
#include "moments/workspace.hpp"
#include "product/rank_update.hpp"

namespace hscore {

namespace {

// Below about 1e8 operations a second thread costs more than it gains.
int useful_threads(Index rows, Index features, int threads) {
  const double work =
      static_cast<double>(rows) * static_cast<double>(features) * static_cast<double>(features);
  return work < 1e8 ? 1 : threads;
}

// Several threads need work enough between the points where they meet. One thread packs no more
// rows than stay in its second-level cache, and of float64 a single slice at any width: its
// products are slow enough for the scatter to be fetched beside them.
Index rows_to_pack(Index features, Products products, int threads) {
  const Index most = block_rows(features);
  if (threads > 1) return most;
  if (products == Products::float64) return std::min(most, kernel::depth);
  constexpr Index most_in_cache = 1024;
  const Index slices = most_in_cache / features;
  return slices == 0 ? most : std::min(most, slices * kernel::depth);
}

// Of integers whole stretches.
Index rows_to_pack(Index features, const UpdateOptions& options, int threads) {
  const Index block = rows_to_pack(features, options.products, threads);
#if defined(HSCORE_ROW_PAIRS)
  if (options.products == Products::integer && options.quantization->digits == 0) {
    const Index stretch = options.quantization->stretch;
    return std::max<Index>(1, 2 * block / stretch) * stretch;
  }
#endif
#if defined(HSCORE_TILE_UNIT)
  if (options.products == Products::integer && has_tile_unit()) {
    const Index stretch = DigitRows::stretch(options.quantization->digits);
    return std::max<Index>(1, block / stretch) * stretch;
  }
#endif
  return block;
}

// Whether each thread should have a scatter of its own: the rows must outnumber what it costs to
// clear and add them, and all of them together have a bounded size.
bool parts_pay(Index rows, Index features, Index classes, int threads) {
  constexpr Index most_values = Index{16} << 20;
  constexpr Index most_features = 2048;  // beyond, the work between meeting points is enough
  return threads > 1 && features <= most_features && threads * features * features <= most_values &&
         rows * features >= 3000 * threads * (features + classes);
}

}  // namespace

void Moments::accumulate(const Batch& batch, const UpdateOptions& options, Workspace& workspace) {
  const Index rows = batch.features.rows;
  if (rows == 0) return;
  const int threads = useful_threads(rows, features_, options.threads);
  const Index expected = std::max(rows, workspace.rows_expected);
  if (rows >= threads * kernel::depth && parts_pay(expected, features_, classes(), threads)) {
    return accumulate_in_parts(batch, options, threads, workspace);
  }
  const Index block = rows_to_pack(features_, options, threads);
  if (options.products == Products::float64) {
    return accumulate_as<PackedRows<double>>(batch, options, block, threads, workspace);
  }
#if defined(HSCORE_ROW_PAIRS)
  if (options.products == Products::integer && options.quantization->digits == 0) {
    return accumulate_as<Int16Rows>(batch, options, block, threads, workspace);
  }
#endif
#if defined(HSCORE_TILE_UNIT)
  if (options.products == Products::integer && has_tile_unit()) {
    return accumulate_as<DigitRows>(batch, options, block, threads, workspace);
  }
#endif
  accumulate_as<PackedRows<float>>(batch, options, block, threads, workspace);
}

template <class Packed>
void Moments::accumulate_as(const Batch& batch, const UpdateOptions& options, Index most_rows,
                            int threads, Workspace& workspace) {
  const Index rows = batch.features.rows;
  const Index block = std::min(rows, most_rows);
  using Element = typename Packed::Element;
  constexpr bool rounds = std::is_same_v<Element, float>;
  const bool norms = options.norms && has_norms_ && std::is_floating_point_v<Element>;
  std::vector<double> squared_norms;
  if (norms) squared_norms.reserve(static_cast<std::size_t>(block));
  constexpr bool quantizes = std::is_base_of_v<StretchNoise, Packed>;
  Packed& packed = [&]() -> Packed& {
    if constexpr (std::is_same_v<Packed, Int16Rows>)
      return workspace.room_for<Packed>(block, features_, options.quantization->stretch, threads);
    else if constexpr (std::is_same_v<Packed, DigitRows>)
      return workspace.room_for<Packed>(block, features_, options.quantization->digits, threads);
    else
      return workspace.room_for<Packed>(block, features_);
  }();
  if constexpr (quantizes) packed.clear_noise();
  std::vector<double> squares(shift_.size(), 0.0);  // of float32 products the diagonal, exactly
  if constexpr (rounds) {
    for (Index j = 0; j < features_; ++j) squares[static_cast<std::size_t>(j)] = scatter_(j, j);
  }
  // A long sum of many values that are alike, such as the zeros of rectified features about the
  // shift, would round alike at each of them: a few blocks of rows have class sums of their own. As
  // many rows for any number of threads, so that the bits do not depend on it.
  const Index grain =
      std::lcm(rows_to_pack(features_, options, 1), rows_to_pack(features_, options, 2));
  const bool apart = 8 * classes() <= std::min(rows, grain);
  PaddedMatrix own_sums(apart ? classes() : 0, features_);
  PaddedMatrix& sums = apart ? own_sums : sums_;
  const auto collect_sums = [&] {
    for (Index c = 0; apart && c < classes(); ++c) {
      for (Index j = 0; j < features_; ++j) sums_(c, j) += sums(c, j);
      std::fill_n(sums.row(c), features_, 0.0);
    }
  };
  for (Index first = 0; first < rows; first += block) {
    throw_if_stopped(options.stop, std::min(first, block));
    const Batch part = batch.row_range(first, std::min(block, rows - first));
    if constexpr (quantizes) {
      pack_rows(part.features, part.start, part.labels.codes, part.weights, shift_.data(), sums,
                packed, threads);
    } else {
      pack_rows(part.features, part.labels.codes, part.weights, shift_.data(), sums, squares.data(),
                packed, threads);
    }
    const Index done = first + part.features.rows;
    if (done % grain == 0 || done == rows) collect_sums();
    // The tile unit's products are too short to fetch rows beside them.
    constexpr bool fetches = !std::is_same_v<Packed, DigitRows>;
    rank_update<Sign::add>(
        packed, features_, features_, scatter_.row(0), scatter_.stride(), threads,
        rows_to_come(batch.features, first + part.features.rows, fetches ? block : 0));
    if constexpr (std::is_floating_point_v<Element>) {
      if (norms) norm_update(packed, part.weights, norms_, squared_norms, threads);
    }
  }
  if constexpr (quantizes) {
    // Errors of the diagonal go with those beside it: with the exact one, what they do to features
    // that depend on each other would no longer cancel. Only what they add as a rule is removed.
    for (Index j = 0; j < features_; ++j) {
      const std::size_t at = static_cast<std::size_t>(j);
      double total = 0;  // an int16 can not say that a value is not finite
      for (Index c = 0; c < classes(); ++c) total += sums_(c, j);
      scatter_(j, j) = std::isfinite(total) ? scatter_(j, j) - packed.added()[j]
                                            : std::numeric_limits<double>::quiet_NaN();
      options.quantization->mean_variance[at] += packed.added()[j];
      options.quantization->variance[at] += packed.noise()[j];
    }
  } else if constexpr (rounds) {
    for (Index j = 0; j < features_; ++j) scatter_(j, j) = squares[static_cast<std::size_t>(j)];
  }
  for (Index i = 0; i < rows; ++i) {
    const double weight = batch.weights == nullptr ? 1 : batch.weights[i];
    counts_[static_cast<std::size_t>(batch.labels.codes[i])] += weight;
    rows_ += weight > 0;
  }
  has_norms_ = norms;
}

// Few features: sharing one scatter would make the threads meet after every few milliseconds of
// work, and share packed rows that no second-level cache holds. Each takes a stretch of the rows
// and statistics of its own, about the same shift, which stay apart until they are collected. They
// meet several times a second, when the caller is asked whether to stop: not while any is at work,
// because the caller may come back in a forked process that has no other thread.
void Moments::accumulate_in_parts(const Batch& batch, const UpdateOptions& options, int threads,
                                  Workspace& workspace) {
  std::vector<Workspace::Part>& parts = workspace.parts;
  if (parts.empty()) parts.resize(static_cast<std::size_t>(threads));
  const auto start = [&](Workspace::Part& part) {
    if (!workspace.parts_hold_rows) {
      if (part.moments) {
        part.moments->forget_rows();
      } else {
        // In the shape of the whole, which takes over the first.
        part.moments.emplace(features_, scatter_.rows() - PaddedMatrix::round_up(features_));
        part.moments->grow(classes());
        part.moments->scatter_.fault_in();
        part.moments->sums_.fault_in();
      }
      part.moments->shift_ = shift_;
      if (options.quantization != nullptr) begin(part.rounding, features_);
    }
    part.moments->grow(classes());
  };
  const Index rows = batch.features.rows;
  const auto first_row = [&](int t) { return rows * t / threads; };
  const Index share = rows / threads;  // of one thread, or a row more
  constexpr double work_per_round = 1e9;
  const Index block = rows_to_pack(features_, options, 1);
  const double block_work = static_cast<double>(block) * static_cast<double>(features_) *
                            static_cast<double>(features_ + 64);  // of narrow rows mostly reading
  const Index blocks = static_cast<Index>(std::ceil(work_per_round / block_work));
  const Index round = block * blocks;
  Index reported = 0;
  for (Index done = 0; done <= share; done += round) {
    const Index end = share - done < 2 * round ? share + 1 : done + round;  // no short last round
    throw_if_stopped(options.stop, reported);
    for_each_thread(threads, [&](int t) {
      Workspace::Part& part = parts[static_cast<std::size_t>(t)];
      if (done == 0) start(part);
      UpdateOptions serial;
      serial.products = options.products;
      serial.norms = options.norms && has_norms_;
      if (options.quantization != nullptr) {
        part.rounding.stretch = options.quantization->stretch;
        part.rounding.digits = options.quantization->digits;
        serial.quantization = &part.rounding;
      }
      const Index first = first_row(t) + done;
      const Index last = std::min(first_row(t + 1), first_row(t) + end);
      part.moments->accumulate(batch.row_range(first, last - first), serial, part.workspace);
    });
    if (end > share) break;
    reported = threads * round;
  }
  workspace.parts_hold_rows = true;
}

// In the threads' order. To be called before the shift moves, and when all rows are there.
void Moments::collect_parts(const UpdateOptions& options, Workspace& workspace) {
  if (!workspace.parts_hold_rows) return;
  workspace.parts_hold_rows = false;
  for (Workspace::Part& part : workspace.parts) {
    for (std::size_t j = 0; j < part.rounding.variance.size(); ++j) {
      options.quantization->mean_variance[j] += part.rounding.mean_variance[j];
      options.quantization->variance[j] += part.rounding.variance[j];
    }
    add_about_same_shift(*part.moments, options.threads);
  }
}

void Moments::add_about_same_shift(Moments& part, int threads) {
  const auto same_shape = [](const PaddedMatrix& a, const PaddedMatrix& b) {
    return a.rows() == b.rows() && a.stride() == b.stride();
  };
  // Rather than to add to zeros, whose memory nobody has touched yet.
  const bool takes =
      rows_ == 0 && same_shape(scatter_, part.scatter_) && same_shape(sums_, part.sums_);
  if (takes) {
    std::swap(scatter_, part.scatter_);
    std::swap(sums_, part.sums_);
  }
  const auto add = [](const double* source, double* target, Index count) {
    for (Index j = 0; j < count; ++j) target[j] += source[j];
  };
  constexpr Index at_a_time = 32;
  const Index lines = takes ? 0 : features_ + part.classes();
  parallel_for((lines + at_a_time - 1) / at_a_time, threads, [&](Index task) {
    for (Index i = task * at_a_time; i < std::min(lines, (task + 1) * at_a_time); ++i) {
      const Index c = i - features_;
      if (c < 0) add(part.scatter_.row(i), scatter_.row(i), i + 1);
      if (c >= 0) add(part.sums_.row(c), sums_.row(c), features_);
    }
  });
  for (Index c = 0; c < part.classes(); ++c) {
    counts_[static_cast<std::size_t>(c)] += part.counts_[static_cast<std::size_t>(c)];
  }
  has_norms_ = has_norms_ && part.has_norms_;
  if (has_norms_) norms_.add(part.norms_, 1);
  rows_ += part.rows_;
}

}  // namespace hscore
