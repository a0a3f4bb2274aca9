#include <pybind11/stl.h>

#include <cmath>
#include <optional>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/evaluation.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

template <class T>
using Values = py::array_t<T, py::array::c_style | py::array::forcecast>;

// Nothing when the statistics are not finite.
py::object evaluate_features(const py::object& features, const Codes& codes, Index classes,
                             bool bfloat16, const std::string& precision, double tolerance,
                             bool leverages, bool regularized, const std::string& shrinkage,
                             double intensity, bool paper, const std::optional<Codes>& groups,
                             Index n_groups, int threads, const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  EvaluationOptions options;
  if (groups) {
    const LabelView grouped = label_view(*groups, n_groups);
    check_labels(x, grouped);
    options.groups = grouped.codes;
    options.n_groups = n_groups;
  }
  options.score.precision = precision_named(precision);
  options.leverages = leverages;
  Evaluation result;
  {
    const Computing computing;
    const Options call(threads, tolerance, progress, x.rows);
    options.score.whitening = call.whitening;
    if (regularized) {
      // Its tolerance is the default; the rest of the call's options is filled in.
      options.shrinkage = shrinkage_options(shrinkage, intensity, paper, {});
    }
    result = evaluate(x, y, options);
  }
  refuse_shortened(features);
  if (std::isnan(result.score.score)) return py::none();
  return py::make_tuple(std::move(result.score), to_array(std::move(result.influence)),
                        result.squared_leverages, result.regularized, result.rank_between);
}

InfluenceFunction influence_of_moments(const Moments& moments, double tolerance, int threads) {
  const Computing computing;
  return influence_function(moments, Options(threads, tolerance).whitening);
}

py::array_t<double> influence_of_rows(const InfluenceFunction& function, const py::object& features,
                                      const Codes& codes, bool bfloat16, int threads) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, static_cast<Index>(function.counts.size()));
  std::vector<double> values;
  {
    const Computing computing;
    const Options call(threads, default_tolerance, Py_None, x.rows);
    values = function(x, y, call.whitening.threads, call.whitening.stop);
  }
  refuse_shortened(features);
  return to_array(std::move(values));
}

py::array_t<double> values_of(const PaddedMatrix& matrix) {
  std::vector<double> values;
  for (Index c = 0; c < matrix.rows(); ++c) {
    values.insert(values.end(), matrix.row(c), matrix.row(c) + matrix.cols());
  }
  return to_array(std::move(values));
}

PaddedMatrix matrix_of(const py::handle& state, Index cols) {
  const auto values = state.cast<Values<double>>();
  if (cols == 0 || values.size() % cols != 0) {
    throw py::value_error("the state of this influence function is damaged");
  }
  PaddedMatrix matrix(values.size() / cols, cols);
  for (Index c = 0; c < matrix.rows(); ++c) {
    std::copy_n(values.data() + c * cols, cols, matrix.row(c));
  }
  return matrix;
}

py::tuple function_state(const InfluenceFunction& function) {
  return py::make_tuple(
      to_array(std::vector<double>(function.centre)), values_of(function.coefficients),
      to_array(std::vector<double>(function.counts)),
      to_array(std::vector<double>(function.shares)), function.weight, function.rank,
      function.float32_products, to_array(std::vector<double>(function.factor)), function.chosen,
      to_array(std::vector<double>(function.scale)), values_of(function.sketch),
      function.float32_sketch);
}

InfluenceFunction function_from_state(const py::tuple& state) {
  InfluenceFunction function;
  function.centre = to_vector(state[0].cast<Values<double>>());
  const Index features = static_cast<Index>(function.centre.size());
  function.coefficients = matrix_of(state[1], features);
  function.counts = to_vector(state[2].cast<Values<double>>());
  function.shares = to_vector(state[3].cast<Values<double>>());
  function.weight = state[4].cast<double>();
  function.rank = state[5].cast<Index>();
  function.float32_products = state[6].cast<bool>();
  function.factor = to_vector(state[7].cast<Values<double>>());
  function.chosen = state[8].cast<std::vector<Index>>();
  function.scale = to_vector(state[9].cast<Values<double>>());
  function.sketch = matrix_of(state[10], features);
  function.float32_sketch = state[11].cast<bool>();
  const std::size_t rank = function.chosen.size();
  bool whole = function.coefficients.rows() == static_cast<Index>(function.counts.size()) &&
               function.shares.size() == function.counts.size() && function.scale.size() == rank &&
               function.factor.size() == rank * rank;
  for (const Index feature : function.chosen) whole = whole && feature >= 0 && feature < features;
  if (!whole) throw py::value_error("the state of this influence function is damaged");
  return function;
}

}  // namespace

void bind_evaluation(py::module_& module) {
  module.def("evaluate", &evaluate_features, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("precision"), py::arg("tol"),
             py::arg("leverages"), py::arg("regularized"), py::arg("shrinkage"),
             py::arg("intensity"), py::arg("paper"), py::arg("groups"), py::arg("n_groups"),
             py::arg("n_threads"), py::arg("progress"),
             "The H-score, each row's or group's influence, the sum of squared leverages (nan "
             "unless they are exact), the regularized score (None unless wanted) and how much of "
             "the rank lies between groups; or None when the statistics are not finite.");

  py::class_<InfluenceFunction>(module, "InfluenceFunction", py::module_local())
      .def(py::init(&influence_of_moments), py::arg("moments"), py::arg("tol"),
           py::arg("n_threads"))
      .def("__call__", &influence_of_rows, py::arg("features"), py::arg("codes"),
           py::arg("bfloat16"), py::arg("n_threads"), "Of each of these rows.")
      .def("state", &function_state,
           "What leaves the process; the class itself belongs to one instruction set.")
      .def_static("from_state", &function_from_state, py::arg("state"));
}

}  // namespace hscore::python
