#include "factor/cholesky.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <limits>
#include <numeric>

#include "product/rank_update.hpp"

namespace hscore {

namespace {

using kernel::Shape;
using Panel = PackedRows<double>;

// Columns that are eliminated at once: a multiple of every tile edge, so that blocks start on
// strips. Each update reads and writes all that is left, so a matrix beyond the caches takes more.
Index panel_cols_for(Index order) {
  return order > 1536 ? 192 : 96;
}
constexpr Index width = Panel::width;
constexpr Index tile_rows = Shape<double>::broadcasts;

// The factor L of a diagonal block, packed as the kernel's left operand and padded with zeros to
// whole tiles, and the reciprocals of its diagonal.
class DiagonalBlock {
 public:
  explicit DiagonalBlock(Index most)
      : packed_(most, most), inverse_(static_cast<std::size_t>(most), 0.0) {}

  // `lower(i, j)` is row i, column j <= i of L.
  template <class Lower>
  void assign(Index order, Lower&& lower) {
    order_ = order;
    packed_.set_rows(order);
    std::fill(inverse_.begin(), inverse_.end(), 0.0);
    for (Index i = 0; i < padded(); ++i) {
      double* column = packed_.strip(0, i / width) + i % width;
      for (Index j = 0; j < padded(); ++j) {
        column[j * width] = i < order && j <= i ? lower(i, j) : 0.0;
      }
      if (i < order) inverse_[static_cast<std::size_t>(i)] = 1.0 / lower(i, i);
    }
  }
  Index order() const { return order_; }
  Index padded() const { return (order_ + tile_rows - 1) / tile_rows * tile_rows; }
  const double* rows_from(Index i) const { return packed_.strip(0, i / width) + i % width; }
  double at(Index i, Index j) const { return rows_from(i)[j * width]; }
  double inverse(Index i) const { return inverse_[static_cast<std::size_t>(i)]; }

 private:
  Index order_ = 0;
  Panel packed_;
  std::vector<double> inverse_;
};

// Solve X L' = P for strips of P in place: blocked forward substitution, one lane per row of P.
template <Index Strips>
void solve_strips(const DiagonalBlock& diagonal, Panel& panel, Index strip) {
  constexpr Index lanes = Strips * width;
  alignas(kernel::alignment) double tile[tile_rows * lanes];
  double* x = panel.strip(0, strip);
  const Index stride = panel.strip_stride();
  for (Index k = 0; k < diagonal.padded(); k += tile_rows) {
    kernel::micro_kernel<double, Strips>(diagonal.rows_from(k), width, 1, kernel::FetchNothing{}, x,
                                         stride, k, [&](Index m, Index v, auto value) {
                                           kernel::store(
                                               tile + m * lanes + v * Shape<double>::lanes, value);
                                         });
    for (Index m = 0; m < tile_rows; ++m) {
      double* row = tile + m * lanes;
      const double inverse = diagonal.inverse(k + m);
      for (Index s = 0; s < Strips; ++s) {
        const double* source = x + s * stride + (k + m) * width;
        for (Index l = 0; l < width; ++l) row[s * width + l] = source[l] - row[s * width + l];
      }
      for (Index q = 0; q < m; ++q) {
        const double factor = diagonal.at(k + m, k + q);
        const double* solved = tile + q * lanes;
        for (Index l = 0; l < lanes; ++l) row[l] -= factor * solved[l];
      }
      for (Index l = 0; l < lanes; ++l) row[l] *= inverse;
      for (Index s = 0; s < Strips; ++s) {
        double* target = x + s * stride + (k + m) * width;
        for (Index l = 0; l < width; ++l) target[l] = row[s * width + l];
      }
    }
  }
}

// Gather the panel's rows strip by strip, solve, and hand each solved row on.
// load(row, target): element j of the panel's row goes to target[j * width];
// save(row, source): likewise out.
template <class Load, class Save>
void solve_panel(const DiagonalBlock& diagonal, Panel& panel, Index rows, int threads, Load&& load,
                 Save&& save) {
  constexpr Index group = Shape<double>::strips;
  panel.set_rows(diagonal.order());
  const Index strips = (rows + width - 1) / width;
  parallel_for((strips + group - 1) / group, threads, [&](Index task) {
    const Index first = task * group;
    const Index last = std::min(strips, first + group);
    for (Index s = first; s < last; ++s) {
      double* strip = panel.strip(0, s);
      std::fill(strip, strip + diagonal.padded() * width, 0.0);
      for (Index l = 0; l < std::min(width, rows - s * width); ++l) load(s * width + l, strip + l);
    }
    kernel::with_strips<group>(last - first, [&](auto count) {
      solve_strips<decltype(count)::value>(diagonal, panel, first);
    });
    for (Index s = first; s < last; ++s) {
      const double* strip = panel.strip(0, s);
      for (Index l = 0; l < std::min(width, rows - s * width); ++l) save(s * width + l, strip + l);
    }
  });
}

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Right-looking elimination in place: rows [0, rank) are factored, rows [rank, alive) hold what is
// left of them, and the rows beyond, which nobody asks for any more, are left as they are.
class Elimination {
 public:
  Elimination(AugmentedMatrix& matrix, Products products, int threads)
      : matrix_(matrix),
        threads_(threads),
        all_rows_(matrix.first_extra() + matrix.extra()),
        panel_cols_(panel_cols_for(matrix.order())),
        diagonal_(panel_cols_),
        panel_(panel_cols_, all_rows_),
        narrow_(products != Products::float64),
        narrow_panel_(narrow_ ? panel_cols_ : 1, narrow_ ? all_rows_ : 1) {
    std::fill_n(narrow_panel_.strip(0, 0), narrow_panel_.strips() * narrow_panel_.strip_stride(),
                0.0f);
  }

