// A growing table of words and how often each occurred: what a text is counted with. Its ids are by first appearance.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"

namespace hogvec {

class WordTable {
 public:
  WordTable() : slots_(kFirstSlots, Slot{0, -1, 0}) {}

  void prefetch(const HashedWord& word) const { __builtin_prefetch(slots_.data() + (word.hash >> shift_)); }

  // The id of the word, a new one if it is new, with `count` added to its count.
  std::int32_t add(const HashedWord& word, std::int64_t count = 1) {
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = word.hash >> shift_;; i = (i + 1) & mask) {
      const Slot& slot = slots_[i];
      if (slot.id < 0) return insert(i, word, count);
      if (is_at(slot, word)) {
        counts_[slot.id] += count;
        return slot.id;
      }
    }
  }

  // -1 if the word is none of ours.
  std::int32_t find(const HashedWord& word) const;

  std::size_t size() const { return counts_.size(); }
  std::string_view word(std::size_t id) const { return words_[id]; }
  std::span<const std::int64_t> counts() const { return counts_; }

 private:
  struct Slot {
    std::uint64_t key;      // the letters of a word of at most 8, the hash of a longer one
    std::int32_t id;        // -1: the slot is free
    std::uint32_t length;   // in bytes, at most kMaxLength
  };
  static constexpr std::size_t kFirstSlots = 1024;
  static constexpr int kFirstShift = 54;
  static constexpr std::size_t kMaxLength = 0xffffffff;   // stands for itself and all above

  static std::uint64_t key_of(const HashedWord& word) { return word.length <= 8 ? word.first : word.hash; }
  static std::uint32_t length_of(const HashedWord& word) {
    return static_cast<std::uint32_t>(std::min(word.length, kMaxLength));
  }
  bool is_at(const Slot& slot, const HashedWord& word) const {
    if (slot.key != key_of(word) || slot.length != length_of(word)) return false;
    if (word.length <= 8) return true;
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): is_same knows the length
    return word.length < kMaxLength ? is_same(word, words_[slot.id].data()) : words_[slot.id] == word.view();
  }
  std::int32_t insert(std::size_t slot, const HashedWord& word, std::int64_t count);
  void grow();

  WordArena words_;
  std::vector<std::int64_t> counts_;
  std::vector<Slot> slots_;   // a power of two of them
  int shift_ = kFirstShift;   // hash >> shift_ is the slot where the search begins
};

}   // namespace hogvec
