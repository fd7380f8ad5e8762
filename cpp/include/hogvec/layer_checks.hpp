// What every layer asks of its arrays before it computes, in one wording: shapes that agree, numbers that are finite.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/table.hpp"

namespace hogvec {

// Throws ValueError "<rule>, <expected>, got <got>" unless the two are equal.
void check_size(const char* rule, std::int64_t expected, std::int64_t got);

// Throws ValueError unless bias is (V,), weights being (V, dim).
void check_bias(std::span<const float> bias, FloatRows weights);

// Throws ValueError unless hidden is (B, dim), weights being (V, dim).
void check_columns(FloatRows hidden, FloatRows weights);

// Throws ValueError for a number that is not finite, with its row.
void check_finite(FloatRows rows, std::int64_t row, const char* name);   // in one row
void check_finite(FloatRows rows, const char* name);

// Throws ValueError unless hidden is (B, dim) and finite.
void check_hidden(FloatRows hidden, FloatRows weights);

}   // namespace hogvec
