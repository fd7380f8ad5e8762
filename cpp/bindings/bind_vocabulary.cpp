#include "bindings.hpp"

namespace hogvec::bindings {

void bind_vocabulary(py::module_&) {}

}  // namespace hogvec::bindings
