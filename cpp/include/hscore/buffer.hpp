// Cache-line aligned memory of a checked size.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace hscore {

/// An allocation that could not be made; the message names the size.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(const std::string& message) : message_(message) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

/// rows * cols, refused before it can overflow a size in bytes.
inline std::size_t checked_product(std::ptrdiff_t rows, std::ptrdiff_t cols,
                                   std::size_t element_size) {
  const std::size_t r = static_cast<std::size_t>(rows);
  const std::size_t c = static_cast<std::size_t>(cols);
  const std::size_t most = static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max());
  if (c != 0 && r > most / element_size / c) {
    throw OutOfMemory("a buffer of " + std::to_string(rows) + " x " + std::to_string(cols) +
                      " elements exceeds the address space: use fewer features or classes");
  }
  return r * c;
}

/// Throws OutOfMemory, which names the size, for more elements than the machine's memory can hold.
/// Asking the system is not enough: it may promise more than it has, and end the process later.
void check_fits(std::ptrdiff_t rows, std::ptrdiff_t cols, std::size_t element_size);

/// What the elements of a new buffer are. Zeros of a large one come from the system, page by page
/// as they are touched: by the threads that work on them, not by the one that asks for them.
enum class Contents { unset, zeros };

/// Storage for rows * cols elements of a trivial type.
template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  AlignedBuffer(std::ptrdiff_t rows, std::ptrdiff_t cols, Contents contents = Contents::unset)
      : size_(checked_product(rows, cols, sizeof(T))) {
    if (size_ == 0) return;
    check_fits(rows, cols, sizeof(T));
    std::size_t room = bytes() + alignment();
    block_ = contents == Contents::zeros ? std::calloc(room, 1) : std::malloc(room);
    if (block_ == nullptr) {
      throw OutOfMemory("could not allocate " + std::to_string(size_ * sizeof(T)) + " bytes for " +
                        std::to_string(rows) + " x " + std::to_string(cols) + " elements");
    }
    void* start = block_;
    data_ = static_cast<T*>(std::align(alignment(), bytes(), start, room));
    advise();
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept { swap(other); }
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    swap(other);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() { std::free(block_); }

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t cache_line = 64;
  static constexpr std::size_t huge_page = std::size_t{2} << 20;
  bool is_large() const { return size_ * sizeof(T) >= huge_page / 2; }
  // A huge page must lie wholly in what was asked for.
  std::size_t bytes() const {
    const std::size_t wanted = size_ * sizeof(T);
    return is_large() ? (wanted + huge_page - 1) / huge_page * huge_page : wanted;
  }
  std::size_t alignment() const { return is_large() ? huge_page : cache_line; }
  // Where the system gives huge pages on request only. A tile of the scatter touches a page per
  // row: with small ones the table of addresses is too short, each is faulted in on its own, and a
  // packed slice lies on whatever sets of the second-level cache they have in common.
  void advise() {
#if defined(MADV_HUGEPAGE)
    if (is_large()) madvise(data_, bytes(), MADV_HUGEPAGE);
#endif
  }
  void swap(AlignedBuffer& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
  }
  void* block_ = nullptr;  // what was allocated; the data begin at the first aligned place in it
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

/// A row-major matrix whose rows start on cache lines and whose stride, padding included, is not a
/// multiple of a page, so that a column walk does not fall on one cache set.
class PaddedMatrix {
 public:
  static constexpr std::ptrdiff_t lane_multiple = 32;  // the widest strip of any instruction set

  PaddedMatrix() = default;
  PaddedMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols)
      : PaddedMatrix(rows, cols, Contents::zeros) {}
  /// For those who write every row.
  static PaddedMatrix unset(std::ptrdiff_t rows, std::ptrdiff_t cols) {
    return {rows, cols, Contents::unset};
  }

  static std::ptrdiff_t round_up(std::ptrdiff_t value) {
    return (value + lane_multiple - 1) / lane_multiple * lane_multiple;
  }
  PaddedMatrix copy() const {
    PaddedMatrix result = unset(rows_, cols_);
    std::copy_n(values_.data(), values_.size(), result.values_.data());
    return result;
  }

  /// Of zeros: on the thread that will add to them. A page that is read before it is written is
  /// faulted in twice, and the second time interrupts all other threads.
  void fault_in() {
    constexpr std::size_t page = 4096 / sizeof(double);
    volatile double* values = values_.data();
    for (std::size_t i = 0; i < values_.size(); i += page) values[i] = 0;
  }

  std::ptrdiff_t rows() const { return rows_; }
  std::ptrdiff_t cols() const { return cols_; }
  std::ptrdiff_t stride() const { return stride_; }
  double* row(std::ptrdiff_t i) { return values_.data() + i * stride_; }
  const double* row(std::ptrdiff_t i) const { return values_.data() + i * stride_; }
  double& operator()(std::ptrdiff_t i, std::ptrdiff_t j) { return row(i)[j]; }
  double operator()(std::ptrdiff_t i, std::ptrdiff_t j) const { return row(i)[j]; }

 private:
  PaddedMatrix(std::ptrdiff_t rows, std::ptrdiff_t cols, Contents contents)
      : rows_(rows), cols_(cols), stride_(padded(cols)), values_(rows, stride_, contents) {}
  static std::ptrdiff_t padded(std::ptrdiff_t cols) {
    const std::ptrdiff_t stride = round_up(cols);
    return stride % 512 == 0 ? stride + lane_multiple : stride;
  }
  std::ptrdiff_t rows_ = 0;
  std::ptrdiff_t cols_ = 0;
  std::ptrdiff_t stride_ = 0;
  AlignedBuffer<double> values_;
};

}  // namespace hscore
