#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

void update(Moments& moments, const py::object& features, const Codes& codes, Index classes,
            bool bfloat16, int threads) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  const py::gil_scoped_release release;
  UpdateOptions options = Options(threads, default_tolerance).update;
  options.norms = true;  // a score with shrinkage may be asked for later
  moments.update(x, y, options);
}

py::object score(const Moments& moments, double tolerance, int threads) {
  HScore result;
  {
    const py::gil_scoped_release release;
    if (moments.finite()) {
      result = h_score(moments, Options(threads, tolerance).whitening);
    } else {
      result.rows = -1;
    }
  }
  if (result.rows < 0) return py::none();
  return py::cast(std::move(result));
}

py::tuple state(const Moments& moments) {
  MomentsState state = moments.state();
  return py::make_tuple(to_array(std::move(state.shift)), to_array(std::move(state.scatter)),
                        to_array(std::move(state.counts)), to_array(std::move(state.class_sums)),
                        state.norm_unit, state.norm_fourth, to_array(std::move(state.norm_cubes)));
}

template <class T>
using Values = py::array_t<T, py::array::c_style | py::array::forcecast>;

Moments from_state(const Values<double>& shift, const Values<double>& scatter,
                   const Values<std::int64_t>& counts, const Values<double>& class_sums,
                   double norm_unit, double norm_fourth, const Values<double>& norm_cubes) {
  MomentsState state;
  state.features = shift.size();
  state.shift = to_vector(shift);
  state.scatter = to_vector(scatter);
  state.counts = to_vector(counts);
  state.class_sums = to_vector(class_sums);
  state.norm_unit = norm_unit;
  state.norm_fourth = norm_fourth;
  state.norm_cubes = to_vector(norm_cubes);
  return Moments::from_state(state);
}

}  // namespace

void bind_moments(py::module_& module) {
  py::class_<Moments>(module, "Moments", py::module_local())
      .def(py::init<Index>(), py::arg("n_features"))
      .def("update", &update, py::arg("features"), py::arg("codes"), py::arg("n_classes"),
           py::arg("bfloat16"), py::arg("n_threads"))
      .def(
          "merge",
          [](Moments& moments, const Moments& other, const Values<std::int32_t>& classes) {
            const std::vector<std::int32_t> map = to_vector(classes);
            const py::gil_scoped_release release;
            moments.merge(other, map);
          },
          py::arg("other"), py::arg("classes"))
      .def("h_score", &score, py::arg("tol"), py::arg("n_threads"),
           "The H-score, or None when the statistics are not finite.")
      .def("copy", &Moments::copy)
      .def("state", &state,
           "Shift, lower triangle of the scatter, class counts, class sums, norm moments.")
      .def_static("from_state", &from_state, py::arg("shift"), py::arg("scatter"),
                  py::arg("counts"), py::arg("class_sums"), py::arg("norm_unit"),
                  py::arg("norm_fourth"), py::arg("norm_cubes"))
      .def_property_readonly("n_samples", &Moments::rows)
      .def_property_readonly("n_features", &Moments::features)
      .def_property_readonly("n_classes", &Moments::classes);
}

}  // namespace hscore::python
