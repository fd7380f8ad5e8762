// A set of the buckets that hashes of n-grams share: which of them have a row of a table, and the how-manieth each of
// them is. As bits it takes 16 bytes for every 64 buckets there are, so that few members of many buckets are a list:
// a number of buckets out of a file takes no memory by itself.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace hogvec {

class BucketSet {
 public:
  // `expected`: about how many members there will be.
  BucketSet(std::int64_t buckets, std::size_t expected) {
    constexpr std::size_t kFew = std::size_t{1} << 16;   // words of bits that are worth no thought
    const std::size_t words = static_cast<std::size_t>(buckets) / 64 + 1;
    if (words <= kFew || words / 8 <= expected) blocks_.resize(words);
  }

  void add(std::uint32_t bucket) {
    if (blocks_.empty())
      members_.push_back(bucket);
    else
      blocks_[bucket / 64].bits |= std::uint64_t{1} << bucket % 64;
  }

  // Nothing is added any more; all below is known from then on.
  void finish() {
    std::ranges::sort(members_);
    members_.erase(std::ranges::unique(members_).begin(), members_.end());
    for (std::size_t i = 0; i < blocks_.size(); ++i) {
      blocks_[i].before = members_.size();
      for (std::uint64_t rest = blocks_[i].bits; rest != 0; rest &= rest - 1)
        members_.push_back(static_cast<std::uint32_t>(64 * i) + static_cast<std::uint32_t>(std::countr_zero(rest)));
    }
  }
  const std::vector<std::uint32_t>& members() const { return members_; }   // ascending
  bool contains(std::uint32_t bucket) const {
    if (blocks_.empty()) return std::ranges::binary_search(members_, bucket);
    return (blocks_[bucket / 64].bits >> bucket % 64 & 1) != 0;
  }
  // How many members are smaller.
  std::uint32_t rank(std::uint32_t bucket) const {
    if (blocks_.empty())
      return static_cast<std::uint32_t>(std::ranges::lower_bound(members_, bucket) - members_.begin());
    const std::uint64_t below = (std::uint64_t{1} << bucket % 64) - 1;
    const Block& block = blocks_[bucket / 64];
    return static_cast<std::uint32_t>(block.before + number_of_ones(block.bits & below));
  }

 private:
  struct Block {
    std::uint64_t bits = 0;
    std::uint64_t before = 0;   // members in earlier blocks
  };

  // What std::popcount says, which calls a function on processors whose least kind has no instruction for it.
  static constexpr std::uint64_t number_of_ones(std::uint64_t bits) {
    bits -= bits >> 1 & 0x5555555555555555U;
    bits = (bits & 0x3333333333333333U) + (bits >> 2 & 0x3333333333333333U);
    bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fU;
    return bits * 0x0101010101010101U >> 56;
  }

  std::vector<std::uint32_t> members_;
  std::vector<Block> blocks_;
};

}   // namespace hogvec
