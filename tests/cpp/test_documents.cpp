// Texts as rows, and documents as examples: against what is written out by hand, for any cut into chunks and threads.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "hogvec/document_examples.hpp"
#include "hogvec/error.hpp"
#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

const KeepGoing kAlways = [] { return true; };

struct Lines {
  explicit Lines(std::string letters) : text(std::move(letters)), offsets(line_offsets(text)) {}
  Texts view() const { return {text, offsets}; }
  std::string text;
  std::vector<std::int64_t> offsets;
};

Vocabulary words_of(const std::vector<std::string>& words) {
  WordArena arena;
  for (const std::string& word : words) arena.append(word);
  return {std::move(arena), std::vector<std::int64_t>(words.size(), 1)};
}

std::vector<std::string> list_of(const Vocabulary& vocabulary) {
  std::vector<std::string> words;
  for (std::size_t i = 0; i < vocabulary.size(); ++i)
    words.emplace_back(vocabulary.word(WordId{static_cast<std::int32_t>(i)}));
  return words;
}

// Documents of 0 to 9 entries with 0 to 2 labels.
Documents random_documents(std::size_t n, std::uint32_t rows) {
  Documents documents;
  Stream stream(make_key(1, Purpose::kSample));
  for (std::size_t d = 0; d < n; ++d) {
    for (std::size_t i = 0; i < d % 10; ++i)
      documents.entries.push_back(RowId{static_cast<std::uint32_t>(scale_bits64(stream.next(), rows))});
    for (std::size_t i = 0; i < d % 3; ++i) documents.labels.push_back(WordId{static_cast<std::int32_t>(i)});
    documents.offsets.push_back(static_cast<std::int64_t>(documents.entries.size()));
    documents.label_offsets.push_back(static_cast<std::int64_t>(documents.labels.size()));
  }
  return documents;
}

}   // namespace

TEST_CASE("words and labels are counted, sorted by count and then by first appearance") {
  const Lines lines(std::string("__l__y b a\0b \xff\n\n__l__x __l__y\tc\v", 32));
  const CountedTexts counted = count_texts(lines.view(), {"__l__", 1, 0, 3}, nullptr, kAlways);
  CHECK(list_of(counted.words) == std::vector<std::string>{"</s>", "b", "a", "\xff", "c"});
  CHECK(list_of(counted.labels) == std::vector<std::string>{"__l__y", "__l__x"});
  CHECK(counted.num_tokens == 5 + 3 + 3);
  const Vocabulary keep = words_of({"z", "a", "__l__k"});
  const CountedTexts kept = count_texts(lines.view(), {"__l__", 3, 2, 1}, &keep, kAlways);
  CHECK(list_of(kept.words) == std::vector<std::string>{"</s>", "a", "z"});
  CHECK(list_of(kept.labels) == std::vector<std::string>{"__l__y"});
  CHECK_THROWS_AS(count_texts(lines.view(), {"__l__", 100, 0, 1}, nullptr, kAlways), ValueError);
}

TEST_CASE("lines end with their newlines and a text need not") {
  CHECK(line_offsets("") == std::vector<std::int64_t>{0});
  CHECK(line_offsets("a\n\nb") == std::vector<std::int64_t>{0, 2, 3, 4});
  CHECK(line_offsets("a\n") == std::vector<std::int64_t>{0, 2});
}

TEST_CASE("only buckets that are reached keep their rows, and renumbered documents name the same buckets") {
  const Lines lines("a b c a\nb unknown b\n__l__x c\n");
  const Vocabulary words = words_of({"</s>", "a", "b", "c"});
  const Vocabulary labels = words_of({"__l__x"});
  const FeatureSettings settings = {3, 2, 3, 1000, "__l__"};
  const TextFeatures all(words, labels, settings);
  Documents documents = all.encode(lines.view(), false, 2, kAlways);
  const Documents before = documents;
  const std::vector<std::uint32_t> reached = all.reached(documents);
  CHECK(std::is_sorted(reached.begin(), reached.end()));
  const TextFeatures features(words, labels, settings, reached, true);
  CHECK(features.num_rows() == 4 + static_cast<std::int64_t>(reached.size()));
  features.renumber(documents);
  std::set<std::uint32_t> used;
  for (std::size_t i = 0; i < documents.entries.size(); ++i) {
    const std::size_t row = index(documents.entries[i]);
    CHECK((row < 4 ? row : reached[row - 4] + 4) == index(before.entries[i]));
    features.for_rows(documents.entries[i], [&](RowId r) { used.insert(static_cast<std::uint32_t>(r)); });
  }
  CHECK(used.size() == static_cast<std::size_t>(features.num_rows()));
  const Documents again = features.encode(lines.view(), false, 1, kAlways);
  CHECK(again.entries == documents.entries);
  CHECK_THROWS_AS(all.renumber(documents), ValueError);
  CHECK_THROWS_AS(features.reached(documents), ValueError);
}

