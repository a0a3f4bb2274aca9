#include <pybind11/stl.h>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/parallel.hpp"
#include "hscore/scores.hpp"
#include "interrupt.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

py::object score_features(const py::array& features, const Codes& codes, Index classes,
                          bool bfloat16, bool float32_products, double tolerance, int threads) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  HScore result;
  bool finite = false;
  {
    const py::gil_scoped_release release;
    const Options options(threads, float32_products, tolerance);
    Moments moments(x.cols);
    moments.update(x, y, options.update);
    finite = moments.finite();
    if (finite) result = h_score(moments, options.whitening);
  }
  if (!finite) return py::none();
  return py::cast(std::move(result));
}

}  // namespace

void bind_scores(py::module_& module) {
  py::class_<HScore>(module, "HScore", py::module_local())
      .def_readonly("score", &HScore::score)
      .def_readonly("n_samples", &HScore::rows)
      .def_readonly("n_features", &HScore::features)
      .def_readonly("n_classes", &HScore::classes)
      .def_readonly("rank", &HScore::rank)
      .def_readonly("smallest_pivot", &HScore::smallest_pivot)
      .def_readonly("error_bound", &HScore::error_bound)
      .def_readonly("class_shares", &HScore::class_shares);

  module.def("h_score", &score_features, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("float32_products"),
             py::arg("tol"), py::arg("n_threads"),
             "The H-score of a matrix, or None when the statistics are not finite.");

  module.def(
      "find_non_finite",
      [](const py::array& features, bool bfloat16, int threads) {
        const FeatureView x = feature_view(features, bfloat16);
        NonFinite found;
        {
          const py::gil_scoped_release release;
          found = find_non_finite(x, thread_count(threads));
        }
        return py::make_tuple(found.count, found.row, found.col);
      },
      py::arg("features"), py::arg("bfloat16"), py::arg("n_threads"),
      "How many NaNs and infinities there are, and the first one's row and column.");
}

}  // namespace hscore::python