  // `lower` is the factor of the first rows left. The extra rows come along, and those up to
  // `alive`.
  void eliminate(const RowMajor& lower, Index rank, Index alive) {
    const Index cols = lower.rows();
    for (Index i = 0; i < cols; ++i) {
      for (Index j = 0; j <= i; ++j) matrix_.row(rank + i)[rank + j] = lower(i, j);
    }
    diagonal_.assign(cols, [&](Index i, Index j) { return lower(i, j); });
    const Index below = rank + cols;
    const bool last = below >= alive;
    // A tile is written whole, so it has to start on a strip: rows of zeros fill the gap.
    const Index base = last ? matrix_.first_extra() : below / alignment * alignment;
    const auto wanted = [&](Index row) {
      return (row >= below && row < alive) || row >= matrix_.first_extra();
    };
    solve_panel(
        diagonal_, panel_, all_rows_ - base, threads_,
        [&](Index row, double* target) {
          if (!wanted(base + row)) return;
          const double* source = matrix_.row(base + row) + rank;
          for (Index j = 0; j < cols; ++j) target[j * width] = source[j];
        },
        [&](Index row, const double* source) {
          if (narrow_) narrow_row(row, source);
          if (!wanted(base + row)) return;
          double* target = matrix_.row(base + row) + rank;
          for (Index j = 0; j < cols; ++j) target[j] = source[j * width];
        });
    if (last) return;
    const auto update = [&](const auto& panel) {
      rank_update<Sign::subtract>(panel, all_rows_ - base, alive - base, matrix_.row(base) + base,
                                  matrix_.stride(), threads_);
    };
    if (!narrow_) return update(panel_);
    narrow_panel_.set_rows(cols);
    update(narrow_panel_);
  }

  Index all_rows() const { return all_rows_; }
  Index panel_cols() const { return panel_cols_; }

 private:
  static constexpr Index alignment = PaddedMatrix::lane_multiple;

  void narrow_row(Index row, const double* source) {
    constexpr Index lanes = PackedRows<float>::width;
    float* target = narrow_panel_.strip(0, row / lanes) + row % lanes;
    for (Index j = 0; j < diagonal_.order(); ++j) {
      target[j * lanes] = static_cast<float>(source[j * width]);
    }
  }

