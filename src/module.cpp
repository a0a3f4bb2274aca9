#include <pybind11/numpy.h>

#include "bindings.hpp"
#include "interpreter.hpp"

const hscore::python::Build hscore::python::build = {HSCORE_VERSION, HSCORE_ISA, HSCORE_BUILD_FLAGS,
                                                     HSCORE_EIGEN_VERSION};

// Calls share nothing but their input, which they only read; what changes, Moments, is guarded by
// the package (tests/process/test_free_threading.py). So free-threaded Pythons need no lock on our
// account.
PYBIND11_MODULE(HSCORE_MODULE, module, pybind11::mod_gil_not_used()) {
  namespace python = hscore::python;
  module.doc() = "The compiled core of hscore_fast; use the functions of the package instead.";
  python::bind_errors(module);
  python::bind_labels(module);
  python::bind_scores(module);
  python::bind_mapped_files(module);
  python::bind_moments(module);
  python::bind_shrinkage(module);
  python::bind_selection(module);
  python::bind_targets(module);
  python::bind_evaluation(module);
  python::bind_cross_validation(module);
  python::bind_build_info(module);
  python::stop_calls_at_exit();
  // pybind11 looks NumPy's functions up once, with the interpreter's lock given away meanwhile: in
  // a daemon thread the interpreter may end then, and the process by std::terminate. So it is done
  // here.
  pybind11::dtype::of<double>();
}
