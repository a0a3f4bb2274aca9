#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <string>

#include "hscore/cross_validation.hpp"

namespace hscore {

std::vector<std::int32_t> stratified_folds(const LabelView& labels, Index folds) {
  if (folds < 1) throw std::invalid_argument("there must be at least one fold");
  std::vector<Index> next(static_cast<std::size_t>(labels.classes));
  for (std::size_t c = 0; c < next.size(); ++c) next[c] = static_cast<Index>(c) % folds;
  std::vector<std::int32_t> result(static_cast<std::size_t>(labels.rows));
  for (std::size_t i = 0; i < result.size(); ++i) {
    Index& fold = next[static_cast<std::size_t>(labels.codes[i])];
    result[i] = static_cast<std::int32_t>(fold);
    if (++fold == folds) fold = 0;
  }
  return result;
}

std::vector<std::int32_t> grouped_folds(const LabelView& labels, const std::int32_t* groups,
                                        Index n_groups, Index folds) {
  if (folds < 1) throw std::invalid_argument("there must be at least one fold");
  // The rows of each group in order, as one list.
  std::vector<Index> begin(static_cast<std::size_t>(n_groups) + 1, 0);
  std::vector<Index> first(static_cast<std::size_t>(n_groups), labels.rows);
  std::vector<Index> rows_of_class(static_cast<std::size_t>(labels.classes), 0);
  for (Index i = 0; i < labels.rows; ++i) {
    if (groups[i] < 0 || groups[i] >= n_groups) {
      throw std::invalid_argument("group " + std::to_string(groups[i]) + " is outside 0.." +
                                  std::to_string(n_groups - 1));
    }
    const std::size_t g = static_cast<std::size_t>(groups[i]);
    ++begin[g + 1];
    first[g] = std::min(first[g], i);
    ++rows_of_class[static_cast<std::size_t>(labels.codes[i])];
  }
  std::partial_sum(begin.begin(), begin.end(), begin.begin());
  std::vector<std::int32_t> members(static_cast<std::size_t>(labels.rows));
  std::vector<Index> end(begin.begin(), begin.end() - 1);
  for (Index i = 0; i < labels.rows; ++i) {
    members[static_cast<std::size_t>(end[static_cast<std::size_t>(groups[i])]++)] = labels.codes[i];
  }
  std::vector<std::size_t> order(first.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto size = [&](std::size_t g) { return begin[g + 1] - begin[g]; };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size(a) != size(b) ? size(a) > size(b) : first[a] < first[b];
  });

  // held(fold, c): rows that a fold has of a class. Whole numbers, so that equal is equal.
  std::vector<Index> held(static_cast<std::size_t>(folds * labels.classes), 0);
  std::vector<Index> size_of_fold(static_cast<std::size_t>(folds), 0);
  std::vector<std::int32_t> fold_of_group(first.size(), 0);
  for (const std::size_t g : order) {
    std::size_t best = 0;
    Index least = 0;
    for (std::size_t k = 0; k < size_of_fold.size(); ++k) {
      Index crowd = 0;
      for (Index i = begin[g]; i < begin[g + 1]; ++i) {
        const std::size_t c = static_cast<std::size_t>(members[static_cast<std::size_t>(i)]);
        const Index rarity = labels.rows / std::max<Index>(rows_of_class[c], 1);
        crowd += held[k * static_cast<std::size_t>(labels.classes) + c] * rarity;
      }
      if (k == 0 || crowd < least || (crowd == least && size_of_fold[k] < size_of_fold[best])) {
        best = k;
        least = crowd;
      }
    }
    fold_of_group[g] = static_cast<std::int32_t>(best);
    size_of_fold[best] += size(g);
    for (Index i = begin[g]; i < begin[g + 1]; ++i) {
      const std::size_t c = static_cast<std::size_t>(members[static_cast<std::size_t>(i)]);
      ++held[best * static_cast<std::size_t>(labels.classes) + c];
    }
  }
  std::vector<std::int32_t> result(static_cast<std::size_t>(labels.rows));
  for (std::size_t i = 0; i < result.size(); ++i) {
    result[i] = fold_of_group[static_cast<std::size_t>(groups[i])];
  }
  return result;
}

}  // namespace hscore