  AugmentedMatrix& matrix_;
  int threads_;
  Index all_rows_;
  Index panel_cols_;
  DiagonalBlock diagonal_;
  Panel panel_;
  bool narrow_;
  PackedRows<float> narrow_panel_;
};

// The factor of rows [first, first + cols) of what is left; empty unless each pivot exceeds
// `least`.
RowMajor factor_block(const AugmentedMatrix& matrix, Index first, Index cols, double least) {
  using Source = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;
  RowMajor lower =
      Source(matrix.row(first) + first, cols, cols, Eigen::OuterStride<>(matrix.stride()));
  const Eigen::LLT<Eigen::Ref<RowMajor>, Eigen::Lower> llt(lower);
  if (llt.info() != Eigen::Success) return {};
  for (Index i = 0; i < cols; ++i) {
    if (!(lower(i, i) * lower(i, i) > least)) return {};
  }
  return lower;
}

}  // namespace

void AugmentedMatrix::keep(const std::vector<Index>& rows) {
  const Index kept = static_cast<Index>(rows.size());
  const Index extra_from = first_extra();
  const Index extra_to = PaddedMatrix::round_up(kept);
  // Everything moves towards the beginning, so that nothing is overwritten before it has moved.
  const auto move = [&](Index from, Index to, Index cols) {
    const double* source = values_.row(from);
    double* target = values_.row(to);
    for (Index j = 0; j < cols; ++j) target[j] = source[rows[static_cast<std::size_t>(j)]];
  };
  for (Index i = 0; i < kept; ++i) move(rows[static_cast<std::size_t>(i)], i, i + 1);
  for (Index i = 0; i < extra_; ++i) move(extra_from + i, extra_to + i, kept);
  order_ = kept;
}

bool cholesky(AugmentedMatrix& matrix, double least_pivot, int threads, const StopCheck& stop) {
  const Index order = matrix.order();
  Elimination elimination(matrix, Products::float64, threads);
  for (Index k = 0; k < order; k += elimination.panel_cols()) {
    throw_if_stopped(stop);
    const Index cols = std::min(elimination.panel_cols(), order - k);
    const RowMajor lower = factor_block(matrix, k, cols, least_pivot);
    if (lower.rows() == 0) return false;
    elimination.eliminate(lower, k, order);
  }
  return true;
}

namespace {

// Pivoting that costs no more than going without where it is not needed. Full pivoting picks one
// column at a time, and needs the whole matrix up to date for it. Here a round takes the rows as
// they come, block by block, and puts aside, to the end, those of which too little is left compared
// with the largest at the start of the round; the next round takes up what was put aside. As with
// threshold pivoting in sparse elimination (Duff, Erisman and Reid 1986), what a pivot may amplify
// is bounded by that share.
class PivotedElimination {
  struct Exchange {
    Index first, second;  // first < second
  };
  using Exchanges = std::vector<Exchange>;

 public:
  PivotedElimination(AugmentedMatrix& matrix, double least_pivot, Products products, int threads,
                     const StopCheck& stop)
      : matrix_(matrix),
        least_pivot_(least_pivot),
        threads_(threads),
        stop_(stop),
        elimination_(matrix, products, threads),
        alive_(matrix.order()),
        original_(static_cast<std::size_t>(matrix.order())) {
    std::iota(original_.begin(), original_.end(), Index{0});
  }

  std::vector<Index> run() && {
    while (const double largest = drop_redundant()) {
      const double least = std::max(least_pivot_, share(largest) * largest);
      for (Index end = alive_; rank_ < end;) {
        throw_if_stopped(stop_);
        end = take_block(end, least);
      }
    }
    original_.resize(static_cast<std::size_t>(rank_));
    return std::move(original_);
  }

 private:
  // Near the noise, where an amplified error could pass for a direction, the bound is tighter.
  double share(double largest) const { return largest > 1e4 * least_pivot_ ? 0.03 : 0.25; }

  // Gives the largest pivot left, 0 if none is. An infinite one, of statistics that no rows have,
  // is dropped like a NaN: no share of it could be taken, and the rounds would never end.
  double drop_redundant() {
    constexpr double most = std::numeric_limits<double>::max();
    const auto redundant = [&](Index i) {
      const double pivot = matrix_.row(i)[i];
      return !(pivot > least_pivot_ && pivot <= most);
    };
    double largest = 0;
    for (Index i = rank_; i < alive_; ++i) {
      while (i < alive_ && redundant(alive_ - 1)) --alive_;
      if (i < alive_ && redundant(i)) {
        --alive_;
        exchange({{i, alive_}}, i + 1, alive_, alive_);
      }
      if (i < alive_) largest = std::max(largest, matrix_.row(i)[i]);
    }
    return largest;
  }

