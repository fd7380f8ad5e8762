// A set of the buckets that hashes of n-grams share: which of them have a row of a table, and the how-manieth each of
// them is. As bits it takes 12 bytes for every 64 buckets there are, so that few members of many buckets are a list:
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
    if (words <= kFew || words / 8 <= expected) bits_.resize(words);
  }

  void add(std::uint32_t bucket) {
    if (bits_.empty())
      members_.push_back(bucket);
    else
      bits_[bucket / 64] |= std::uint64_t{1} << bucket % 64;
  }

  // Nothing is added any more; all below is known from then on.
  void finish() {
    std::ranges::sort(members_);
    members_.erase(std::ranges::unique(members_).begin(), members_.end());
    before_.resize(bits_.size());
    for (std::size_t i = 0; i < bits_.size(); ++i) {
      before_[i] = static_cast<std::uint32_t>(members_.size());
      for (std::uint64_t rest = bits_[i]; rest != 0; rest &= rest - 1)
        members_.push_back(static_cast<std::uint32_t>(64 * i) + static_cast<std::uint32_t>(std::countr_zero(rest)));
    }
  }
  const std::vector<std::uint32_t>& members() const { return members_; }   // ascending
  bool contains(std::uint32_t bucket) const {
    if (bits_.empty()) return std::ranges::binary_search(members_, bucket);
    return (bits_[bucket / 64] >> bucket % 64 & 1) != 0;
  }
  // How many members are smaller.
  std::uint32_t rank(std::uint32_t bucket) const {
    if (bits_.empty()) return static_cast<std::uint32_t>(std::ranges::lower_bound(members_, bucket) - members_.begin());
    const std::uint64_t below = (std::uint64_t{1} << bucket % 64) - 1;
    return before_[bucket / 64] + static_cast<std::uint32_t>(std::popcount(bits_[bucket / 64] & below));
  }

 private:
  std::vector<std::uint32_t> members_;
  std::vector<std::uint64_t> bits_;
  std::vector<std::uint32_t> before_;
};

}   // namespace hogvec
