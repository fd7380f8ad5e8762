// Integer weights over ids that grow while ids are drawn by them, both in logarithmic time.
// Fenwick, "A new data structure for cumulative frequency tables", Software: Practice and Experience 24 (1994).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

// Not safe to change while another thread reads or changes it.
class WeightTree {
 public:
  // weights: (n,), none negative, their sum positive and below 2^63; n at least 1 and below 2^31. Throws ValueError.
  explicit WeightTree(std::span<const std::int64_t> weights);

  // One more for every id; ids: any number of them, repeated as they please. Throws IndexError before any change.
  void add(std::span<const WordId> ids);

  // The probability of an id is its share of the weights to within n / 2^64.
  WordId draw(Stream& stream) const;

  std::span<const std::int64_t> weights() const { return weights_; }   // (n,)
  std::int64_t total() const { return total_; }

 private:
  std::vector<std::int64_t> weights_;
  std::vector<std::int64_t> sums_;   // (n + 1,): sums_[i] is of the weights [i - lowbit(i), i)
  std::size_t first_step_;           // the largest power of two up to n
  std::int64_t total_ = 0;
};

}   // namespace hogvec
