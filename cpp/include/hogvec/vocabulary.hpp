// Words and their ids. The words lie end to end in one arena of bytes and an open-addressing table leads from a word to
// its id: 28 bytes a word beside its letters, and no object per word. A vocabulary never changes once made.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

inline constexpr WordId kUnknownWord{-1};
inline constexpr std::int64_t kMaxWords = 0x7fffffff;   // ids are 0 .. kMaxWords - 1

static_assert(std::endian::native == std::endian::little, "words are hashed as little-endian integers");

// High and low half of a 128-bit product, folded: the mixing step of Wang Yi's wyhash.
inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load_bytes(const char* p) {
  std::uint64_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return bits;
}

// A word with what tables need to find it.
struct HashedWord {
  const char* letters;
  std::size_t length;
  std::uint64_t first;   // its first 8 bytes and its last 8, which may overlap; both the whole word, followed by zeros,
  std::uint64_t last;    // if it has no more than 8
  std::uint64_t hash;

  std::string_view view() const { return {letters, length}; }
};

// The hash of a word of at most 16 bytes: nothing beyond these two words of it is needed.
inline std::uint64_t hash_ends(std::uint64_t first, std::uint64_t last, std::size_t length) {
  return fold_multiply(first ^ 0xa0761d6478bd642fULL, last ^ (0xe7037ed1a0b428dbULL + length));
}

inline std::uint64_t hash_long(const char* letters, std::size_t length) {
  std::uint64_t hash = length;
  for (std::size_t i = 0; i + 8 < length; i += 8) {
    hash = fold_multiply(hash ^ load_bytes(letters + i), 0x8ebc6af09c88c6e3ULL);
  }
  return fold_multiply(hash ^ load_bytes(letters + length - 8), 0x589965cc75374cc3ULL);
}

// Reads 8 bytes from `letters` on, be the word shorter; the length is not 0.
inline HashedWord hash_padded(const char* letters, std::size_t length) {
  const std::uint64_t mask = length < 8 ? ~std::uint64_t{0} >> (64 - 8 * length) : ~std::uint64_t{0};
  const std::uint64_t first = load_bytes(letters) & mask;
  const std::uint64_t last = load_bytes(letters + (length < 8 ? 0 : length - 8)) & mask;
  return {letters, length, first, last, length <= 16 ? hash_ends(first, last, length) : hash_long(letters, length)};
}

// Reads the word and nothing beyond it.
inline HashedWord hash_exact(std::string_view word) {
  if (word.size() >= 8) return hash_padded(word.data(), word.size());
  std::uint64_t bits = 0;
  std::memcpy(&bits, word.data(), word.size());
  return {word.data(), word.size(), bits, bits, hash_ends(bits, bits, word.size())};
}

// Whether the bytes at `letters`, as many as the word has and more than 8, are the word's.
inline bool is_same(const HashedWord& word, const char* letters) {
  if (load_bytes(letters) != word.first || load_bytes(letters + word.length - 8) != word.last) return false;
  return word.length <= 16 || std::memcmp(letters, word.letters, word.length) == 0;
}

// Words end to end: word i is letters[offsets[i], offsets[i + 1]).
struct WordArena {
  std::vector<char> letters;
  std::vector<std::int64_t> offsets{0};   // (n_words + 1,)

  std::size_t size() const { return offsets.size() - 1; }
  std::string_view operator[](std::size_t i) const {
    return {letters.data() + offsets[i], static_cast<std::size_t>(offsets[i + 1] - offsets[i])};
  }
  void append(std::string_view word) {
    letters.insert(letters.end(), word.begin(), word.end());
    offsets.push_back(static_cast<std::int64_t>(letters.size()));
  }
};

// Which words a vocabulary keeps.
struct WordLimits {
  std::int64_t min_count = 1;
  std::int64_t max_size = kMaxWords;
};

// The indices of the words that stay, in their final order: count falling, then index. A word stays if it occurs at
// least min_count times and is among the first max_size; those of `keep` (indices into counts) stay before all others
// do. Throws ValueError if none stays or `keep` alone exceeds max_size.
std::vector<std::int32_t> select_words(std::span<const std::int64_t> counts, const WordLimits& limits,
                                       std::span<const std::int32_t> keep);

class Vocabulary {
 public:
  // counts: (n_words,). Throws ValueError on offsets that do not ascend from 0 to the number of letters, on an empty
  // word, on a word that occurs twice and on a negative count.
  Vocabulary(WordArena words, std::vector<std::int64_t> counts);

  std::size_t size() const { return counts_.size(); }
  std::string_view word(WordId id) const { return words_[index(id)]; }

  // kUnknownWord if the word is none of ours.
  WordId find(std::string_view word) const { return find(hash_exact(word)); }
  WordId find(const HashedWord& word) const;
  void prefetch(const HashedWord& word) const { __builtin_prefetch(slots_.data() + slot_of(word.hash)); }

  std::span<const std::int64_t> counts() const { return counts_; }   // (n_words,)
  std::span<const char> letters() const { return words_.letters; }
  std::span<const std::int64_t> offsets() const { return words_.offsets; }   // (n_words + 1,)

  // The vocabulary of the words that select_words keeps; words of `keep` that are none of ours are passed over.
  Vocabulary select(const WordLimits& limits, std::span<const std::string> keep) const;

 private:
  struct Slot {
    std::uint32_t tag;   // the low half of the hash
    WordId id;           // kUnknownWord: the slot is free
  };

  std::size_t slot_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(((hash >> 32) * slots_.size()) >> 32);
  }
  void check_offsets() const;
  void fill_slots();
  bool is_word(WordId id, const HashedWord& word) const;

  WordArena words_;
  std::vector<std::int64_t> counts_;
  std::vector<Slot> slots_;   // half as many again as words; a word lies at the first free slot from slot_of on
};

// word2vec's text form of words [begin, end): a line `word count` each. Throws ValueError on a word that holds
// whitespace.
std::string to_text(const Vocabulary& vocabulary, std::size_t begin, std::size_t end);
// Reads that form, ids in the order of the lines. Throws ValueError naming the line.
Vocabulary vocabulary_from_text(std::string_view text);

}   // namespace hogvec
