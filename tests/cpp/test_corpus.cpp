// The encoder against a plain tokenizer, for every way of dividing the text.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "hogvec/corpus.hpp"
#include "hogvec/error.hpp"
#include "hogvec/text.hpp"
#include "hogvec/word_finder.hpp"

using namespace hogvec;

namespace {

using Lines = std::vector<std::vector<std::string>>;

Lines split(const std::string& text) {
  Lines lines(1);
  std::string word;
  for (const char c : text + "\n") {
    if (!is_space(c)) {
      word += c;
      continue;
    }
    if (!word.empty()) lines.back().push_back(std::exchange(word, ""));
    if (c == '\n' && !lines.back().empty()) lines.emplace_back();
  }
  lines.pop_back();
  return lines;
}

EncodedCorpus encode(const std::string& text, std::size_t block, int threads) {
  Encoder encoder({threads, true, true, 1});
  for (std::size_t i = 0; i < text.size(); i += block) encoder.feed(std::string_view(text).substr(i, block));
  encoder.end_file();
  return encoder.finish({}, {});
}

Lines decode(const EncodedCorpus& corpus) {
  Lines lines;
  for (std::size_t s = 0; s + 1 < corpus.offsets.size(); ++s) {
    lines.emplace_back();
    for (std::int64_t i = corpus.offsets[s]; i < corpus.offsets[s + 1]; ++i) {
      lines.back().emplace_back(corpus.vocabulary->word(corpus.tokens.ids[static_cast<std::size_t>(i)]));
    }
  }
  return lines;
}

std::string random_text(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  const std::string letters = "abcab     \n\t\r\v\fde";
  for (std::size_t i = 0; i < size; ++i) text += letters[random() % letters.size()];
  return text;
}

}   // namespace

