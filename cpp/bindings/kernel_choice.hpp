// Kernels by name, for tests that compare instruction sets within one process.
#pragma once

#include <string>

#include "hogvec/error.hpp"
#include "hogvec/kernels.hpp"

namespace hogvec::bindings {

// The active kernels for an empty name, else those of that level. Throws ValueError.
inline const Kernels& kernels_named(const std::string& instruction_set) {
  if (instruction_set.empty()) return active_kernels();
  if (const Kernels* kernels = find_kernels(instruction_set)) return *kernels;
  throw ValueError("instruction_set must be available here, got " + instruction_set);
}

}   // namespace hogvec::bindings
