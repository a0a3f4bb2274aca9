#include <pybind11/stl.h>

#include <cmath>

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
                             double intensity, bool paper, int threads,
                             const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  EvaluationOptions options;
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
  if (std::isnan(result.score.score)) return py::none();
  return py::make_tuple(std::move(result.score), to_array(std::move(result.influence)),
                        result.squared_leverages, result.regularized);
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
  return to_array(std::move(values));
}

py::tuple function_state(const InfluenceFunction& function) {
  const PaddedMatrix& z = function.coefficients;
  std::vector<double> coefficients;
  for (Index c = 0; c < z.rows(); ++c) {
    coefficients.insert(coefficients.end(), z.row(c), z.row(c) + z.cols());
  }
  return py::make_tuple(to_array(std::vector<double>(function.centre)),
                        to_array(std::move(coefficients)),
                        to_array(std::vector<double>(function.counts)),
                        to_array(std::vector<double>(function.shares)), function.weight,
                        function.rank, function.float32_products);
}

InfluenceFunction function_from_state(const py::tuple& state) {
  InfluenceFunction function;
  function.centre = to_vector(state[0].cast<Values<double>>());
  const auto coefficients = state[1].cast<Values<double>>();
  function.counts = to_vector(state[2].cast<Values<double>>());
  function.shares = to_vector(state[3].cast<Values<double>>());
  function.weight = state[4].cast<double>();
  function.rank = state[5].cast<Index>();
  function.float32_products = state[6].cast<bool>();
  const Index features = static_cast<Index>(function.centre.size());
  const Index classes = static_cast<Index>(function.counts.size());
  if (coefficients.size() != features * classes || function.shares.size() != function.counts.size())
    throw py::value_error("the state of this influence function is damaged");
  function.coefficients = PaddedMatrix(classes, features);
  for (Index c = 0; c < classes; ++c) {
    std::copy_n(coefficients.data() + c * features, features, function.coefficients.row(c));
  }
  return function;
}

}  // namespace

void bind_evaluation(py::module_& module) {
  module.def("evaluate", &evaluate_features, py::arg("features"), py::arg("codes"),
             py::arg("n_classes"), py::arg("bfloat16"), py::arg("precision"), py::arg("tol"),
             py::arg("leverages"), py::arg("regularized"), py::arg("shrinkage"),
             py::arg("intensity"), py::arg("paper"), py::arg("n_threads"), py::arg("progress"),
             "The H-score, each row's influence, the sum of squared leverages (nan unless wanted) "
             "and the regularized score (None unless wanted); or None when the statistics are not "
             "finite.");

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
