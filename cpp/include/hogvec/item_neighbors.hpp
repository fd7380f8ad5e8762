// Items that occur with the same users: the neighbours of each by the cosine of their columns (Sarwar et al. 2001), and
// scores of items as sums over what a user took.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/workers.hpp"

namespace hogvec {

// Rows of a sparse matrix of zeros and ones: those of row r are entries [offsets[r], offsets[r + 1]), distinct.
struct BinaryRows {
  std::span<const std::int64_t> offsets;
  std::span<const std::int32_t> columns;

  std::int64_t rows() const { return std::ssize(offsets) - 1; }
  std::span<const std::int32_t> row(std::int64_t r) const {
    const auto begin = static_cast<std::size_t>(offsets[static_cast<std::size_t>(r)]);
    return columns.subspan(begin, static_cast<std::size_t>(offsets[static_cast<std::size_t>(r) + 1]) - begin);
  }
};

// The k items of the highest similarity c_ij / (sqrt(c_i c_j) + shrink) to each, not itself, c_ij being users of both.
// ids and similarities are (items, k); where there are fewer, ids end with -1. users is the transpose of items.
void item_neighbors(const BinaryRows& items_of_users, const BinaryRows& users_of_items, std::int64_t k, double shrink,
                    std::span<std::int32_t> ids, std::span<float> similarities, int threads,
                    const KeepGoing& keep_going);

// scores (n, items): for each of n bags of items, the sums of their similarities to all items; ids and similarities
// (items, k) as item_neighbors gives them.
void add_neighbors(const BinaryRows& bags, std::span<const std::int32_t> ids, std::span<const float> similarities,
                   std::int64_t k, std::int64_t items, std::span<float> scores, int threads);

}   // namespace hogvec
