#include "bindings.hpp"

namespace hogvec::bindings {

void bind_tree(py::module_&) {}

}  // namespace hogvec::bindings
