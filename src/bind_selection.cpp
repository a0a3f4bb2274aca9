#include <pybind11/stl.h>

#include "bindings.hpp"
#include "hscore/selection.hpp"
#include "options.hpp"

namespace hscore::python {

namespace {

namespace py = pybind11;

SourceElimination eliminate(const Moments& joint, const std::vector<Index>& first_columns,
                            double tolerance, int threads) {
  return SourceElimination(joint, first_columns, Options(threads, tolerance).whitening);
}

}  // namespace

void bind_selection(py::module_& module) {
  using Unlocked = py::call_guard<Computing>;
  py::class_<SourceElimination>(module, "SourceElimination", py::module_local())
      .def(py::init(&eliminate), py::arg("joint"), py::arg("first_columns"), py::arg("tol"),
           py::arg("n_threads"), Unlocked())
      .def(
          "score_with",
          [](const SourceElimination& sources, Index source, int threads) {
            return sources.with(source, Options(threads, default_tolerance).whitening);
          },
          py::arg("source"), py::arg("n_threads"), Unlocked(),
          "The score of the chosen sources and one more.")
      .def(
          "choose",
          [](SourceElimination& sources, Index source, int threads) {
            sources.choose(source, Options(threads, default_tolerance).whitening);
          },
          py::arg("source"), py::arg("n_threads"), Unlocked())
      .def(
          "leave_one_out",
          [](SourceElimination& sources, const std::vector<Index>& some, int threads) {
            return sources.leave_one_out(some, Options(threads, default_tolerance).whitening);
          },
          py::arg("sources"), py::arg("n_threads"), Unlocked(),
          "The scores of these sources without each one; the object is used up.")
      .def_property_readonly("fourth_powers", &SourceElimination::fourth_powers);
}

}  // namespace hscore::python
