// Vocabulary: the table finds what was put in, selection keeps the documented order, text round-trips.
#include <doctest/doctest.h>

#include <numeric>

#include "hogvec/error.hpp"
#include "hogvec/text.hpp"
#include "hogvec/vocabulary.hpp"

using namespace hogvec;

namespace {

Vocabulary make(std::initializer_list<std::string_view> words, std::vector<std::int64_t> counts) {
  WordArena arena;
  for (const std::string_view word : words) arena.append(word);
  return {std::move(arena), std::move(counts)};
}

}   // namespace

TEST_CASE("a vocabulary of many words finds each of them and nothing else") {
  WordArena arena;
  for (int i = 0; i < 50000; ++i) arena.append("w" + std::to_string(i * 7919LL));
  const Vocabulary vocabulary(arena, std::vector<std::int64_t>(50000, 1));
  for (int i = 0; i < 50000; ++i) CHECK(vocabulary.find(arena[i]) == WordId{i});
  CHECK(vocabulary.find("w1") == kUnknownWord);
  CHECK(vocabulary.find("") == kUnknownWord);
}

TEST_CASE("an empty vocabulary finds nothing") { CHECK(make({}, {}).find("a") == kUnknownWord); }

TEST_CASE("words of every length around the hash's edges are told apart") {
  WordArena arena;
  const std::string letters(40, 'x');
  for (std::size_t n = 1; n <= letters.size(); ++n) arena.append(std::string_view(letters).substr(0, n));
  const Vocabulary vocabulary(arena, std::vector<std::int64_t>(arena.size(), 1));
  for (std::size_t i = 0; i < arena.size(); ++i) CHECK(index(vocabulary.find(arena[i])) == i);
}

TEST_CASE("selection sorts by falling count, then by index, and keeps what it is told to") {
  const std::vector<std::int64_t> counts{3, 9, 3, 1, 9};
  CHECK(select_words(counts, {}, {}) == std::vector<std::int32_t>{1, 4, 0, 2, 3});
  CHECK(select_words(counts, {3, kMaxWords}, {}) == std::vector<std::int32_t>{1, 4, 0, 2});
  CHECK(select_words(counts, {1, 2}, {}) == std::vector<std::int32_t>{1, 4});
  const std::vector<std::int32_t> keep{3};
  CHECK(select_words(counts, {9, 2}, keep) == std::vector<std::int32_t>{1, 3});
  CHECK_THROWS_AS(select_words(counts, {10, kMaxWords}, {}), ValueError);
}

TEST_CASE("the text form round-trips") {
  const Vocabulary vocabulary = make({"the", "\xce\xb1"}, {1LL << 40, 0});
  const std::string text = to_text(vocabulary, 0, 2);
  CHECK(text == "the 1099511627776\n\xce\xb1 0\n");
  const Vocabulary again = vocabulary_from_text(text);
  CHECK(again.word(WordId{1}) == "\xce\xb1");
  CHECK(again.counts()[0] == 1LL << 40);
}

TEST_CASE("broken UTF-8 is found at its first byte") {
  const std::string_view valid = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z and more than eight";
  CHECK(find_invalid_utf8(valid) == std::string_view::npos);
  using namespace std::string_view_literals;
  for (const std::string_view broken : {"\x80"sv, "\xc3"sv, "\xc0\xaf"sv, "\xe0\x80\x80"sv, "\xed\xa0\x80"sv,
                                        "\xf4\x90\x80\x80"sv, "\xf0\x9f\x98"sv, "\xff"sv, "\xe2\x82 "sv}) {
    CHECK(find_invalid_utf8(std::string(valid) + std::string(broken)) == valid.size());
  }
}
