#include "hscore/labels.hpp"

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <unordered_map>

namespace hscore {

namespace {

template <class T>
class Encoder {
 public:
  Encoder(const IntegerView& labels, bool contiguous) : labels_(labels), contiguous_(contiguous) {}

  EncodedLabels run() const {
    EncodedLabels result;
    result.codes.resize(static_cast<std::size_t>(labels_.size));
    if (labels_.size == 0) return result;
    T least = at(0);
    T most = least;
    for (Index i = 1; i < labels_.size; ++i) {
      least = std::min(least, at(i));
      most = std::max(most, at(i));
    }
    // Unsigned, so that the span of int64 extremes does not overflow.
    const std::uint64_t span = distance(least, most);
    if (span < 4 * static_cast<std::uint64_t>(labels_.size) + 1024) {
      by_table(least, static_cast<std::size_t>(span) + 1, result);
    } else {
      by_hash(result);
    }
    return result;
  }

 private:
  static std::uint64_t distance(T from, T to) {
    return static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from);
  }

  T at(Index i) const {
    T value;
    if (contiguous_) {
      std::memcpy(&value, labels_.data + i * static_cast<Index>(sizeof(T)), sizeof(T));
      return value;
    }
    const unsigned char* source = labels_.data + i * labels_.stride;
    if (!labels_.swapped) {
      std::memcpy(&value, source, sizeof(T));
      return value;
    }
    unsigned char reversed[sizeof(T)];
    std::reverse_copy(source, source + sizeof(T), reversed);
    std::memcpy(&value, reversed, sizeof(T));
    return value;
  }

  void by_table(T least, std::size_t size, EncodedLabels& result) const {
    constexpr Index unseen = -1;
    std::vector<Index> first_row(size, unseen);
    for (Index i = 0; i < labels_.size; ++i) {
      Index& first = first_row[static_cast<std::size_t>(distance(least, at(i)))];
      if (first == unseen) first = i;
    }
    std::vector<std::int32_t> code(size, 0);
    for (std::size_t value = 0; value < size; ++value) {
      if (first_row[value] == unseen) continue;
      code[value] = static_cast<std::int32_t>(result.first_rows.size());
      result.first_rows.push_back(first_row[value]);
    }
    for (Index i = 0; i < labels_.size; ++i) {
      result.codes[static_cast<std::size_t>(i)] =
          code[static_cast<std::size_t>(distance(least, at(i)))];
    }
  }

  void by_hash(EncodedLabels& result) const {
    std::unordered_map<T, std::int32_t> seen;
    std::vector<std::pair<T, Index>> classes;
    for (Index i = 0; i < labels_.size; ++i) {
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

  IntegerView labels_;
  bool contiguous_;
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
      const bool contiguous = !labels.swapped && labels.stride == static_cast<Index>(sizeof(T));
      return Encoder<T>(labels, contiguous).run();
    } else {
      throw std::invalid_argument("labels must be integers");
    }
  });
}

}  // namespace hscore
