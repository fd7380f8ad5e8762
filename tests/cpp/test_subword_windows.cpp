// Windows over words with n-grams, against the same windows over plain words.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "hogvec/architecture.hpp"
#include "hogvec/random.hpp"
#include "hogvec/subword.hpp"

using namespace hogvec;

namespace {

struct Window {
  WordId centre;
  std::vector<WordId> context;
};

struct Words {
  std::vector<WordId> tokens;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::uint32_t> thresholds;
  CorpusView view() const { return {tokens, offsets}; }
};

const std::vector<std::string> kWords = {"walk", "walked", "a", "talk", "talking", "</s>", "\u00e9t\u00e9"};

Subwords make_subwords() {
  WordArena arena;
  for (const std::string& word : kWords) arena.append(word);
  return {Vocabulary(std::move(arena), std::vector<std::int64_t>(kWords.size(), 1)), {2, 4, 50}};
}

Words make_words() {
  Words words;
  Stream stream(make_key(4, Purpose::kSample));
  for (const int length : {0, 1, 2, 30, 7, 300}) {
    for (int i = 0; i < length; ++i)
      words.tokens.push_back(WordId{static_cast<std::int32_t>(scale_bits64(stream.next(), kWords.size()))});
    words.offsets.push_back(static_cast<std::int64_t>(words.tokens.size()));
  }
  words.thresholds.assign(kWords.size(), 0xc0000000U);
  return words;
}

// All groups of the corpus, in pieces.
template <class Read>
void for_batches(const Words& words, const WindowSettings& settings, const Subwords* subwords, Read read) {
  WindowExamples examples(words.view(), settings, words.thresholds, make_key(5, Purpose::kExample), subwords);
  BatchBuffer buffer;
  const auto n = static_cast<Position>(words.tokens.size());
  for (Position begin = 0; begin < n; begin += 50) {
    examples.start(begin, std::min<Position>(begin + 50, n));
    while (examples.fill(buffer, 7)) read(buffer);
  }
}

std::vector<Window> plain_windows(const Words& words) {
  std::vector<Window> windows;
  WindowSettings settings;
  settings.cbow = true;
  for_batches(words, settings, nullptr, [&](BatchBuffer& buffer) {
    for (std::size_t g = 0; g < buffer.targets.size(); ++g) {
      Window window{buffer.targets[g], {}};
      for (auto e = buffer.bag_offsets[g]; e < buffer.bag_offsets[g + 1]; ++e)
        window.context.push_back(WordId{static_cast<std::int32_t>(buffer.bag_rows[static_cast<std::size_t>(e)])});
      windows.push_back(window);
    }
  });
  return windows;
}

// The bag h of the buffer is the rows of these words.
void check_bag(const BatchBuffer& buffer, std::size_t h, const std::vector<WordId>& words, const Subwords& subwords) {
  std::vector<RowId> expected;
  for (const WordId word : words) {
    const auto rows = subwords.rows_of(word);
    expected.insert(expected.end(), rows.begin(), rows.end());
  }
  const std::vector<RowId> found(buffer.bag_rows.begin() + buffer.bag_offsets[h],
                                 buffer.bag_rows.begin() + buffer.bag_offsets[h + 1]);
  REQUIRE(found == expected);
  REQUIRE(buffer.forward_scale[h] == 1.0F / static_cast<float>(expected.size()));
}

}   // namespace

TEST_CASE("the centre's bag predicts the words around it") {
  const Words words = make_words();
  const Subwords subwords = make_subwords();
  const std::vector<Window> windows = plain_windows(words);
  REQUIRE(windows.size() > 200);
  for (const bool exact : {false, true}) {
    WindowSettings settings;
    settings.predicts_context = true;
    settings.backward_mean = exact;
    std::size_t w = 0;
    for_batches(words, settings, &subwords, [&](BatchBuffer& buffer) {
      REQUIRE(!buffer.rows_distinct);
      REQUIRE(buffer.backward_scale.size() == (exact ? buffer.forward_scale.size() : 0));
      for (std::size_t g = 0; g + 1 < buffer.group_offsets.size(); ++g, ++w) {
        REQUIRE(buffer.group_offsets[g + 1] == buffer.group_offsets[g] + 1);
        check_bag(buffer, g, {windows[w].centre}, subwords);
        const std::vector<WordId> targets(buffer.targets.begin() + buffer.target_offsets[g],
                                          buffer.targets.begin() + buffer.target_offsets[g + 1]);
        REQUIRE(targets == windows[w].context);
        REQUIRE(buffer.weight[g] == static_cast<float>(targets.size()));
      }
    });
    CHECK(w == windows.size());
  }
}

TEST_CASE("each word's bag, or the bag of all, predicts the centre") {
  const Words words = make_words();
  const Subwords subwords = make_subwords();
  const std::vector<Window> windows = plain_windows(words);
  for (const bool cbow : {false, true}) {
    WindowSettings settings;
    settings.cbow = cbow;
    std::size_t w = 0;
    for_batches(words, settings, &subwords, [&](BatchBuffer& buffer) {
      REQUIRE(buffer.target_offsets.empty());
      REQUIRE(buffer.weight.empty());
      for (std::size_t g = 0; g < buffer.targets.size(); ++g, ++w) {
        REQUIRE(buffer.targets[g] == windows[w].centre);
        const auto first = static_cast<std::size_t>(buffer.group_offsets[g]);
        if (cbow) {
          check_bag(buffer, first, windows[w].context, subwords);
          continue;
        }
        REQUIRE(buffer.group_offsets[g + 1] - buffer.group_offsets[g] ==
                static_cast<std::int64_t>(windows[w].context.size()));
        for (std::size_t i = 0; i < windows[w].context.size(); ++i)
          check_bag(buffer, first + i, {windows[w].context[i]}, subwords);
      }
    });
    CHECK(w == windows.size());
  }
}
