#include <pybind11/stl.h>

#include <optional>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/cross_validation.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

template <class T>
using Values = py::array_t<T, py::array::c_style | py::array::forcecast>;

CrossValidationOptions cross_validation_options(const std::vector<double>& ridges,
                                                const Options& call) {
  CrossValidationOptions options;
  if (!ridges.empty()) options.ridges = ridges;
  options.threads = call.whitening.threads;
  options.stop = call.whitening.stop;
  return options;
}

py::array_t<std::int32_t> folds_of_rows(const Codes& codes, Index classes,
                                        const std::optional<Codes>& groups, Index n_groups,
                                        Index n_folds) {
  const LabelView y = label_view(codes, classes);
  if (groups && groups->size() != y.rows) throw py::value_error("one group per row is needed");
  const std::int32_t* of_row = groups ? groups->data() : nullptr;
  std::vector<std::int32_t> folds;
  {
    const Computing computing;
    folds = of_row == nullptr ? stratified_folds(y, n_folds)
                              : grouped_folds(y, of_row, n_groups, n_folds);
  }
  return to_array(std::move(folds));
}

CrossValidation cross_validate_rows(const py::object& features, const Codes& codes, Index classes,
                                    bool bfloat16, const Codes& folds, Index n_folds,
                                    const std::optional<Values<double>>& weights,
                                    const std::vector<double>& ridges, int threads,
                                    const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  if (folds.size() != x.rows) throw py::value_error("one fold per row is needed");
  if (weights && weights->size() != x.rows) throw py::value_error("one weight per row is needed");
  const double* w = weights ? weights->data() : nullptr;
  const std::int32_t* of_row = folds.data();
  return compute_on(features, [&] {
    const Options call(threads, default_tolerance, progress, x.rows);
    return cross_validate(x, y, of_row, n_folds, w, cross_validation_options(ridges, call));
  });
}

CrossValidation cross_validate_moments(const std::vector<Moments*>& moments,
                                       const std::vector<std::vector<std::int32_t>>& classes,
                                       const std::vector<double>& ridges, int threads) {
  const Computing computing;
  const Options call(threads, default_tolerance);
  std::vector<Moments> folds;
  for (Moments* part : moments) folds.push_back(std::move(*part));
  return cross_validate(std::move(folds), classes, cross_validation_options(ridges, call));
}

}  // namespace

void bind_cross_validation(py::module_& module) {
  py::class_<CrossValidation>(module, "CrossValidation", py::module_local())
      .def_readonly("finite", &CrossValidation::finite)
      .def_readonly("score", &CrossValidation::score)
      .def_readonly("ridge", &CrossValidation::ridge)
      .def_readonly("ridge_scores", &CrossValidation::ridge_scores)
      .def_readonly("n_samples", &CrossValidation::rows)
      .def_readonly("total_weight", &CrossValidation::weight)
      .def_readonly("n_features", &CrossValidation::features)
      .def_readonly("n_classes", &CrossValidation::classes)
      .def("counts",
           [](const CrossValidation& own) { return to_array(std::vector<double>(own.counts)); })
      .def("class_shares",
           [](const CrossValidation& own) {
             return to_array(std::vector<double>(own.class_shares));
           })
      .def("fold_deviations",
           [](const CrossValidation& own) {
             return to_array(std::vector<double>(own.fold_deviations));
           })
      .def(
          "gains", [](CrossValidation& own) { return to_array(std::move(own.gains)); },
          "Per row, its gain times its weight; handed over, so that a second call gives none.")
      .def(
          "predictions", [](CrossValidation& own) { return to_array(std::move(own.predictions)); },
          "Per row, the class of the largest fit; handed over.");

  module.def("folds_of_rows", &folds_of_rows, py::arg("codes"), py::arg("n_classes"),
             py::arg("groups"), py::arg("n_groups"), py::arg("n_folds"),
             "The fold of each row: by class, or whole groups.");
  module.def("cross_validate", &cross_validate_rows, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("folds"), py::arg("n_folds"),
             py::arg("weights"), py::arg("ridges"), py::arg("n_threads"), py::arg("progress"),
             "The cross-validated H-score of rows; `ridges` in descending order, empty for the "
             "default ones.");
  module.def(
      "cross_validate_moments", &cross_validate_moments, py::arg("moments"), py::arg("classes"),
      py::arg("ridges"), py::arg("n_threads"),
      "The same from each fold's statistics, which are used up; classes[k][c] is the code of "
      "class c of fold k.");
  module.attr("RIDGES") = py::cast(default_ridges());
}

}  // namespace hscore::python
