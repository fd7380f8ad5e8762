// The checks and their messages.
#include "hogvec/layer_checks.hpp"

#include <cmath>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/math.hpp"

namespace hogvec {

void check_size(const char* rule, std::int64_t expected, std::int64_t got) {
  if (got != expected)
    throw ValueError(std::string(rule) + ", " + std::to_string(expected) + ", got " + std::to_string(got));
}

void check_bias(std::span<const float> bias, FloatRows weights) {
  check_size("bias must have an entry for each row of weights", weights.rows, std::ssize(bias));
}

void check_columns(FloatRows hidden, FloatRows weights) {
  check_size("hidden must have as many columns as weights", weights.dim, hidden.dim);
}

void check_finite(FloatRows rows, std::int64_t row, const char* name) {
  const float* const values = rows.row(row);
  if (is_finite(values, rows.dim)) return;
  for (std::int64_t i = 0; i < rows.dim; ++i) {
    if (!std::isfinite(values[i])) {
      throw ValueError(std::string(name) + " must be finite, got " + std::to_string(values[i]) + " in row " +
                       std::to_string(row));
    }
  }
}

void check_finite(FloatRows rows, const char* name) {
  for (std::int64_t row = 0; row < rows.rows; ++row) check_finite(rows, row, name);
}

void check_hidden(FloatRows hidden, FloatRows weights) {
  check_columns(hidden, weights);
  check_finite(hidden, "hidden");
}

}   // namespace hogvec
