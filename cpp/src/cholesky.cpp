#include "cholesky.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <numeric>

#include "rank_update.hpp"

namespace hscore {

namespace {

using kernel::Shape;
using Panel = PackedRows<double>;

constexpr Index panel_cols = 96;  // a multiple of every tile edge, so that blocks start on strips
constexpr Index width = Panel::width;
constexpr Index tile_rows = Shape<double>::broadcasts;

// The factor L of a diagonal block, packed as the kernel's left operand and padded with zeros to
// whole tiles, and the reciprocals of its diagonal.
class DiagonalBlock {
 public:
  DiagonalBlock() : packed_(panel_cols, panel_cols), inverse_(panel_cols, 0.0) {}

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
    kernel::micro_kernel<double, Strips>(
        diagonal.rows_from(k), width, 1, x, stride, k, [&](Index m, Index v, auto value) {
          kernel::store(tile + m * lanes + v * Shape<double>::lanes, value);
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
    kernel::with_strips<double>(last - first, [&](auto count) {
      solve_strips<decltype(count)::value>(diagonal, panel, first);
    });
    for (Index s = first; s < last; ++s) {
      const double* strip = panel.strip(0, s);
      for (Index l = 0; l < std::min(width, rows - s * width); ++l) save(s * width + l, strip + l);
    }
  });
}

}  // namespace

bool cholesky(AugmentedMatrix& matrix, double least_pivot, int threads, const StopCheck& stop) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  using Block = Eigen::Map<RowMajor, 0, Eigen::OuterStride<>>;
  const Index order = matrix.order();
  const Index all_rows = matrix.first_extra() + matrix.extra();
  DiagonalBlock diagonal;
  Panel panel(panel_cols, all_rows);
  for (Index k = 0; k < order; k += panel_cols) {
    throw_if_stopped(stop);
    const Index cols = std::min(panel_cols, order - k);
    Block block(matrix.row(k) + k, cols, cols, Eigen::OuterStride<>(matrix.stride()));
    const Eigen::LLT<Eigen::Ref<RowMajor, 0, Eigen::OuterStride<>>, Eigen::Lower> llt(block);
    if (llt.info() != Eigen::Success) return false;
    for (Index i = 0; i < cols; ++i) {
      if (!(block(i, i) * block(i, i) > least_pivot)) return false;
    }
    diagonal.assign(cols, [&](Index i, Index j) { return block(i, j); });
    const bool last = k + cols == order;
    const Index below = last ? matrix.first_extra() : k + cols;
    const Index rows = all_rows - below;
    solve_panel(
        diagonal, panel, rows, threads,
        [&](Index row, double* target) {
          const double* source = matrix.row(below + row) + k;
          for (Index j = 0; j < cols; ++j) target[j * width] = source[j];
        },
        [&](Index row, const double* source) {
          double* target = matrix.row(below + row) + k;
          for (Index j = 0; j < cols; ++j) target[j] = source[j * width];
        });
    if (!last) {
      rank_update<Sign::subtract>(panel, rows, order - below, matrix.row(below) + below,
                                  matrix.stride(), threads);
    }
  }
  return true;
}

namespace {

// Pivoting in blocks. Full pivoting picks one column at a time and cannot use a matrix product
// until a whole panel is chosen. Here a block of candidates, all within a factor of the largest
// remaining pivot, is factored with pivoting on its own, and only the part of it that stays within
// that factor is eliminated. Every pivot is then at least `pivot_share` of the largest one, which
// bounds the growth of rounding errors as full pivoting does up to that factor.
constexpr double pivot_share = 0.25;

struct Candidates {
  std::vector<Index> rows;
  std::vector<double> lower;  // row-major factor of the accepted ones
};

class PivotedElimination {
 public:
  PivotedElimination(AugmentedMatrix&& matrix, double least_pivot, int threads,
                     const StopCheck& stop)
      : matrix_(std::move(matrix)),
        least_pivot_(least_pivot),
        threads_(threads),
        stop_(stop),
        alive_(matrix_.order()),
        rows_(matrix_.order()),
        first_extra_(matrix_.first_extra()),
        original_(static_cast<std::size_t>(alive_)),
        is_alive_(static_cast<std::size_t>(alive_), 1),
        panel_(panel_cols, first_extra_ + matrix_.extra()) {
    std::iota(original_.begin(), original_.end(), Index{0});
    result_.factor = AugmentedMatrix(alive_, matrix_.extra());
  }

  PivotedFactor run() && {
    for (;;) {
      throw_if_stopped(stop_);
      const double largest = drop_redundant();
      if (alive_ == 0) break;
      if (5 * alive_ < 4 * rows_) compact();
      eliminate(choose(largest));
    }
    return std::move(result_);
  }

 private:
  double entry(Index i, Index j) const { return i >= j ? matrix_.row(i)[j] : matrix_.row(j)[i]; }
  bool alive(Index i) const { return is_alive_[static_cast<std::size_t>(i)] != 0; }
  void kill(Index i) {
    is_alive_[static_cast<std::size_t>(i)] = 0;
    --alive_;
  }

  double drop_redundant() {
    double largest = 0;
    for (Index i = 0; i < rows_; ++i) {
      if (!alive(i)) continue;
      const double pivot = matrix_.row(i)[i];
      if (pivot > least_pivot_) {
        largest = std::max(largest, pivot);
      } else {
        kill(i);
      }
    }
    return largest;
  }

