// The parts of the module, one per file.
#pragma once

#include <pybind11/pybind11.h>

namespace hscore::python {

/// What is not the same for all modules, each of which states its own.
struct Build {
  const char* version;
  const char* isa;
  const char* flags;
  const char* eigen;
};
extern const Build build;

void bind_cross_validation(pybind11::module_& module);
void bind_errors(pybind11::module_& module);
void bind_evaluation(pybind11::module_& module);
void bind_labels(pybind11::module_& module);
void bind_mapped_files(pybind11::module_& module);
void bind_scores(pybind11::module_& module);
void bind_selection(pybind11::module_& module);
void bind_shrinkage(pybind11::module_& module);
void bind_targets(pybind11::module_& module);
void bind_moments(pybind11::module_& module);
void bind_build_info(pybind11::module_& module);

}  // namespace hscore::python
