#include <new>
#include <stdexcept>

#include "bindings.hpp"
#include "hscore/buffer.hpp"
#include "hscore/errors.hpp"
#include "interpreter.hpp"

namespace hscore::python {

void bind_errors(pybind11::module_&) {
  pybind11::register_local_exception_translator([](std::exception_ptr error) {
    try {
      if (error) std::rethrow_exception(error);
    } catch (const Interrupted&) {
      // The signal check has already set KeyboardInterrupt, or what the user's handler raised.
      if (PyErr_Occurred() != nullptr) return;
      PyErr_SetNone(is_exiting() ? PyExc_SystemExit : PyExc_KeyboardInterrupt);
    } catch (const Exiting&) {
      PyErr_SetNone(PyExc_SystemExit);  // which ends a thread without a word
    } catch (const OutOfMemory& shortage) {
      PyErr_SetString(PyExc_MemoryError, shortage.what());
    } catch (const std::bad_alloc&) {
      PyErr_SetString(PyExc_MemoryError,
                      "memory ran out: use fewer rows, features or classes at a time");
    } catch (const std::length_error&) {
      PyErr_SetString(PyExc_MemoryError, "a buffer would exceed the address space");
    }
  });
}

}  // namespace hscore::python
