#include "bindings.hpp"

PYBIND11_MODULE(HSCORE_MODULE, module) {
  namespace python = hscore::python;
  module.doc() = "The compiled core of hscore_fast; use the functions of the package instead.";
  python::bind_errors(module);
  python::bind_labels(module);
  python::bind_scores(module);
  python::bind_moments(module);
  python::bind_shrinkage(module);
  python::bind_targets(module);
  python::bind_build_info(module);
}
