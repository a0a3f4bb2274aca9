// From NumPy arrays to the core's views: no copy, no ownership.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <string>

#include "hscore/labels.hpp"
#include "hscore/row_blocks.hpp"
#include "hscore/views.hpp"
#include "interpreter.hpp"
#include "mapped_files.hpp"

namespace hscore::python {

namespace py = pybind11;

using Codes = py::array_t<std::int32_t, py::array::c_style>;

inline DType element_type(const py::dtype& dtype) {
  const auto size = dtype.itemsize();
  switch (dtype.kind()) {
    case 'b':
      return DType::boolean;
    case 'i':
      if (size == 1) return DType::int8;
      if (size == 2) return DType::int16;
      if (size == 4) return DType::int32;
      return DType::int64;
    case 'u':
      if (size == 1) return DType::uint8;
      if (size == 2) return DType::uint16;
      if (size == 4) return DType::uint32;
      return DType::uint64;
    case 'f':
      if (size == 2) return DType::float16;
      if (size == 4) return DType::float32;
      if (size == 8) return DType::float64;
      break;
    case 'V':  // how arrays of bfloat16 stand beside others: bytes without a meaning to NumPy
      if (size == 2) return DType::bfloat16;
      break;
    default:
      break;
  }
  throw py::type_error("unsupported element type " + py::str(dtype).cast<std::string>());
}

// NumPy mostly writes native order as '=' or '|', but newbyteorder('<') keeps its '<' anywhere.
inline bool is_swapped(const py::dtype& dtype) {
  const std::uint16_t one = 1;
  const bool little_endian = *reinterpret_cast<const unsigned char*>(&one) == 1;
  return dtype.byteorder() == (little_endian ? '>' : '<');
}

inline FeatureView array_view(const py::array& features, bool bfloat16) {
  if (features.ndim() != 2) throw py::value_error("features must be two-dimensional");
  if (bfloat16 && features.itemsize() != 2) throw py::type_error("bfloat16 has two bytes");
  FeatureView view;
  view.data = static_cast<const unsigned char*>(features.data());
  view.rows = features.shape(0);
  view.cols = features.shape(1);
  view.row_stride = features.strides(0);
  view.col_stride = features.strides(1);
  view.dtype = bfloat16 ? DType::bfloat16 : element_type(features.dtype());
  view.swapped = is_swapped(features.dtype());
  return view;
}

/// Arrays that side by side are segments of rows of one matrix. They are kept, not copied.
class Columns {
 public:
  /// segments[s] is a list of two-dimensional arrays that together have `cols` columns.
  Columns(const py::list& segments, Index cols) : arrays_(segments), table_(cols) {
    for (const py::handle segment : segments) {
      Index rows = -1;
      for (const py::handle item : segment) {
        const auto array = py::cast<py::array>(item);
        const FeatureView view = array_view(array, false);
        if (rows < 0) table_.add_segment(rows = view.rows);
        table_.add_columns(view);
      }
    }
    view_ = table_.view();
  }
  Columns(const Columns&) = delete;
  Columns& operator=(const Columns&) = delete;

  const FeatureView& view() const { return view_; }
  const py::list& arrays() const { return arrays_; }

 private:
  py::list arrays_;
  ColumnTable table_;
  FeatureView view_;
};

inline FeatureView whole_view(const py::object& matrix, bool bfloat16) {
  if (py::isinstance<Columns>(matrix)) return matrix.cast<const Columns&>().view();
  return array_view(py::cast<py::array>(matrix), bfloat16);
}

/// Some rows of an array or of Columns, in ascending order. Both are kept, not copied.
class KeptRows {
 public:
  using Rows = py::array_t<Index, py::array::c_style | py::array::forcecast>;

  KeptRows(py::object matrix, Rows rows) : matrix_(std::move(matrix)), rows_(std::move(rows)) {
    if (rows_.ndim() != 1) throw py::value_error("rows must be one-dimensional");
    const Index most = whole_view(matrix_, false).rows;
    for (Index i = 0; i < rows_.size(); ++i) {
      const Index least = i == 0 ? 0 : rows_.data()[i - 1] + 1;
      if (rows_.data()[i] < least || rows_.data()[i] >= most) {
        throw py::value_error("rows must ascend within those of the matrix");
      }
    }
  }

  FeatureView view(bool bfloat16) const {
    FeatureView view = whole_view(matrix_, bfloat16);
    view.kept = rows_.data();
    view.rows = rows_.size();
    return view;
  }
  const py::object& matrix() const { return matrix_; }
  py::tuple shape() const { return py::make_tuple(rows_.size(), whole_view(matrix_, false).cols); }

