// Bags as hidden vectors, for mini-batches: weighted sums of the rows of a table. The gradient of a table's rows is the
// same sum with the bags and the rows in each other's places.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/table.hpp"

namespace hogvec {

// out (n_bags, dim): bag b is the sum over its entries [offsets[b], offsets[b + 1]) of weights[i] table[rows[i]];
// weights default to 1. Rows are below table.rows.
void sum_bags(const FloatRows& table, std::span<const std::int64_t> offsets, std::span<const std::int64_t> rows,
              std::span<const float> weights, std::span<float> out, int threads);

}   // namespace hogvec