TEST_CASE("the words found are those of a plain tokenizer, at every length of text") {
  for (std::size_t size = 1; size < 300; ++size) {
    std::string text = random_text(size, static_cast<unsigned>(size));
    std::vector<std::string> expected;
    for (const auto& line : split(text)) expected.insert(expected.end(), line.begin(), line.end());
    std::string padded = text + std::string(WordFinder::kPadding, 'x');
    WordFinder finder({padded.data(), size});
    std::vector<std::string> found;
    std::size_t n_newlines = 0;
    for (auto edges = finder.next(); !edges.empty(); edges = finder.next()) {
      REQUIRE(edges.size() <= 2 * WordFinder::kMaxWords);
      for (std::size_t i = 0; i < edges.size(); i += 2) {
        if (edges[i] == edges[i + 1]) {
          ++n_newlines;
        } else {
          found.push_back(text.substr(edges[i], edges[i + 1] - edges[i]));
        }
      }
    }
    CHECK(found == expected);
    CHECK(n_newlines == static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')));
  }
}

TEST_CASE("a text decodes to its lines and gets the same ids for any block size and thread count") {
  const std::string text = random_text(5000, 7);
  const EncodedCorpus reference = encode(text, text.size(), 1);
  CHECK(decode(reference) == split(text));
  for (const std::size_t block : {1, 2, 3, 7, 63, 64, 65, 1000, 5000}) {
    for (const int threads : {1, 2, 3, 8}) {
      const EncodedCorpus corpus = encode(text, block, threads);
      CHECK(corpus.raw_words == reference.raw_words);
      CHECK(corpus.offsets == reference.offsets);
      REQUIRE(corpus.tokens.size == reference.tokens.size);
      CHECK(std::equal(corpus.tokens.ids.get(), corpus.tokens.ids.get() + corpus.tokens.size,
                       reference.tokens.ids.get()));
      CHECK(std::ranges::equal(corpus.vocabulary->letters(), reference.vocabulary->letters()));
      CHECK(std::ranges::equal(corpus.vocabulary->counts(), reference.vocabulary->counts()));
    }
  }
}

TEST_CASE("a text that outgrows many chunks keeps its order") {
  Encoder encoder({3, true, true, 1000});
  std::string line;
  for (int i = 0; i < 1000; ++i) line += "w" + std::to_string(i) + " ";
  line += "\n";
  const int n_lines = 600;
  for (int i = 0; i < n_lines; ++i) encoder.feed(line);
  const EncodedCorpus corpus = encoder.finish({}, {});
  REQUIRE(corpus.tokens.size == 1000UL * n_lines);
  CHECK(corpus.offsets.size() == n_lines + 1UL);
  bool in_order = true;
  for (std::size_t i = 0; i < corpus.tokens.size; ++i) in_order &= index(corpus.tokens.ids[i]) == i % 1000;
  CHECK(in_order);
}

TEST_CASE("min_count drops words and the lines that it empties") {
  Encoder encoder({});
  encoder.feed("a b\nc\na a\n");
  const EncodedCorpus corpus = encoder.finish({2, kMaxWords}, {});
  CHECK(decode(corpus) == Lines{{"a"}, {"a", "a"}});
  CHECK(corpus.raw_words == 5);
}

TEST_CASE("with a vocabulary, taking piece by piece gives what finishing at once gives") {
  const std::string text = random_text(4000, 3);
  const EncodedCorpus whole = encode(text, 100, 1);
  const Vocabulary& vocabulary = *whole.vocabulary;
  Encoder encoder({2, true, true, 1}, &vocabulary);
  std::vector<WordId> ids;
  std::vector<std::int64_t> offsets{0};
  const auto collect = [&] {
    const EncodedTokens some = encoder.take();
    ids.insert(ids.end(), some.tokens.ids.get(), some.tokens.ids.get() + some.tokens.size);
    offsets.insert(offsets.end(), some.ends.begin(), some.ends.end());
  };
  for (std::size_t i = 0; i < text.size(); i += 37) {
    encoder.feed(std::string_view(text).substr(i, 37));
    collect();
  }
  encoder.end_file();
  collect();
  CHECK(offsets == whole.offsets);
  CHECK(std::ranges::equal(ids, std::span(whole.tokens.ids.get(), whole.tokens.size)));
  CHECK(std::ranges::equal(encoder.finish({}, {}).counts, vocabulary.counts()));
}

TEST_CASE("an encoder that failed or finished says so") {
  Encoder encoder({});
  CHECK_THROWS_WITH_AS(encoder.feed(std::string_view("ab \0c", 5)),
                       "NUL byte at offset 3; is this a binary or UTF-16 file?", ValueError);
  CHECK_THROWS_WITH_AS(encoder.feed("a"), "an encoder that failed cannot go on", StateError);
  Encoder other({});
  other.feed("a");
  (void)other.finish({}, {});
  CHECK_THROWS_WITH_AS(other.end_file(), "an encoder that finished cannot go on", StateError);
}

TEST_CASE("offsets of errors count from the start of the file") {
  for (const int threads : {1, 4}) {
    Encoder encoder({threads, true, true, 1});
    encoder.feed("the first file ");
    encoder.end_file();
    encoder.feed(
        "\xEF\xBB\xBF"
        "abc d\xc3");
    CHECK_THROWS_WITH_AS(encoder.feed(" efg hij"), doctest::Contains("invalid UTF-8 at offset 8;"), ValueError);
  }
}

TEST_CASE("ids are counted and checked") {
  const std::vector<std::int64_t> ids{3, 0, 3};
  CHECK(count_ids(std::span(ids), -1) == std::vector<std::int64_t>{1, 0, 0, 2});
  CHECK(count_ids(std::span(ids), 6) == std::vector<std::int64_t>{1, 0, 0, 2, 0, 0});
  CHECK_THROWS_WITH_AS(count_ids(std::span(ids), 3), "ids must be at least 0 and below 3, got 3 at position 0",
                       IndexError);
  CHECK_THROWS_AS(count_ids(std::span(ids), 0), IndexError);
  const std::vector<std::int64_t> huge{1, 1LL << 31};
  CHECK_THROWS_AS(count_ids(std::span(huge), -1), IndexError);
  CHECK(count_ids(std::span<const std::int32_t>(), -1).empty());
}