TEST_CASE("settings out of range are refused") {
  const Vocabulary words = words_of({"a"});
  const Vocabulary labels = words_of({});
  const std::vector<std::uint32_t> twice = {3, 3};
  const std::vector<std::uint32_t> beyond = {10};
  CHECK_THROWS_AS(TextFeatures(words, labels, {0, 0, 0, 10, "l"}), ValueError);
  CHECK_THROWS_AS(TextFeatures(words, labels, {1, 0, 0, std::int64_t{1} << 31, "l"}), ValueError);
  CHECK_THROWS_AS(TextFeatures(words, labels, {1, 0, 0, 10, ""}), ValueError);
  CHECK_THROWS_AS(TextFeatures(words, labels, {1, 0, 0, 10, "l"}, twice, true), ValueError);
  CHECK_THROWS_AS(TextFeatures(words, labels, {1, 0, 0, 10, "l"}, beyond, true), ValueError);
}

TEST_CASE("every document with entries, a label and a weight stands once in an epoch, in another order in the next") {
  const Vocabulary words = words_of({"a", "b", "c", "d"});
  const Vocabulary labels = words_of({"x", "y"});
  const TextFeatures features(words, labels, {1, 0, 0, 0, "__l__"});
  const Documents documents = random_documents(200, 4);
  std::vector<float> weights(200, 1.0F);
  weights[5] = 0;
  const DocumentSource source = {&features, &documents, weights, {}, false};
  const std::vector<std::uint32_t> order = document_order(source, 1);
  std::set<std::uint32_t> seen(order.begin(), order.end());
  CHECK(seen.size() == order.size());
  for (std::uint32_t d = 0; d < 200; ++d) CHECK(seen.contains(d) == (d % 10 > 0 && d % 3 > 0 && d != 5));
  CHECK(document_order(source, 1) == order);
  CHECK(document_order(source, 2) != order);
}

TEST_CASE("examples do not depend on the cut into chunks and batches, and draw every label") {
  const Vocabulary words = words_of({"a", "b", "c", "d"});
  const Vocabulary labels = words_of({"x", "y"});
  const TextFeatures features(words, labels, {1, 0, 0, 0, "__l__"});
  const Documents documents = random_documents(300, 4);
  const std::vector<float> label_weights = {2, 4};
  for (const bool every_label : {false, true}) {
    const DocumentSource source = {&features, &documents, {}, label_weights, every_label};
    const std::vector<std::uint32_t> order = document_order(source, 7);
    const auto examples_of = [&](Position chunk, std::size_t most) {
      DocumentExamples examples(source, order, 9);
      BatchBuffer buffer;
      std::vector<float> all;
      const auto n = static_cast<Position>(order.size());
      for (Position begin = 0; begin < n; begin += chunk) {
        examples.start(begin, std::min(begin + chunk, n));
        while (examples.fill(buffer, most)) {
          for (const RowId row : buffer.bag_rows) all.push_back(static_cast<float>(index(row)));
          for (const WordId target : buffer.targets) all.push_back(100.0F + static_cast<float>(target));
          all.insert(all.end(), buffer.weight.begin(), buffer.weight.end());
          all.insert(all.end(), buffer.forward_scale.begin(), buffer.forward_scale.end());
          CHECK(buffer.forward_scale == buffer.backward_scale);
          CHECK(buffer.target_offsets.size() == (every_label ? buffer.weight.size() + 1 : 0));
        }
        CHECK(examples.position() == std::min(begin + chunk, n));
      }
      std::sort(all.begin(), all.end());
      return all;
    };
    const std::vector<float> all = examples_of(1000, 128);
    CHECK(examples_of(7, 128) == all);
    CHECK(examples_of(50, 3) == all);
    CHECK(std::count(all.begin(), all.end(), 100.0F) > 50);
    CHECK(std::count(all.begin(), all.end(), 101.0F) > 20);
    CHECK(std::count(all.begin(), all.end(), 3.0F) > 0);
  }
}

TEST_CASE("a bag's scale is one over its rows, n-grams of letters included") {
  const Vocabulary words = words_of({"</s>", "ab"});
  const Vocabulary labels = words_of({"x"});
  const TextFeatures features(words, labels, {1, 2, 2, 100, "__l__"});
  const Lines lines("ab\n");
  Documents documents = features.encode(lines.view(), false, 1, kAlways);
  documents.label_offsets = {0, 1};
  documents.labels = {WordId{0}};
  const DocumentSource source = {&features, &documents, {}, {}, false};
  const std::vector<std::uint32_t> order = {0};
  DocumentExamples examples(source, order, 1);
  examples.start(0, 1);
  BatchBuffer buffer;
  REQUIRE(examples.fill(buffer, 1));
  CHECK(buffer.bag_rows.size() == 5);   // ab, <a, ab, b>, </s>
  CHECK(buffer.forward_scale == std::vector<float>{0.2F});
  CHECK_FALSE(examples.fill(buffer, 1));
}
