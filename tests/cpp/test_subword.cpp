// Hashes, n-grams and ids against values that fastText computes, and the rows of a vocabulary against its n-grams.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/subword.hpp"

using namespace hogvec;

namespace {

constexpr std::int64_t kBuckets = 2'000'000;

std::vector<std::pair<std::string, std::uint32_t>> ngrams_of(const std::string& word, SubwordSettings settings) {
  std::vector<Ngram> ngrams;
  append_ngrams(word, settings, ngrams);
  const std::string letters = "<" + word + ">";
  std::vector<std::pair<std::string, std::uint32_t>> found;
  for (const Ngram& ngram : ngrams)
    found.emplace_back(letters.substr(ngram.begin, ngram.end - ngram.begin), ngram.bucket);
  return found;
}

Vocabulary vocabulary_of(const std::vector<std::string>& words) {
  WordArena arena;
  for (const std::string& word : words) arena.append(word);
  return {std::move(arena), std::vector<std::int64_t>(words.size(), 1)};
}

std::vector<std::uint64_t> word_ngrams_of(const std::vector<std::string>& line, std::int32_t max_n) {
  std::vector<std::uint32_t> hashes;
  for (const std::string& word : line) hashes.push_back(subword_hash(word));
  std::vector<std::uint64_t> ids;
  append_word_ngrams(hashes, max_n, 10, kBuckets, ids);
  return ids;
}

}   // namespace

TEST_CASE("the hash is fastText's, signed bytes included") {
  CHECK(subword_hash("where") == 90969176U);
  CHECK(subword_hash("<wh") == 1048167652U);
  CHECK(subword_hash("\u00e9") == 1023043777U);
  CHECK(subword_hash("\u4e2d") == 3930512628U);
  CHECK(subword_hash("</s>") == 3617362777U);
  CHECK(subword_hash("") == 2166136261U);
}

TEST_CASE("n-grams are of code points and have fastText's buckets") {
  const std::vector<std::pair<std::string, std::uint32_t>> expected = {
      {"<\u00e9", 36627}, {"<\u00e9t", 1908133}, {"\u00e9t", 452975}, {"\u00e9t\u00e9", 187927},
      {"t\u00e9", 41387}, {"t\u00e9>", 1291535}, {"\u00e9>", 1996781}};
  CHECK(ngrams_of("\u00e9t\u00e9", {2, 3, kBuckets}) == expected);
}

TEST_CASE("a boundary alone is no n-gram, and the end of a line has none") {
  const auto single = ngrams_of("ab", {1, 1, kBuckets});
  REQUIRE(single.size() == 2);
  CHECK(single[0].first == "a");
  CHECK(single[1].first == "b");
  CHECK(ngrams_of("</s>", {1, 6, kBuckets}).empty());
  CHECK(ngrams_of("a", {4, 6, kBuckets}).empty());
  CHECK(ngrams_of("a", {3, 6, kBuckets}).size() == 1);
}

TEST_CASE("bytes that are no UTF-8 begin code points by their bit pattern") {
  // 0x80 continues what stands before it; 0xff begins, whatever follows.
  const auto ngrams = ngrams_of(
      "\x80"
      "a\xff",
      {2, 2, kBuckets});
  REQUIRE(ngrams.size() == 3);
  CHECK(ngrams[0].first ==
        "<\x80"
        "a");
  CHECK(ngrams[1].first == "a\xff");
  CHECK(ngrams[2].first == "\xff>");
}

TEST_CASE("a vocabulary's rows are its words, then the buckets that they reach") {
  const std::vector<std::string> words = {"where", "when", "</s>", "aaaaa", "\u00e9t\u00e9"};
  for (const std::int64_t buckets : {std::int64_t{1}, std::int64_t{3}, std::int64_t{64}, kBuckets}) {
    const SubwordSettings settings{2, 4, buckets};
    const Subwords subwords(vocabulary_of(words), settings);
    CHECK(std::is_sorted(subwords.buckets().begin(), subwords.buckets().end()));
    CHECK(subwords.num_rows() == static_cast<std::int64_t>(words.size() + subwords.buckets().size()));
    std::vector<bool> reached(subwords.buckets().size(), false);
    for (std::size_t w = 0; w < words.size(); ++w) {
      const auto rows = subwords.rows_of(static_cast<WordId>(w));
      const auto expected = ngrams_of(words[w], settings);
      REQUIRE(rows.size() == expected.size() + 1);
      CHECK(index(rows[0]) == w);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        const std::size_t place = index(rows[i + 1]) - words.size();
        REQUIRE(place < subwords.buckets().size());
        CHECK(subwords.buckets()[place] == expected[i].second);
        reached[place] = true;
      }
    }
    CHECK(std::find(reached.begin(), reached.end(), false) == reached.end());
  }
}

TEST_CASE("every bucket has a row where that is asked for, and a huge number of them takes no memory otherwise") {
  const Vocabulary vocabulary = vocabulary_of({"abc", "</s>", "bcd"});
  const SubwordSettings settings{3, 4, 0x7fffffff};
  const Subwords every(vocabulary, settings, true);
  const Subwords some(vocabulary, settings);
  CHECK(every.num_rows() == std::int64_t{3} + 0x7fffffff);
  CHECK(every.buckets().empty());
  CHECK(some.num_rows() == static_cast<std::int64_t>(3 + some.buckets().size()));
  REQUIRE(every.rows().size() == some.rows().size());
  for (std::size_t i = 0; i < some.rows().size(); ++i) {
    const auto row = static_cast<std::uint32_t>(some.rows()[i]);
    CHECK(static_cast<std::uint32_t>(every.rows()[i]) == (row < 3 ? row : 3 + some.buckets()[row - 3]));
  }
}

TEST_CASE("lengths and numbers of buckets are checked") {
  CHECK_THROWS_WITH_AS(check({0, 3, 5}), "min_n must be at least 1, got 0", ValueError);
  CHECK_THROWS_WITH_AS(check({4, 3, 5}), "max_n must be at least min_n, 4, got 3", ValueError);
  CHECK_THROWS_WITH_AS(check({3, 3, 0}), "buckets must be at least 1 and at most 2147483647, got 0", ValueError);
  CHECK_THROWS_AS(check({3, 3, std::int64_t{1} << 31}), ValueError);
}

TEST_CASE("n-grams of words have fastText's ids, with hashes extended by their sign") {
  CHECK(word_ngrams_of({"hello", "world"}, 2) == std::vector<std::uint64_t>{1485030});
  CHECK(word_ngrams_of({"hello", "world", "where"}, 3)[1] == 1732758);
  CHECK(word_ngrams_of({"</s>", "world"}, 2) == std::vector<std::uint64_t>{332864});
  CHECK(word_ngrams_of({"hello", "world", "where"}, 1).empty());
  CHECK(word_ngrams_of({"hello", "world", "where"}, 2).size() == 2);
}
