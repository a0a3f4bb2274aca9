#include "hscore/labels.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>

namespace hscore {

namespace {

/// Values that are read once: the labels may be another thread's to change, and a value that was
/// checked before is an index afterwards.
template <class T>
std::vector<T> read_once(const IntegerView& labels) {
  std::vector<T> values(static_cast<std::size_t>(labels.size));
  if (labels.size == 0) return values;
  if (!labels.swapped && labels.stride == static_cast<Index>(sizeof(T))) {
    std::memcpy(values.data(), labels.data, values.size() * sizeof(T));
    return values;
  }
  for (Index i = 0; i < labels.size; ++i) {
    unsigned char bytes[sizeof(T)];
    std::memcpy(bytes, labels.data + i * labels.stride, sizeof(T));
    if (labels.swapped) std::reverse(bytes, bytes + sizeof(T));
    std::memcpy(&values[static_cast<std::size_t>(i)], bytes, sizeof(T));
  }
  return values;
}

template <class T>
class Encoder {
 public:
  explicit Encoder(const IntegerView& labels) : labels_(read_once<T>(labels)) {}

  EncodedLabels run() const {
    EncodedLabels result;
    result.codes.resize(labels_.size());
    if (labels_.empty()) return result;
    const auto [least, most] = std::minmax_element(labels_.begin(), labels_.end());
    // Unsigned, so that the span of int64 extremes does not overflow.
    const std::uint64_t span = distance(*least, *most);
    if (span < 4 * static_cast<std::uint64_t>(labels_.size()) + 1024) {
      by_table(*least, static_cast<std::size_t>(span) + 1, result);
    } else {
      by_hash(result);
    }
    for (const Index row : result.first_rows) {
      result.values.push_back(static_cast<std::int64_t>(at(row)));
    }
    return result;
  }

 private:
  static std::uint64_t distance(T from, T to) {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  }

  T at(Index i) const { return labels_[static_cast<std::size_t>(i)]; }
  Index rows() const { return static_cast<Index>(labels_.size()); }

  void by_table(T least, std::size_t size, EncodedLabels& result) const {
    constexpr Index unseen = -1;
    std::vector<Index> first_row(size, unseen);
    for (Index i = 0; i < rows(); ++i) {
      Index& first = first_row[static_cast<std::size_t>(distance(least, at(i)))];
      if (first == unseen) first = i;
    }
    std::vector<std::int32_t> code(size, 0);
    for (std::size_t value = 0; value < size; ++value) {
      if (first_row[value] == unseen) continue;
      code[value] = static_cast<std::int32_t>(result.first_rows.size());
      result.first_rows.push_back(first_row[value]);
    }
    for (Index i = 0; i < rows(); ++i) {
      result.codes[static_cast<std::size_t>(i)] =
          code[static_cast<std::size_t>(distance(least, at(i)))];
    }
  }

  void by_hash(EncodedLabels& result) const {
    std::unordered_map<T, std::int32_t> seen;
    std::vector<std::pair<T, Index>> classes;
    for (Index i = 0; i < rows(); ++i) {
      const auto [entry, inserted] =
          seen.try_emplace(at(i), static_cast<std::int32_t>(classes.size()));
      if (inserted) classes.emplace_back(entry->first, i);
      result.codes[static_cast<std::size_t>(i)] = entry->second;
    }
    std::vector<std::int32_t> order(classes.size());
    for (std::size_t c = 0; c < order.size(); ++c) order[c] = static_cast<std::int32_t>(c);
    const auto value = [&](std::int32_t c) { return classes[static_cast<std::size_t>(c)].first; };
    std::sort(order.begin(), order.end(),
              [&](std::int32_t a, std::int32_t b) { return value(a) < value(b); });
    std::vector<std::int32_t> rank(order.size());
    for (std::size_t position = 0; position < order.size(); ++position) {
      rank[static_cast<std::size_t>(order[position])] = static_cast<std::int32_t>(position);
      result.first_rows.push_back(classes[static_cast<std::size_t>(order[position])].second);
    }
    for (std::int32_t& code : result.codes) code = rank[static_cast<std::size_t>(code)];
  }

  std::vector<T> labels_;
};

}  // namespace

EncodedLabels encode_integers(const IntegerView& labels) {
  if (labels.size > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("labels must have fewer than 2^31 entries, got " +
                                std::to_string(labels.size));
  }
  return visit_dtype(labels.dtype, [&](auto element) -> EncodedLabels {
    using T = decltype(element);
    if constexpr (std::is_integral_v<T>) {
      return Encoder<T>(labels).run();
    } else {
      throw std::invalid_argument("labels must be integers");
    }
  });
}

}  // namespace hscore
