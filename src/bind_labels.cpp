#include "array_views.hpp"
#include "bindings.hpp"
#include "hscore/labels.hpp"

namespace hscore::python {

void bind_labels(py::module_& module) {
  module.def(
      "encode_integers",
      [](const py::array& labels) {
        const IntegerView view = integer_view(labels);
        EncodedLabels encoded;
        {
          const Computing computing;
          encoded = encode_integers(view);
        }
        refuse_shortened(labels);
        return py::make_tuple(to_array(std::move(encoded.codes)),
                              to_array(std::move(encoded.values)));
      },
      py::arg("labels"),
      "Codes 0..C-1 of integer labels in ascending order, and the value of each class as int64.");
}

}  // namespace hscore::python