  // Eliminate those of the next rows that may be, put aside the others seen; gives where the rows
  // of this round end now. Looks on until a panel is full, but not for ever.
  Index take_block(Index end, double least) {
    const Index panel_cols = elimination_.panel_cols();
    const RowMajor lower = factor_block(matrix_, rank_, std::min(panel_cols, end - rank_), least);
    if (lower.rows() != 0) {
      accept(lower);
      return end;
    }
    const Index last = std::min(end, rank_ + 4 * panel_cols);
    RowMajor chosen(panel_cols, panel_cols);
    std::vector<Index> at;
    Index accepted = 0;
    Index block_end = rank_;
    for (; block_end < last && accepted < panel_cols; ++block_end) {
      const Index from = block_end;
      double left = matrix_.row(from)[from];
      auto row = chosen.row(accepted);
      for (Index j = 0; j < accepted; ++j) {
        const double product = row.head(j).dot(chosen.row(j).head(j));
        row(j) = (matrix_.row(from)[at[static_cast<std::size_t>(j)]] - product) / chosen(j, j);
        left -= row(j) * row(j);
      }
      if (!(left > least)) continue;
      row(accepted++) = std::sqrt(left);
      at.push_back(from);
    }
    Exchanges exchanges;
    for (Index j = 0; j < accepted; ++j) {
      if (at[static_cast<std::size_t>(j)] == rank_ + j) continue;
      exchanges.push_back({rank_ + j, at[static_cast<std::size_t>(j)]});
    }
    exchange(exchanges, block_end, block_end, block_end);

    exchanges.clear();
    for (Index i = rank_ + accepted, j = end - 1; i < std::min(block_end, j); ++i, --j) {
      exchanges.push_back({i, j});
    }
    const Index round_end = end - (block_end - rank_ - accepted);
    exchange(exchanges, block_end, std::max(block_end, round_end), end);
    if (accepted > 0) accept(chosen.topLeftCorner(accepted, accepted));
    return round_end;
  }

  void accept(const RowMajor& lower) {
    elimination_.eliminate(lower, rank_, alive_);
    rank_ += lower.rows();
  }

  // Exchange rows and columns of the symmetric matrix, what is factored of them included. All that
  // moves lies in [rank, window) or [tail, tail_end). The other rows take all exchanges at once,
  // which reads each of them in a few places instead of walking down the columns.
  void exchange(const Exchanges& exchanges, Index window, Index tail, Index tail_end) {
    if (exchanges.empty()) return;
    for (const Exchange& e : exchanges) {
      std::swap(original_[static_cast<std::size_t>(e.first)],
                original_[static_cast<std::size_t>(e.second)]);
      double* first = matrix_.row(e.first);
      double* second = matrix_.row(e.second);
      std::swap_ranges(first, first + e.first, second);
      std::swap(first[e.first], second[e.second]);
      for (Index k = e.first + 1; k < window; ++k) exchange_in_row(k, e);
      for (Index k = tail; k < tail_end; ++k) exchange_in_row(k, e);
    }
    for (const auto& range : {std::pair{window, tail}, std::pair{tail_end, alive_},
                              std::pair{matrix_.first_extra(), elimination_.all_rows()}}) {
      constexpr Index rows_per_task = 64;
      const Index rows = std::max<Index>(0, range.second - range.first);
      parallel_for((rows + rows_per_task - 1) / rows_per_task, threads_, [&](Index task) {
        const Index first = range.first + task * rows_per_task;
        for (Index k = first; k < std::min(range.first + rows, first + rows_per_task); ++k) {
          for (const Exchange& e : exchanges) exchange_in_row(k, e);
        }
      });
    }
  }

  void exchange_in_row(Index k, const Exchange& e) {
    if (k == e.second) return;
    double& other = k < e.second ? matrix_.row(e.second)[k] : matrix_.row(k)[e.second];
    std::swap(matrix_.row(k)[e.first], other);
  }

  AugmentedMatrix& matrix_;
  double least_pivot_;
  int threads_;
  const StopCheck& stop_;
  Elimination elimination_;
  Index rank_ = 0;
  Index alive_;  // rows of which more than noise may be left
  std::vector<Index> original_;
};

}  // namespace

std::vector<Index> pivoted_cholesky(AugmentedMatrix& matrix, double least_pivot, int threads,
                                    const StopCheck& stop, Products products) {
  return PivotedElimination(matrix, least_pivot, products, threads, stop).run();
}

}  // namespace hscore
