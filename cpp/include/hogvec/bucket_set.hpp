// A set of the buckets that hashes of n-grams share, as bits: which of them have a row of a table, and the how-manieth
// each of them is. 1.5 bits a bucket.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace hogvec {

class BucketSet {
 public:
  explicit BucketSet(std::int64_t buckets) : bits_(static_cast<std::size_t>(buckets) / 64 + 1) {}

  void add(std::uint32_t bucket) { bits_[bucket / 64] |= std::uint64_t{1} << bucket % 64; }
  bool contains(std::uint32_t bucket) const { return (bits_[bucket / 64] >> bucket % 64 & 1) != 0; }

  // The members, ascending; rank is known from then on.
  std::vector<std::uint32_t> members() {
    std::vector<std::uint32_t> members;
    before_.resize(bits_.size());
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      before_[i] = static_cast<std::uint32_t>(members.size());
      for (std::uint64_t rest = bits_[i]; rest != 0; rest &= rest - 1)
        members.push_back(static_cast<std::uint32_t>(64 * i) + static_cast<std::uint32_t>(std::countr_zero(rest)));
    }
    return members;
  }
  // How many members are smaller.
  std::uint32_t rank(std::uint32_t bucket) const {
    const std::uint64_t below = (std::uint64_t{1} << bucket % 64) - 1;
    return before_[bucket / 64] + static_cast<std::uint32_t>(std::popcount(bits_[bucket / 64] & below));
  }

 private:
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> before_;
};

}   // namespace hogvec
