// The errors of the core. Each becomes one Python exception; the message names the thing, the rule and the value.
#pragma once

#include <stdexcept>
#include <string>

namespace hogvec {

struct ValueError : std::invalid_argument {   // -> ValueError
  using std::invalid_argument::invalid_argument;
};
struct IndexError : std::out_of_range {   // -> IndexError
  using std::out_of_range::out_of_range;
};
struct StateError : std::runtime_error {   // -> RuntimeError
  using std::runtime_error::runtime_error;
};

}   // namespace hogvec
