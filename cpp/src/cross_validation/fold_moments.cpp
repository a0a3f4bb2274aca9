#include "cross_validation/fold_moments.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "hscore/parallel.hpp"
#include "hscore/row_blocks.hpp"
#include "moments/workspace.hpp"

namespace hscore {

namespace {

Index size_of(DType dtype) {
  return visit_dtype(dtype, [](auto value) { return static_cast<Index>(sizeof value); });
}

// Rows of one fold, with their labels and weights, on their way into its statistics.
struct Gathered {
  std::vector<unsigned char> values;
  std::vector<std::int32_t> codes;
  std::vector<double> weights;
  std::vector<Index> rows;  // which they are

  void choose(const std::int32_t* folds, std::int32_t fold, Index first, Index count) {
    rows.clear();
    for (Index i = first; i < first + count; ++i) {
      if (folds[i] == fold) rows.push_back(i);
    }
  }
};

// Rows whose values lie side by side are copied as they are.
bool has_plain_rows(const FeatureView& x) {
  return x.kind() == FeatureKind::matrix && x.col_stride == size_of(x.dtype);
}

}  // namespace

std::vector<Moments> fold_moments(const FeatureView& features, const LabelView& labels,
                                  const std::int32_t* folds, Index n_folds, const double* weights,
                                  int threads, const StopCheck& stop) {
  check_labels(features, labels);
  const Index cols = features.cols;
  std::vector<Moments> result;
  for (Index k = 0; k < n_folds; ++k) result.emplace_back(cols);
  std::vector<Gathered> gathered(result.size());
  // A few megabytes for each fold, but rows enough for a block of products.
  constexpr Index bytes = Index{4} << 20;
  const Index rows_of_fold =
      std::max(block_rows(cols), bytes / (cols * static_cast<Index>(sizeof(double))));
  UpdateOptions options;
  options.threads = threads;
  options.stop = stop;

  // Rows [first, first + count) of a block that begins with row `start` of all.
  const auto add = [&](const FeatureView& block, Index start, Index first, Index count) {
    const bool plain = has_plain_rows(block);
    const Index value_size = plain ? size_of(block.dtype) : static_cast<Index>(sizeof(double));
    const Index row_size = cols * value_size;
    for (std::size_t k = 0; k < gathered.size(); ++k) {
      Gathered& part = gathered[k];
      part.choose(folds, static_cast<std::int32_t>(k), start + first, count);
      part.codes.clear();
      part.weights.clear();
      for (const Index i : part.rows) {
        part.codes.push_back(labels.codes[i]);
        if (weights != nullptr) part.weights.push_back(weights[i]);
      }
      part.values.resize(part.rows.size() * static_cast<std::size_t>(row_size));
    }
    if (plain) {
      parallel_for(n_folds, threads, [&](Index k) {
        Gathered& part = gathered[static_cast<std::size_t>(k)];
        unsigned char* target = part.values.data();
        for (const Index i : part.rows) {
          std::memcpy(target, block.at(i - start, 0), static_cast<std::size_t>(row_size));
          target += row_size;
        }
      });
    } else {
      RowsInOrder read(block.row_range(first, count), 0, cols);
      std::vector<unsigned char*> target;
      for (Gathered& part : gathered) target.push_back(part.values.data());
      for (Index i = 0; i < count; ++i) {
        unsigned char*& at = target[static_cast<std::size_t>(folds[start + first + i])];
        std::memcpy(at, read(i), static_cast<std::size_t>(row_size));
        at += row_size;
      }
    }
    for (std::size_t k = 0; k < gathered.size(); ++k) {
      const Gathered& part = gathered[k];
      if (part.rows.empty()) continue;
      FeatureView x;
      x.data = part.values.data();
      x.rows = static_cast<Index>(part.rows.size());
      x.cols = cols;
      x.row_stride = row_size;
      x.col_stride = value_size;
      if (plain) {
        x.dtype = block.dtype;
        x.swapped = block.swapped;
      }
      result[k].update(x, {part.codes.data(), x.rows, labels.classes}, options,
                       weights == nullptr ? nullptr : part.weights.data());
      if (!result[k].finite()) throw NotFinite();
    }
  };
  for_each_block(features, [&](const FeatureView& block, Index start) {
    const Index most = n_folds * rows_of_fold;
    for (Index first = 0; first < block.rows; first += most) {
      add(block, start, first, std::min(most, block.rows - first));
    }
  });
  return result;
}

}  // namespace hscore
