#include <stdexcept>
#include <string>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/shrinkage.hpp"
#include "options.hpp"

namespace hscore::python {

ShrinkageOptions shrinkage_options(const std::string& method, double intensity, bool paper,
                                   const WhiteningOptions& whitening) {
  ShrinkageOptions options;
  if (method == "ledoit_wolf") {
    options.method = Shrinkage::ledoit_wolf;
  } else if (method == "oas") {
    options.method = Shrinkage::oas;
  } else if (method == "fixed") {
    options.method = Shrinkage::fixed;
  } else {
    throw std::invalid_argument("unknown shrinkage " + method);
  }
  options.intensity = intensity;
  options.convention = paper ? Convention::paper : Convention::toolkits;
  options.whitening = whitening;
  return options;
}

namespace {

RegularizedHScore score_features(const py::object& features, const Codes& codes, Index classes,
                                 bool bfloat16, const std::string& precision,
                                 const std::string& method, double intensity, bool paper,
                                 int threads, const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  const Precision wanted = precision_named(precision);
  return compute_on(features, [&] {
    const Options options(threads, default_tolerance, progress, x.rows);
    ShrinkageOptions shrinkage = shrinkage_options(method, intensity, paper, options.whitening);
    shrinkage.precision = wanted;
    return regularized_h_score(x, y, options.update, shrinkage);
  });
}

RegularizedHScore score_moments(const Moments& moments, const std::string& method, double intensity,
                                bool paper, int threads) {
  const Computing computing;
  const Options options(threads, default_tolerance);
  return regularized_h_score(moments,
                             shrinkage_options(method, intensity, paper, options.whitening));
}

}  // namespace

void bind_shrinkage(py::module_& module) {
  py::class_<RegularizedHScore>(module, "RegularizedHScore", py::module_local())
      .def_readonly("score", &RegularizedHScore::score)
      .def_readonly("intensity", &RegularizedHScore::intensity)
      .def_readonly("n_samples", &RegularizedHScore::rows)
      .def_readonly("n_features", &RegularizedHScore::features)
      .def_readonly("n_classes", &RegularizedHScore::classes)
      .def_readonly("finite", &RegularizedHScore::finite);

  module.def("regularized_h_score", &score_features, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("precision"), py::arg("shrinkage"),
             py::arg("intensity"), py::arg("paper"), py::arg("n_threads"), py::arg("progress"),
             "The H-score with a shrunk covariance; `intensity` counts for \"fixed\" only.");
  module.def("regularized_h_score_of_moments", &score_moments, py::arg("moments"),
             py::arg("shrinkage"), py::arg("intensity"), py::arg("paper"), py::arg("n_threads"),
             "The same from statistics that were collected with their norm moments.");
}

}  // namespace hscore::python
