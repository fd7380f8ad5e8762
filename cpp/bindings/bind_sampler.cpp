#include "bindings.hpp"

namespace hogvec::bindings {

void bind_sampler(py::module_&) {}

}  // namespace hogvec::bindings
