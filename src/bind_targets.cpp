#include <pybind11/stl.h>

#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/targets.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

std::vector<LabelView> label_views(const std::vector<Codes>& codes,
                                   const std::vector<Index>& classes) {
  if (codes.size() != classes.size()) throw py::value_error("codes and n_classes differ in length");
  std::vector<LabelView> targets;
  for (std::size_t t = 0; t < codes.size(); ++t)
    targets.push_back(label_view(codes[t], classes[t]));
  return targets;
}

TargetScores score_targets(const py::object& features, bool bfloat16,
                           const std::vector<Codes>& codes, const std::vector<Index>& classes,
                           bool float32_rows, double tolerance, bool regularized,
                           const std::string& shrinkage, double intensity, bool paper,
                           Index error_rows, int threads, const py::object& progress) {
  const FeatureView x = feature_view(features, bfloat16);
  const std::vector<LabelView> targets = label_views(codes, classes);
  TargetOptions options;
  options.float32_rows = float32_rows;
  options.error_rows = error_rows;
  const Options call(threads, tolerance);
  options.whitening = call.whitening;
  if (regularized) {
    options.shrinkage = shrinkage_options(shrinkage, intensity, paper, options.whitening);
  }
  if (!progress.is_none()) {
    options.progress = [&progress](Index done) {
      const Interlude python;
      PyObject* answer =
          run_python([&] { return PyObject_CallFunction(progress.ptr(), "n", done); });
      if (answer == nullptr) throw py::error_already_set();
      Py_DECREF(answer);
    };
  }
  return compute_on(features, [&] { return h_scores(x, targets, options); });
}

// False when values are not finite and only finite ones are wanted; then nothing was added.
bool update(TargetMoments& moments, const py::object& features, const std::vector<Codes>& codes,
            const std::vector<Index>& classes, bool bfloat16, bool only_finite, int threads) {
  const FeatureView x = feature_view(features, bfloat16);
  const std::vector<LabelView> targets = label_views(codes, classes);
  const auto copy = [&] { return TargetMoments::from_parts(moments.parts()); };
  return change_by(features, moments, copy, [&] {
    Options all(threads, default_tolerance);
    all.update.norms = true;  // scores with shrinkage may be asked for later
    all.update.only_finite = only_finite;
    try {
      moments.update(x, targets, all.update);
    } catch (const NotFinite&) {
      return false;
    }
    return true;
  });
}

TargetScores scores(const TargetMoments& moments, double tolerance, bool regularized,
                    const std::string& shrinkage, double intensity, bool paper, int threads) {
  const Computing computing;
  const Options call(threads, tolerance);
  TargetOptions options;
  options.whitening = call.whitening;
  if (regularized) {
    options.shrinkage = shrinkage_options(shrinkage, intensity, paper, options.whitening);
  }
  return moments.scores(options);
}

py::tuple parts(const TargetMoments& moments) {
  TargetMoments::Parts parts = [&] {
    const Computing computing;
    return moments.parts();
  }();
  const auto arrays = [](std::vector<std::vector<double>>& vectors) {
    py::list list;
    for (std::vector<double>& vector : vectors) list.append(to_array(std::move(vector)));
    return list;
  };
  const py::list counts = arrays(parts.counts);
  const py::list sums = arrays(parts.sums);
  return py::make_tuple(py::cast(std::move(parts.moments)), to_array(std::move(parts.centre)),
                        counts, sums);
}

TargetMoments from_parts(const Moments& moments, const py::object& centre, const py::list& counts,
                         const py::list& sums) {
  const auto vector = [](const py::handle& array) {
    return to_vector(
        py::cast<py::array_t<double, py::array::c_style | py::array::forcecast>>(array));
  };
  TargetMoments::Parts parts{moments.copy(), vector(centre), {}, {}};
  for (const py::handle own : counts) parts.counts.push_back(vector(own));
  for (const py::handle own : sums) parts.sums.push_back(vector(own));
  return TargetMoments::from_parts(std::move(parts));
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

  py::class_<TargetMoments>(module, "TargetMoments", py::module_local())
      .def(py::init<Index>(), py::arg("n_features"))
      .def("update", &update, py::arg("features"), py::arg("codes"), py::arg("n_classes"),
           py::arg("bfloat16"), py::arg("only_finite"), py::arg("n_threads"))
      .def("h_scores", &scores, py::arg("tol"), py::arg("regularized"), py::arg("shrinkage"),
           py::arg("intensity"), py::arg("paper"), py::arg("n_threads"))
      .def("parts", &parts)
      .def_static("from_parts", &from_parts, py::arg("moments"), py::arg("centre"),
                  py::arg("counts"), py::arg("sums"))
      .def_property_readonly("n_samples", &TargetMoments::rows)
      .def_property_readonly("n_features", &TargetMoments::features);

  module.def("h_scores", &score_targets, py::arg("features"), py::arg("bfloat16"), py::arg("codes"),
             py::arg("n_classes"), py::arg("float32_rows"), py::arg("tol"), py::arg("regularized"),
             py::arg("shrinkage"), py::arg("intensity"), py::arg("paper"), py::arg("error_rows"),
             py::arg("n_threads"), py::arg("progress"),
             "The scores of a matrix for many targets; progress(done) is called now and then.");
}

}  // namespace hscore::python
