// Character n-grams of words as rows of a table: the hash, the n-grams and the ids of fastText (Bojanowski et al. 2017,
// "Enriching word vectors with subword information"), for one word or a whole vocabulary. Nothing is trained here.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"

namespace hogvec {

// fastText's end of a line, which is a word without n-grams.
inline constexpr std::string_view kEndOfLine = "</s>";

// FNV-1a of 32 bits, except that bytes are signed, as in fastText: those from 0x80 on flip the upper 24 bits as well.
inline constexpr std::uint32_t kHashBasis = 2166136261U;
constexpr std::uint32_t extend_hash(std::uint32_t hash, char byte) {
  return (hash ^ static_cast<std::uint32_t>(static_cast<std::int8_t>(byte))) * 16777619U;
}
constexpr std::uint32_t subword_hash(std::string_view bytes) {
  std::uint32_t hash = kHashBasis;
  for (const char byte : bytes) hash = extend_hash(hash, byte);
  return hash;
}

// Lengths of n-grams in code points, and the number of buckets that their hashes share.
struct SubwordSettings {
  std::int32_t min_n = 3;
  std::int32_t max_n = 6;
  std::int64_t buckets = 2'000'000;
};

// Throws ValueError unless 1 <= min_n <= max_n and 1 <= buckets < 2^31.
void check(const SubwordSettings& settings);

// An n-gram of `<word>`: where it lies in those bytes, and the bucket of its hash.
struct Ngram {
  std::size_t begin, end;
  std::uint32_t bucket;
};

// Appends the n-grams of `<word>` from left to right, short ones first: all of min_n to max_n code points, but not a
// boundary alone; none for kEndOfLine. A code point begins at every byte that is not 10xxxxxx, be it UTF-8 or not.
void append_ngrams(std::string_view word, const SubwordSettings& settings, std::vector<Ngram>& ngrams);

// The rows of every word of a vocabulary: its own, which is its id, and those of its n-grams. Only buckets that some
// word reaches have a row: row num_words + i is that of buckets()[i], which ascend. So a table is as large as the
// vocabulary asks, however many buckets there are. Or every bucket b has one, num_words + b, as in fastText's files.
// Never changes once made.
class Subwords {
 public:
  // Throws ValueError if the settings are wrong.
  Subwords(const Vocabulary& vocabulary, const SubwordSettings& settings, bool every_bucket = false);

  std::size_t num_words() const { return offsets_.size() - 1; }
  std::int64_t num_rows() const { return num_rows_; }
  std::span<const RowId> rows_of(WordId word) const {
    const auto begin = static_cast<std::size_t>(offsets_[index(word)]);
    return std::span(rows_).subspan(begin, static_cast<std::size_t>(offsets_[index(word) + 1]) - begin);
  }
  std::span<const std::int64_t> offsets() const { return offsets_; }   // (n_words + 1,)
  std::span<const RowId> rows() const { return rows_; }                // word w: [offsets()[w], offsets()[w + 1])
  std::span<const std::uint32_t> buckets() const {
    return buckets_;
  }   // (n_buckets with a row,), ascending; empty if all have

 private:
  std::vector<std::int64_t> offsets_;
  std::vector<RowId> rows_;
  std::vector<std::uint32_t> buckets_;
  std::int64_t num_rows_ = 0;
};

// fastText's ids of the n-grams of words, 2 to `max_n` words long, of a line whose words have these hashes: appends
// first + hash % buckets for each, from left to right. Hashes are signed there, and extended to 64 bits by their sign.
void append_word_ngrams(std::span<const std::uint32_t> hashes, std::int32_t max_n, std::uint64_t first,
                        std::uint64_t buckets, std::vector<std::uint64_t>& ids);

}   // namespace hogvec