 private:
  py::object matrix_;
  Rows rows_;
};

inline FeatureView matrix_view(const py::object& matrix, bool bfloat16) {
  if (py::isinstance<KeptRows>(matrix)) return matrix.cast<const KeptRows&>().view(bfloat16);
  return whole_view(matrix, bfloat16);
}

/// Rows that Python reads: `begin` gives a generator of arrays or Columns, which is closed at the
/// end of each walk. To be walked while computing.
class Blocks : public RowBlocks {
 public:
  Blocks(py::function begin, Index rows, Index cols, bool narrow) : begin_(std::move(begin)) {
    view_.rows = rows;
    view_.cols = cols;
    view_.dtype = narrow ? DType::float32 : DType::float64;  // what precision to promise
    view_.blocks = this;
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;

  const FeatureView& view() const { return view_; }

  void walk(const Body& body) const override {
    const Interlude python;
    const Walk walk(begun_ ? std::move(begun_) : begin());
    py::object block = first_ ? std::move(first_) : walk.next();
    for (; block; block = walk.next()) {
      const FeatureView view = matrix_view(block, false);
      {
        const Computing computing;
        body(view);
      }
      refuse_shortened(block);
      run_python([done = block.release().ptr()] { Py_DECREF(done); });
    }
  }

  FeatureView first() const override {
    const Interlude python;
    if (!first_) {
      begun_ = begin();
      first_ = Walk::next_of(begun_);
      if (!first_) throw py::value_error("there are no rows");
    }
    return matrix_view(first_, false);
  }

 private:
  class Walk {
   public:
    explicit Walk(py::object generator) : generator_(std::move(generator)) {}
    Walk(const Walk&) = delete;
    Walk& operator=(const Walk&) = delete;
    ~Walk() {
      const py::error_scope raised;  // by whom the walk was ended
      run_python([&] {
        PyObject* done = PyObject_CallMethod(generator_.ptr(), "close", nullptr);
        if (done == nullptr) PyErr_WriteUnraisable(generator_.ptr());
        Py_XDECREF(done);
      });
    }
    /// Nothing at the end.
    py::object next() const { return next_of(generator_); }
    static py::object next_of(const py::object& generator) {
      PyObject* block = run_python([&] { return PyIter_Next(generator.ptr()); });
      if (block == nullptr && PyErr_Occurred() != nullptr) throw py::error_already_set();
      return py::reinterpret_steal<py::object>(block);
    }

   private:
    py::object generator_;
  };

  py::object begin() const {
    PyObject* generator = run_python([&] { return PyObject_CallNoArgs(begin_.ptr()); });
    if (generator == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(generator);
  }

  py::function begin_;
  FeatureView view_;
  mutable py::object begun_;  // a walk of which only the first block has been seen
  mutable py::object first_;
};

/// `features` is a two-dimensional array, Columns, KeptRows or Blocks; bfloat16 arrays come as
/// their bits.
inline FeatureView feature_view(const py::object& features, bool bfloat16) {
  if (py::isinstance<Blocks>(features)) return features.cast<const Blocks&>().view();
  return matrix_view(features, bfloat16);
}

inline LabelView label_view(const Codes& codes, Index classes) {
  if (codes.ndim() != 1) throw py::value_error("codes must be one-dimensional");
  if (classes < 0) throw py::value_error("the number of classes is negative");
  return {codes.data(), codes.shape(0), classes};
}

inline IntegerView integer_view(const py::array& labels) {
  if (labels.ndim() != 1) throw py::value_error("labels must be one-dimensional");
  IntegerView view;
  view.data = static_cast<const unsigned char*>(labels.data());
  view.size = labels.shape(0);
  view.stride = labels.strides(0);
  view.dtype = element_type(labels.dtype());
  view.swapped = is_swapped(labels.dtype());
  return view;
}

/// Hand a vector's memory over to NumPy.
template <class T>
py::array_t<T> to_array(std::vector<T>&& values) {
  auto* owned = new std::vector<T>(std::move(values));
  const py::capsule owner(owned, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<T>(static_cast<py::ssize_t>(owned->size()), owned->data(), owner);
}

template <class T>
std::vector<T> to_vector(const py::array_t<T, py::array::c_style | py::array::forcecast>& values) {
  return std::vector<T>(values.data(), values.data() + values.size());
}

}  // namespace hscore::python
