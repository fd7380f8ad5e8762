#include "bindings.hpp"

namespace hogvec::bindings {

void bind_corpus(py::module_&) {}

}  // namespace hogvec::bindings
