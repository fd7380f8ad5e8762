#include "bindings.hpp"

namespace hogvec::bindings {

void bind_info(py::module_&) {}

}  // namespace hogvec::bindings
