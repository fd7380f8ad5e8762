// A growing table of words and how often each occurred: what a text is counted with. Its ids are by first appearance.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"

namespace hogvec {

// A word with what a table needs to find it. A word of at most 8 bytes is its own key, so that a slot alone tells it
// apart; the key of a longer one is its hash.
struct HashedWord {
  const char* letters;
  std::size_t length;
  std::uint64_t key;
  std::uint64_t hash;   // hash_word of the word

  std::string_view view() const { return {letters, length}; }
};

inline HashedWord hash_long(const char* letters, std::size_t length) {
  const std::uint64_t hash = hash_long_word(letters, length);
  return {letters, length, hash, hash};
}

// Reads 8 bytes from `letters` on, whatever the length (not 0).
inline HashedWord hash_padded(const char* letters, std::size_t length) {
  if (length > 8) return hash_long(letters, length);
  const std::uint64_t key = load_bytes(letters) & (~std::uint64_t{0} >> (64 - 8 * length));
  return {letters, length, key, hash_short_word(key, length)};
}

// Reads the word and nothing beyond it.
inline HashedWord hash_exact(std::string_view word) {
  if (word.size() > 8) return hash_long(word.data(), word.size());
  std::uint64_t key = 0;
  std::memcpy(&key, word.data(), word.size());
  return {word.data(), word.size(), key, hash_short_word(key, word.size())};
}

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
      if (slot.key == word.key && slot.length == kind_of(word) &&
          (word.length <= 8 || words_[slot.id] == word.view())) {
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
    std::uint64_t key;
    std::int32_t id;        // -1: the slot is free
    std::uint32_t length;   // 9 stands for every length above 8
  };
  static constexpr std::size_t kFirstSlots = 1024;
  static constexpr int kFirstShift = 54;

  static std::uint32_t kind_of(const HashedWord& word) {
    return word.length <= 8 ? static_cast<std::uint32_t>(word.length) : 9;
  }
  std::int32_t insert(std::size_t slot, const HashedWord& word, std::int64_t count);
  void grow();

  WordArena words_;
  std::vector<std::int64_t> counts_;
  std::vector<Slot> slots_;   // a power of two of them
  int shift_ = kFirstShift;   // hash >> shift_ is the slot where the search begins
};

}   // namespace hogvec
