#include <pybind11/stl.h>

#include <cmath>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/parallel.hpp"
#include "hscore/scores.hpp"
#include "interrupt.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

std::string path_name(const HScore& result) {
  switch (result.path) {
    case Path::float64:
      return "float64";
    case Path::float32:
      return "float32";
    case Path::float32_corrected:
      return "float32 corrected";
    case Path::integer:
      return "int" + std::to_string(result.integer_bits);
    case Path::integer_corrected:
      return "int" + std::to_string(result.integer_bits) + " corrected";
    case Path::triangular:
      return "high";
  }
  return "";
}

py::object score_features(const py::object& features, const Codes& codes, Index classes,
                          bool bfloat16, const std::string& precision, double tolerance,
                          int threads, const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  const Precision wanted = precision_named(precision);
  HScore result = compute_on(features, [&] {
    return h_score(x, y, {wanted, Options(threads, tolerance, progress, x.rows).whitening});
  });
  if (std::isnan(result.score)) return py::none();
  return py::cast(std::move(result));
}

}  // namespace

void bind_scores(py::module_& module) {
  py::class_<Columns>(module, "Columns", py::module_local())
      .def(py::init<const py::list&, Index>(), py::arg("segments"), py::arg("n_features"))
      .def_property_readonly("shape", [](const Columns& columns) {
        return py::make_tuple(columns.view().rows, columns.view().cols);
      });

  py::class_<KeptRows>(module, "KeptRows", py::module_local())
      .def(py::init<py::object, KeptRows::Rows>(), py::arg("features"), py::arg("rows"))
      .def_property_readonly("shape", &KeptRows::shape);

  py::class_<Blocks>(module, "Blocks", py::module_local())
      .def(py::init<py::function, Index, Index, bool>(), py::arg("begin"), py::arg("n_samples"),
           py::arg("n_features"), py::arg("narrow"))
      .def_property_readonly("shape", [](const Blocks& blocks) {
        return py::make_tuple(blocks.view().rows, blocks.view().cols);
      });

  py::class_<HScore>(module, "HScore", py::module_local())
      .def_readonly("score", &HScore::score)
      .def_readonly("n_samples", &HScore::rows)
      .def_readonly("total_weight", &HScore::weight)
      .def_readonly("n_features", &HScore::features)
      .def_readonly("n_classes", &HScore::classes)
      .def_readonly("rank", &HScore::rank)
      .def_readonly("smallest_pivot", &HScore::smallest_pivot)
      .def_readonly("smallest_unique_share", &HScore::smallest_unique_share)
      .def_property_readonly("precision_used", &path_name)
      .def_readonly("error_bound", &HScore::error_bound)
      .def_readonly("dropped_above_noise", &HScore::dropped_above_noise)
      .def_readonly("class_shares", &HScore::class_shares);

  module.def("h_score", &score_features, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("precision"), py::arg("tol"),
             py::arg("n_threads"), py::arg("progress"),
             "The H-score of a matrix, or None when the statistics are not finite.");

  module.def(
      "find_non_finite",
      [](const py::object& features, bool bfloat16, int threads) {
        const FeatureView x = feature_view(features, bfloat16);
        const NonFinite found = compute_on(
            features, [&] { return find_non_finite(x, thread_count(threads), watch(Py_None, 0)); });
        return py::make_tuple(found.count, found.row, found.col, found.value);
      },
      py::arg("features"), py::arg("bfloat16"), py::arg("n_threads"),
      "How many NaNs and infinities there are, and the first one's row, column and value.");
}

}  // namespace hscore::python
