#include "bindings.hpp"

namespace hogvec::bindings {

void bind_trainer(py::module_&) {}

}  // namespace hogvec::bindings
