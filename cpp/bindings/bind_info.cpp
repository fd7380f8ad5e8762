// What was built, what the processor offers, and the kernels' elementary functions for tests of their accuracy.
#include <pybind11/stl.h>

#include "arrays.hpp"
#include "hogvec/error.hpp"
#include "hogvec/kernels.hpp"
#include "kernel_choice.hpp"

namespace hogvec::bindings {

namespace {

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "gcc " __VERSION__;
#else
  return "unknown";
#endif
}

py::array_t<float> map_floats(void (*function)(const float*, float*, long), const Array<float>& x) {
  const auto values = as_span(x, "x");
  py::array_t<float> result(static_cast<py::ssize_t>(values.size()));
  function(values.data(), result.mutable_data(), static_cast<long>(values.size()));
  return result;
}

}   // namespace

void bind_info(py::module_& module) {
  module.attr("__version__") = HOGVEC_VERSION;
  module.def("compiler", &compiler);
  module.def("instruction_set", [] { return std::string(active_kernels().instruction_set); });
  module.def("available_instruction_sets", &available_instruction_sets);
  module.def(
      "sigmoid",
      [](const Array<float>& x, const std::string& level) { return map_floats(kernels_named(level).sigmoid, x); },
      py::arg("x").noconvert(), py::arg("instruction_set") = "");
  module.def(
      "softplus",
      [](const Array<float>& x, const std::string& level) { return map_floats(kernels_named(level).softplus, x); },
      py::arg("x").noconvert(), py::arg("instruction_set") = "");
}

}   // namespace hogvec::bindings