  // Move what is alive to the front, in place: rows and columns only ever move towards the origin.
  void compact() {
    std::vector<Index> kept;
    for (Index i = 0; i < rows_; ++i) {
      if (alive(i)) kept.push_back(i);
    }
    const Index count = static_cast<Index>(kept.size());
    const auto gather = [&](const double* source, double* target, Index cols) {
      for (Index j = 0; j < cols; ++j) target[j] = source[kept[static_cast<std::size_t>(j)]];
    };
    for (Index i = 0; i < count; ++i) {
      const Index from = kept[static_cast<std::size_t>(i)];
      gather(matrix_.row(from), matrix_.row(i), i + 1);
      original_[static_cast<std::size_t>(i)] = original_[static_cast<std::size_t>(from)];
    }
    const Index target_extra = PaddedMatrix::round_up(count);
    for (Index i = 0; i < matrix_.extra(); ++i) {
      gather(matrix_.row(first_extra_ + i), matrix_.row(target_extra + i), count);
    }
    rows_ = count;
    first_extra_ = target_extra;
    original_.resize(kept.size());
    is_alive_.assign(kept.size(), 1);
  }

  Candidates choose(double largest) const {
    std::vector<Index> eligible;
    for (Index i = 0; i < rows_; ++i) {
      if (alive(i) && matrix_.row(i)[i] >= pivot_share * largest) eligible.push_back(i);
    }
    // Spread over the eligible ones: neighbours are often near-copies of each other.
    const Index all = static_cast<Index>(eligible.size());
    const Index count = std::min(all, panel_cols);
    std::vector<Index> rows(static_cast<std::size_t>(count));
    for (Index i = 0; i < count; ++i) {
      rows[static_cast<std::size_t>(i)] = eligible[static_cast<std::size_t>(i * all / count)];
    }
    Eigen::MatrixXd block(count, count);
    for (Index i = 0; i < count; ++i) {
      for (Index j = 0; j <= i; ++j) {
        block(i, j) = block(j, i) =
            entry(rows[static_cast<std::size_t>(i)], rows[static_cast<std::size_t>(j)]);
      }
    }
    Index accepted = 0;
    for (; accepted < count; ++accepted) {
      const Index k = accepted;
      Index best = k;
      for (Index i = k + 1; i < count; ++i) {
        if (block(i, i) > block(best, best)) best = i;
      }
      if (!(block(best, best) > least_pivot_) || block(best, best) < pivot_share * largest) break;
      std::swap(rows[static_cast<std::size_t>(k)], rows[static_cast<std::size_t>(best)]);
      block.row(k).swap(block.row(best));
      block.col(k).swap(block.col(best));
      block(k, k) = std::sqrt(block(k, k));
      const Index rest = count - k - 1;
      block.col(k).tail(rest) /= block(k, k);
      block.bottomRightCorner(rest, rest).noalias() -=
          block.col(k).tail(rest) * block.col(k).tail(rest).transpose();
    }
    Candidates chosen;
    chosen.rows.assign(rows.begin(), rows.begin() + accepted);
    chosen.lower.resize(static_cast<std::size_t>(accepted * accepted));
    for (Index i = 0; i < accepted; ++i) {
      for (Index j = 0; j <= i; ++j) {
        chosen.lower[static_cast<std::size_t>(i * accepted + j)] = block(i, j);
      }
    }
    return chosen;
  }

  void eliminate(const Candidates& chosen) {
    const Index cols = static_cast<Index>(chosen.rows.size());
    const Index rank = static_cast<Index>(result_.order.size());
    diagonal_.assign(cols, [&](Index i, Index j) {
      return chosen.lower[static_cast<std::size_t>(i * cols + j)];
    });
    for (const Index row : chosen.rows) {
      result_.order.push_back(original_[static_cast<std::size_t>(row)]);
      kill(row);
    }
    const Index rows = first_extra_ + matrix_.extra();
    solve_panel(
        diagonal_, panel_, rows, threads_,
        [&](Index row, double* target) {
          if (row >= rows_ && row < first_extra_) return;  // padding
          const bool feature = row < rows_;
          for (Index j = 0; j < cols; ++j) {
            const Index col = chosen.rows[static_cast<std::size_t>(j)];
            target[j * width] = feature ? entry(row, col) : matrix_.row(row)[col];
          }
        },
        [&](Index row, const double* source) {
          double* target = nullptr;
          if (row < rows_ && alive(row)) {
            target = result_.factor.row(original_[static_cast<std::size_t>(row)]);
          } else if (row >= first_extra_) {
            target = result_.factor.extra_row(row - first_extra_);
          }
          if (target == nullptr) return;
          for (Index j = 0; j < cols; ++j) target[rank + j] = source[j * width];
        });
    for (Index i = 0; i < cols; ++i) {
      double* target = result_.factor.row(result_.order[static_cast<std::size_t>(rank + i)]) + rank;
      for (Index j = 0; j <= i; ++j) {
        target[j] = chosen.lower[static_cast<std::size_t>(i * cols + j)];
      }
    }
    rank_update<Sign::subtract>(panel_, rows, rows_, matrix_.row(0), matrix_.stride(), threads_);
  }

  AugmentedMatrix matrix_;
  double least_pivot_;
  int threads_;
  const StopCheck& stop_;
  Index alive_;        // rows that may still be chosen
  Index rows_;         // rows that the matrix still holds, dead ones included
  Index first_extra_;  // moves up when the matrix is compacted
  std::vector<Index> original_;
  std::vector<char> is_alive_;
  DiagonalBlock diagonal_;
  Panel panel_;
  PivotedFactor result_;
};

}  // namespace

PivotedFactor pivoted_cholesky(AugmentedMatrix&& matrix, double least_pivot, int threads,
                               const StopCheck& stop) {
  return PivotedElimination(std::move(matrix), least_pivot, threads, stop).run();
}

}  // namespace hscore
