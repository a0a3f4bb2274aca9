// Without the rows W (r x n) of a group, in whitened coordinates (T is the identity), s their sum,
// d_k the sum of those of class k, N' = N - n and n_k' the rows that are left of class k:
//     T' = I - W W' - s s' / N' = I - U U',   U = [W, s / sqrt(N')]
//     S_k' = S_k - d_k + n_k' s / N'
//     H' = sum_k S_k'' T'^-1 S_k' / n_k',   T'^-1 = I + U (I - U'U)^-1 U'
// The last form serves groups of fewer rows than the rank. Directions that only the group's rows
// have are gone with it, and left out of the inverse.
#include "inference/group_influence.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>

#include "factor/whitened_rows.hpp"
#include "hscore/parallel.hpp"

namespace hscore {

namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

constexpr double gone = 1e-10;       // share of a direction below which rounding decides
constexpr Index rows_at_once = 192;  // whitened together

// sum_k v_k' A^+ v_k over the columns of v, A = I - K positive semidefinite.
double inverse_energy(const Matrix& a, const Matrix& v) {
  const Eigen::LLT<Matrix> factor(a);
  if (factor.info() == Eigen::Success &&
      factor.matrixLLT().diagonal().array().square().minCoeff() > gone) {
    return factor.matrixL().solve(v).squaredNorm();
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(a);
  const Matrix turned = spectrum.eigenvectors().transpose() * v;
  double sum = 0;
  for (Index k = 0; k < a.rows(); ++k) {
    if (spectrum.eigenvalues()(k) > gone) {
      sum += turned.row(k).squaredNorm() / spectrum.eigenvalues()(k);
    }
  }
  return sum;
}

// v' (I - U U')^+ v by the smaller U'U: along U e, where U'U e = p e, it adds 1 / (1 - p), or
// takes 1 / p away where p is 1 and the direction is gone.
double downdated_energy(const Matrix& u, const Matrix& v) {
  const Matrix projected = u.transpose() * v;
  Matrix left = -(u.transpose() * u);
  left.diagonal().array() += 1;
  const Eigen::LLT<Matrix> factor(left);
  if (factor.info() == Eigen::Success &&
      factor.matrixLLT().diagonal().array().square().minCoeff() > gone) {
    return v.squaredNorm() + factor.matrixL().solve(projected).squaredNorm();
  }
  const Eigen::SelfAdjointEigenSolver<Matrix> spectrum(left);
  const Matrix turned = spectrum.eigenvectors().transpose() * projected;
  double sum = v.squaredNorm();
  for (Index k = 0; k < left.rows(); ++k) {
    const double rest = spectrum.eigenvalues()(k);
    sum += turned.row(k).squaredNorm() * (rest > gone ? 1 / rest : -1 / (1 - rest));
  }
  return sum;
}

// The rows of each group, group after group.
struct GroupedRows {
  std::vector<Index> rows;
  std::vector<Index> starts;

  GroupedRows(const std::int32_t* groups, Index n_rows, Index n_groups)
      : rows(static_cast<std::size_t>(n_rows)), starts(static_cast<std::size_t>(n_groups) + 1, 0) {
    for (Index i = 0; i < n_rows; ++i) ++starts[static_cast<std::size_t>(groups[i]) + 1];
    for (std::size_t g = 1; g < starts.size(); ++g) starts[g] += starts[g - 1];
    std::vector<Index> next(starts.begin(), starts.end() - 1);
    for (Index i = 0; i < n_rows; ++i) {
      rows[static_cast<std::size_t>(next[static_cast<std::size_t>(groups[i])]++)] = i;
    }
  }
  Index start(Index group) const { return starts[static_cast<std::size_t>(group)]; }
  Index size(Index group) const { return start(group + 1) - start(group); }
  Index row(Index place) const { return rows[static_cast<std::size_t>(place)]; }
};

class Deletion {
 public:
  Deletion(const LabelView& y, const GroupedRows& grouped, const FactoredCovariance& factored,
           const ClassFacts& facts)
      : y_(y), grouped_(grouped), facts_(facts), sums_(factored.rank(), y.classes) {
    for (Index c = 0; c < y.classes; ++c) {
      const double root = std::sqrt(facts.counts[static_cast<std::size_t>(c)]);
      for (Index k = 0; k < sums_.rows(); ++k) {
        sums_(k, c) = root * factored.factor.extra_row(c)[k];
      }
    }
  }

  /// The score without a group whose whitened rows are the columns of `rows`.
  double few(Index group, const Eigen::Ref<const Matrix>& rows) const {
    Left left(*this);
    left.take(group, 0, rows);
    Matrix u(rows.rows(), rows.cols() + 1);
    u << rows, left.sum / std::sqrt(left.rows());
    return left.chance() + downdated_energy(u, left.classes());
  }

  /// The score without a group that comes in pieces: piece(first, count) are whitened rows.
  template <class Piece>
  double many(Index group, Piece&& piece, double* between) const {
    Left left(*this);
    Matrix scatter = Matrix::Identity(sums_.rows(), sums_.rows());
    for (Index first = 0; first < grouped_.size(group); first += rows_at_once) {
      const Matrix rows = piece(first, std::min(rows_at_once, grouped_.size(group) - first));
      left.take(group, first, rows);
      scatter.noalias() -= rows * rows.transpose();
    }
    *between = left.sum.squaredNorm() / static_cast<double>(grouped_.size(group));
    scatter -= left.sum * left.sum.transpose() / left.rows();
    return left.chance() + inverse_energy(scatter, left.classes());
  }

 private:
  struct Left {
    explicit Left(const Deletion& all)
        : whole(all),
          sum(Vector::Zero(all.sums_.rows())),
          sums(all.sums_),
          counts(all.facts_.counts) {}

    void take(Index group, Index first, const Eigen::Ref<const Matrix>& rows) {
      for (Index i = 0; i < rows.cols(); ++i) {
        const Index row = whole.grouped_.row(whole.grouped_.start(group) + first + i);
        const Index c = whole.y_.codes[row];
        sum += rows.col(i);
        sums.col(c) -= rows.col(i);
        --counts[static_cast<std::size_t>(c)];
        ++taken;
      }
    }
    double rows() const { return whole.facts_.weight - taken; }
    // The chance level of the classes that are gone with the group.
    double chance() const {
      double lost = 0;
      for (std::size_t c = 0; c < counts.size(); ++c) {
        lost += whole.facts_.counts[c] > 0 && counts[c] == 0;
      }
      return lost * static_cast<double>(whole.facts_.rank) / (whole.facts_.weight - 1);
    }
    // S_k' / sqrt(n_k')
    Matrix classes() const {
      Matrix result(sums.rows(), sums.cols());
      for (Index c = 0; c < sums.cols(); ++c) {
        const double count = counts[static_cast<std::size_t>(c)];
        if (count > 0) {
          result.col(c) = (sums.col(c) + sum * (count / rows())) / std::sqrt(count);
        } else {
          result.col(c).setZero();
        }
      }
      return result;
    }

    const Deletion& whole;
    Vector sum;
    Matrix sums;
    std::vector<double> counts;
    double taken = 0;
  };

  LabelView y_;
  const GroupedRows& grouped_;
  const ClassFacts& facts_;
  Matrix sums_;
};

}  // namespace

GroupInfluence group_influence(const FeatureView& x, const LabelView& y, const std::int32_t* groups,
                               Index n_groups, const FactoredCovariance& factored,
                               const std::vector<double>& shift, const ClassFacts& facts,
                               int threads, const StopCheck& stop) {
  const GroupedRows grouped(groups, x.rows, n_groups);
  const CentredRows centred(x, shift, factored.offset);
  const Whitener whitener(factored);
  const Deletion without(y, grouped, factored, facts);
  const auto load = [&](Index place, double* target) { centred(grouped.row(place), target); };
  std::vector<Index> tasks = {0};  // first groups: together about as many rows as are whitened
  for (Index g = 1; g < n_groups; ++g) {
    if (grouped.start(g + 1) - grouped.start(tasks.back()) > rows_at_once) tasks.push_back(g);
  }
  tasks.push_back(n_groups);
  std::vector<double> scores(static_cast<std::size_t>(n_groups));
  std::vector<double> between(scores.size());
  const Index rank = whitener.rank();
  const auto work = [&](Index task) {
    const Index first = tasks[static_cast<std::size_t>(task)];
    const Index end = tasks[static_cast<std::size_t>(task) + 1];
    const Index start = grouped.start(first);
    const Index rows = grouped.start(end) - start;
    std::vector<double> row(static_cast<std::size_t>(x.cols));
    if (end - first == 1 && rows > std::max(rank, rows_at_once)) {
      const std::size_t at = static_cast<std::size_t>(first);
      scores[at] = without.many(
          first, [&](Index from, Index count) { return whitener(start + from, count, load, row); },
          &between[at]);
      return;
    }
    const Matrix whitened = whitener(start, rows, load, row);
    for (Index g = first; g < end; ++g) {
      const std::size_t at = static_cast<std::size_t>(g);
      const Index size = grouped.size(g);
      const auto own = whitened.middleCols(grouped.start(g) - start, size);
      if (size == 0) continue;
      between[at] = own.rowwise().sum().squaredNorm() / static_cast<double>(size);
      scores[at] =
          size < rank
              ? without.few(g, own)
              : without.many(
                    g, [&](Index from, Index count) { return Matrix(own.middleCols(from, count)); },
                    &between[at]);
    }
  };
  const Index count = static_cast<Index>(tasks.size()) - 1;
  const double task_work =
      static_cast<double>(rows_at_once) * static_cast<double>(rank) * static_cast<double>(rank + 1);
  const Index round = threads * std::max<Index>(1, static_cast<Index>(1e9 / task_work));
  for (Index done = 0; done < count; done += round) {
    throw_if_stopped(stop);
    parallel_for(std::min(round, count - done), threads, [&](Index i) { work(done + i); });
  }
  double whole = 0;
  for (const double share : facts.shares) whole += share;
  GroupInfluence result;
  for (std::size_t g = 0; g < scores.size(); ++g) {
    result.rank_between += between[g];
    result.values.push_back(static_cast<double>(n_groups - 1) * (whole - scores[g]));
  }
  return result;
}

}  // namespace hscore
