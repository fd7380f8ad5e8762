// n-grams of words, and which rows a vocabulary's words have.
#include "hogvec/subword.hpp"

#include <string>

#include "hogvec/bucket_set.hpp"
#include "hogvec/error.hpp"

namespace hogvec {

namespace {

constexpr std::int64_t kMostBuckets = 0x7fffffff;

bool continues_code_point(char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) == 0x80U; }

}   // namespace

void check(const SubwordSettings& settings) {
  if (settings.min_n < 1) throw ValueError("min_n must be at least 1, got " + std::to_string(settings.min_n));
  if (settings.max_n < settings.min_n)
    throw ValueError("max_n must be at least min_n, " + std::to_string(settings.min_n) + ", got " +
                     std::to_string(settings.max_n));
  if (settings.buckets < 1 || settings.buckets > kMostBuckets)
    throw ValueError("buckets must be at least 1 and at most " + std::to_string(kMostBuckets) + ", got " +
                     std::to_string(settings.buckets));
}

void append_ngrams(std::string_view word, const SubwordSettings& settings, std::vector<Ngram>& ngrams) {
  if (word == kEndOfLine) return;
  const std::size_t size = word.size() + 2;
  const auto byte_at = [&](std::size_t i) { return i == 0 ? '<' : i + 1 == size ? '>' : word[i - 1]; };
  for (std::size_t begin = 0; begin < size; ++begin) {
    if (continues_code_point(byte_at(begin))) continue;
    std::uint32_t hash = kHashBasis;
    std::size_t end = begin;
    for (std::int32_t n = 1; n <= settings.max_n && end < size; ++n) {
      do {
        hash = extend_hash(hash, byte_at(end++));
      } while (end < size && continues_code_point(byte_at(end)));
      const bool boundary_alone = n == 1 && (begin == 0 || end == size);
      if (n >= settings.min_n && !boundary_alone)
        ngrams.push_back({begin, end, hash % static_cast<std::uint32_t>(settings.buckets)});
    }
  }
}

Subwords::Subwords(const Vocabulary& vocabulary, const SubwordSettings& settings, bool every_bucket) {
  check(settings);
  const auto first = static_cast<std::uint32_t>(vocabulary.size());   // 2^31 words and 2^31 buckets at most
  BucketSet reached(settings.buckets, every_bucket ? 0 : vocabulary.letters().size());
  std::vector<Ngram> ngrams;
  offsets_.reserve(vocabulary.size() + 1);
  offsets_.push_back(0);
  for (std::size_t w = 0; w < vocabulary.size(); ++w) {
    const auto word = static_cast<WordId>(w);
    ngrams.clear();
    append_ngrams(vocabulary.word(word), settings, ngrams);
    rows_.push_back(row_of(word));
    for (const Ngram& ngram : ngrams) {
      rows_.push_back(RowId{first + ngram.bucket});   // of every bucket; of the reached ones when all are known
      if (!every_bucket) reached.add(ngram.bucket);
    }
    offsets_.push_back(static_cast<std::int64_t>(rows_.size()));
  }
  if (every_bucket) {
    num_rows_ = std::int64_t{first} + settings.buckets;
    return;
  }
  reached.finish();
  buckets_ = reached.members();
  num_rows_ = std::int64_t{first} + static_cast<std::int64_t>(buckets_.size());
  for (std::size_t w = 0; w < vocabulary.size(); ++w) {
    for (auto i = static_cast<std::size_t>(offsets_[w]) + 1; i < static_cast<std::size_t>(offsets_[w + 1]); ++i)
      rows_[i] = RowId{first + reached.rank(static_cast<std::uint32_t>(rows_[i]) - first)};
  }
}

void append_word_ngrams(std::span<const std::uint32_t> hashes, std::int32_t max_n, std::uint64_t first,
                        std::uint64_t buckets, std::vector<std::uint64_t>& ids) {
  const auto extended = [](std::uint32_t hash) {
    return static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(hash)});
  };
  // hash % buckets by a multiplication, since a division of 64 bits takes up to a hundred cycles: with the inverse
  // rounded down, the quotient is right or one too small.
  const std::uint64_t inverse = ~std::uint64_t{0} / buckets;
  const auto remainder = [&](std::uint64_t hash) {
    __extension__ using Wide = unsigned __int128;
    const auto quotient = static_cast<std::uint64_t>(static_cast<Wide>(hash) * inverse >> 64);
    const std::uint64_t rest = hash - quotient * buckets;
    return rest >= buckets ? rest - buckets : rest;
  };
  for (std::size_t begin = 0; begin < hashes.size(); ++begin) {
    std::uint64_t hash = extended(hashes[begin]);
    for (std::size_t end = begin + 1; end < hashes.size() && end - begin < static_cast<std::size_t>(max_n); ++end) {
      hash = hash * 116049371U + extended(hashes[end]);
      ids.push_back(first + remainder(hash));
    }
  }
}

}   // namespace hogvec
