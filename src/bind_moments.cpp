#include <pybind11/stl.h>

#include <optional>
#include <string>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/moments.hpp"
#include "hscore/scores.hpp"
#include "hscore/value_scores.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

template <class T>
using Values = py::array_t<T, py::array::c_style | py::array::forcecast>;

// False when values are not finite and only finite ones are wanted; then nothing was added.
bool update(Moments& moments, const py::object& features, const Codes& codes, Index classes,
            const std::optional<Values<double>>& weights, bool bfloat16, bool only_finite,
            int threads, const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const LabelView y = label_view(codes, classes);
  if (weights && weights->size() != x.rows) throw py::value_error("one weight per row is needed");
  const double* w = weights ? weights->data() : nullptr;
  return change_by(
      features, moments, [&] { return moments.copy(); },
      [&] {
        Options all(threads, default_tolerance, progress, x.rows);
        UpdateOptions& options = all.update;
        options.norms = true;  // a score with shrinkage may be asked for later
        options.only_finite = only_finite;
        try {
          moments.update(x, y, options, w);
        } catch (const NotFinite&) {
          return false;
        }
        return true;
      });
}

template <void (Moments::*combine)(const Moments&, const std::vector<std::int32_t>&)>
void combine_with(Moments& moments, const Moments& other, const Values<std::int32_t>& classes) {
  const std::vector<std::int32_t> map = to_vector(classes);
  const Computing computing;
  (moments.*combine)(other, map);
}

py::object score(const Moments& moments, double tolerance, int threads) {
  HScore result;
  {
    const Computing computing;
    if (moments.finite()) {
      result = h_score(moments, Options(threads, tolerance).whitening);
    } else {
      result.rows = -1;
    }
  }
  if (result.rows < 0) return py::none();
  return py::cast(std::move(result));
}

py::object score_values(const Moments& moments, Index targets, double tolerance, int threads) {
  ValueScore result;
  {
    const Computing computing;
    if (moments.finite()) {
      result = h_score_of_values(moments, targets, Options(threads, tolerance).whitening);
    }
  }
  if (result.shares.empty()) return py::none();
  return py::make_tuple(std::move(result.total), to_array(std::move(result.shares)));
}

RegularizedHScore regularized_values(const Moments& moments, Index targets,
                                     const std::string& method, double intensity, bool paper,
                                     int threads) {
  const Computing computing;
  const Options options(threads, default_tolerance);
  return regularized_h_score_of_values(
      moments, targets, shrinkage_options(method, intensity, paper, options.whitening));
}

py::tuple state(const Moments& moments) {
  MomentsState state = moments.state();
  return py::make_tuple(state.rows, state.rows_when_centred, to_array(std::move(state.shift)),
                        to_array(std::move(state.scatter)), to_array(std::move(state.counts)),
                        to_array(std::move(state.class_sums)), to_array(std::move(state.cancelled)),
                        state.norm_unit, state.norm_fourth, to_array(std::move(state.norm_cubes)));
}

Moments from_state(Index rows, Index rows_when_centred, const Values<double>& shift,
                   const Values<double>& scatter, const Values<double>& counts,
                   const Values<double>& class_sums, const Values<double>& cancelled,
                   double norm_unit, double norm_fourth, const Values<double>& norm_cubes) {
  MomentsState state;
  state.features = shift.size();
  state.rows = rows;
  state.rows_when_centred = rows_when_centred;
  state.shift = to_vector(shift);
  state.scatter = to_vector(scatter);
  state.counts = to_vector(counts);
  state.class_sums = to_vector(class_sums);
  state.cancelled = to_vector(cancelled);
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
           py::arg("weights"), py::arg("bfloat16"), py::arg("only_finite"), py::arg("n_threads"),
           py::arg("progress"))
      .def("merge", &combine_with<&Moments::merge>, py::arg("other"), py::arg("classes"))
      .def("subtract", &combine_with<&Moments::subtract>, py::arg("other"), py::arg("classes"))
      .def("h_score", &score, py::arg("tol"), py::arg("n_threads"),
           "The H-score, or None when the statistics are not finite.")
      .def("h_score_of_values", &score_values, py::arg("n_targets"), py::arg("tol"),
           py::arg("n_threads"),
           "The H-score for targets that are the last columns and the R^2 of each target, or None.")
      .def("regularized_h_score_of_values", &regularized_values, py::arg("n_targets"),
           py::arg("shrinkage"), py::arg("intensity"), py::arg("paper"), py::arg("n_threads"))
      .def(
          "columns",
          [](const Moments& moments, const std::vector<Index>& features) {
            return moments.columns(features);
          },
          py::arg("features"), py::call_guard<Computing>(),
          "The statistics of some of the features, without the norm moments.")
      .def("copy",
           [](const Moments& moments) {
             const Computing computing;
             return moments.copy();
           })
      .def(
          "state", &state,
          "Rows, rows when last centred, shift, lower triangle of the scatter, class counts, class "
          "sums, cancelled sums of squares, norm moments.")
      .def_static("from_state", &from_state, py::arg("rows"), py::arg("rows_when_centred"),
                  py::arg("shift"), py::arg("scatter"), py::arg("counts"), py::arg("class_sums"),
                  py::arg("cancelled"), py::arg("norm_unit"), py::arg("norm_fourth"),
                  py::arg("norm_cubes"))
      .def_property_readonly("n_samples", &Moments::rows)
      .def_property_readonly("total_weight", &Moments::weight)
      .def_property_readonly("finite", &Moments::finite)
      .def("counts",
           [](const Moments& moments) { return to_array(std::vector<double>(moments.counts())); })
      .def_property_readonly("n_features", &Moments::features)
      .def_property_readonly("n_classes", &Moments::classes);
}

}  // namespace hscore::python
