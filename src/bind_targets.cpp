#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/targets.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

TargetScores score_targets(const py::object& features, bool bfloat16,
                           const std::vector<Codes>& codes, const std::vector<Index>& classes,
                           bool float32_rows, double tolerance, bool regularized,
                           const std::string& shrinkage, double intensity, bool paper,
                           Index error_rows, int threads,
                           const std::function<void(Index)>& progress) {
  if (codes.size() != classes.size()) throw py::value_error("codes and n_classes differ in length");
  const FeatureView x = feature_view(features, bfloat16);
  std::vector<LabelView> targets;
  for (std::size_t t = 0; t < codes.size(); ++t)
    targets.push_back(label_view(codes[t], classes[t]));
  TargetOptions options;
  options.float32_rows = float32_rows;
  options.error_rows = error_rows;
  const py::gil_scoped_release release;
  const Options call(threads, tolerance);
  options.whitening = call.whitening;
  if (regularized) {
    options.shrinkage = shrinkage_options(shrinkage, intensity, paper, options.whitening);
  }
  if (progress) {
    options.progress = [&progress](Index done) {
      const py::gil_scoped_acquire gil;
      progress(done);
    };
  }
  return h_scores(x, targets, options);
}

}  // namespace

void bind_targets(py::module_& module) {
  py::class_<TargetScores>(module, "TargetScores", py::module_local())
      .def_readonly("finite", &TargetScores::finite)
      .def_readonly("n_samples", &TargetScores::rows)
      .def_readonly("n_features", &TargetScores::features)
      .def_readonly("rank", &TargetScores::rank)
      .def_readonly("error_bound", &TargetScores::error_bound)
      .def_readonly("intensity", &TargetScores::intensity)
      .def_readonly("scores", &TargetScores::scores)
      .def_readonly("n_classes", &TargetScores::classes)
      .def_readonly("standard_errors", &TargetScores::standard_errors);

  module.def("h_scores", &score_targets, py::arg("features"), py::arg("bfloat16"), py::arg("codes"),
             py::arg("n_classes"), py::arg("float32_rows"), py::arg("tol"), py::arg("regularized"),
             py::arg("shrinkage"), py::arg("intensity"), py::arg("paper"), py::arg("error_rows"),
             py::arg("n_threads"), py::arg("progress"),
             "The scores of a matrix for many targets; progress(done) is called now and then.");
}

}  // namespace hscore::python
