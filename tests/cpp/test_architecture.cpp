// Windows over a corpus against a slow and plain account of them, however the corpus is cut into chunks.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "hogvec/architecture.hpp"
#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

struct Corpus {
  std::vector<WordId> tokens;
  std::vector<std::int64_t> offsets{0};

  CorpusView view() const { return {tokens, offsets}; }
};

// Sequences of the given lengths of words below num_words, low ones more often.
Corpus random_corpus(const std::vector<std::int64_t>& lengths, int num_words, std::uint64_t seed) {
  Corpus corpus;
  Stream stream(make_key(seed, Purpose::kSample));
  for (const std::int64_t length : lengths) {
    for (std::int64_t i = 0; i < length; ++i) {
      const double u = unit_double(stream.next());
      corpus.tokens.push_back(WordId{static_cast<std::int32_t>(u * u * num_words)});
    }
    corpus.offsets.push_back(static_cast<std::int64_t>(corpus.tokens.size()));
  }
  return corpus;
}

// One group: the target and its context, each row with the number of times it stands there.
struct Example {
  Position position;   // of the target; not compared
  std::int32_t target;
  std::map<std::uint32_t, int> context;
  bool operator==(const Example& other) const { return target == other.target && context == other.context; }
};

// The definition, position by position.
struct PlainWindows {
  std::vector<Example> examples;
  std::int64_t kept = 0;

  PlainWindows(const Corpus& corpus, const WindowSettings& settings, const std::vector<std::uint32_t>& thresholds,
               std::uint64_t key) {
    for (std::size_t s = 0; s + 1 < corpus.offsets.size(); ++s) {
      std::vector<Position> survivors;
      for (Position p = corpus.offsets[s]; p < corpus.offsets[s + 1]; ++p) {
        const std::uint64_t high = random_bits(key, static_cast<std::uint64_t>(p)) >> 32;
        if (high <= thresholds[index(corpus.tokens[static_cast<std::size_t>(p)])]) survivors.push_back(p);
      }
      kept += static_cast<std::int64_t>(survivors.size());
      const auto n = static_cast<std::int64_t>(survivors.size());
      for (std::int64_t c = 0; c < n; ++c) {
        const Position p = survivors[static_cast<std::size_t>(c)];
        const std::uint64_t low = random_bits(key, static_cast<std::uint64_t>(p)) & 0xffffffffU;
        const auto drawn = static_cast<std::int64_t>((low * static_cast<std::uint64_t>(settings.window)) >> 32);
        const std::int64_t width = settings.shrink ? 1 + drawn : settings.window;
        Example example{p, static_cast<std::int32_t>(corpus.tokens[static_cast<std::size_t>(p)]), {}};
        const std::int64_t before = settings.side == ContextSide::kFuture ? 0 : width;
        const std::int64_t after = settings.side == ContextSide::kPast ? 0 : width;
        for (std::int64_t i = std::max<std::int64_t>(0, c - before); i <= std::min(n - 1, c + after); ++i) {
          if (i == c) continue;
          const WordId word = corpus.tokens[static_cast<std::size_t>(survivors[static_cast<std::size_t>(i)])];
          example.context[static_cast<std::uint32_t>(word)] += 1;
        }
        if (!example.context.empty()) examples.push_back(example);
      }
    }
  }
};

// Reads the groups of a buffer back, checking what every batch of windows promises.
void read_examples(BatchBuffer& buffer, const WindowSettings& settings, std::vector<Example>& examples) {
  const Batch batch = buffer.view();
  REQUIRE(buffer.targets.size() == batch.num_groups());
  REQUIRE(batch.rows_distinct == !settings.cbow);
  REQUIRE(batch.group_hidden.empty());
  REQUIRE(batch.own_offsets.empty());
  REQUIRE(batch.group_offsets.back() == static_cast<std::int64_t>(batch.num_hidden()));
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    Example example{0, static_cast<std::int32_t>(buffer.targets[g]), {}};
    const auto begin = static_cast<std::size_t>(batch.group_offsets[g]);
    const auto end = static_cast<std::size_t>(batch.group_offsets[g + 1]);
    if (!settings.cbow) {
      REQUIRE(batch.bag_offsets.empty());
      for (std::size_t h = begin; h < end; ++h) {
        int& times = example.context[static_cast<std::uint32_t>(batch.bag_rows[h])];
        REQUIRE(times == 0);   // distinct
        times = batch.weight.empty() ? 1 : static_cast<int>(batch.weight[h]);
      }
    } else {
      REQUIRE(end == begin + 1);
      const std::int64_t size = batch.bag_offsets[end] - batch.bag_offsets[begin];
      for (auto e = batch.bag_offsets[begin]; e < batch.bag_offsets[end]; ++e)
        example.context[static_cast<std::uint32_t>(batch.bag_rows[static_cast<std::size_t>(e)])] += 1;
      const float mean = 1.0F / static_cast<float>(size);
      if (settings.forward_mean) REQUIRE(batch.forward_scale[begin] == mean);
      if (settings.backward_mean) REQUIRE(batch.backward_scale[begin] == mean);
      REQUIRE(batch.forward_scale.empty() == !settings.forward_mean);
      REQUIRE(batch.backward_scale.empty() == !settings.backward_mean);
      REQUIRE(batch.weight.empty());
    }
    examples.push_back(example);
  }
}

struct Found {
  std::vector<Example> examples;
  std::int64_t kept = 0;
};

// The examples of the corpus cut at `cuts`, `most` groups at a time.
Found find_examples(const Corpus& corpus, const WindowSettings& settings, const std::vector<std::uint32_t>& thresholds,
                    std::uint64_t key, const std::vector<Position>& cuts, std::size_t most) {
  Found found;
  WindowExamples windows(corpus.view(), settings, thresholds, key);
  BatchBuffer buffer;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) {
    windows.start(cuts[i], cuts[i + 1]);
    for (;;) {
      const Position position = windows.position();
      const std::size_t before = found.examples.size();
      if (!windows.fill(buffer, most)) {
        REQUIRE(position == cuts[i + 1]);
        break;
      }
      read_examples(buffer, settings, found.examples);
      REQUIRE(buffer.targets.size() <= most);
      REQUIRE(found.examples.size() > before);
      found.examples[before].position = position;
    }
    found.kept += windows.kept();
  }
  return found;
}

std::vector<Position> even_cuts(Position n, Position size) {
  std::vector<Position> cuts;
  for (Position p = 0; p < n; p += size) cuts.push_back(p);
  cuts.push_back(n);
  return cuts;
}

void check_windows(const Corpus& corpus, const WindowSettings& settings, const std::vector<std::uint32_t>& thresholds) {
  const std::uint64_t key = make_key(7, Purpose::kExample, 2);
  const PlainWindows plain(corpus, settings, thresholds, key);
  const auto n = static_cast<Position>(corpus.tokens.size());
  for (const Position size : {Position{1}, Position{2}, Position{3}, Position{7}, Position{50}, n}) {
    for (const std::size_t most : {1U, 3U, 128U}) {
      CAPTURE(size);
      CAPTURE(most);
      CAPTURE(settings.window);
      const Found found =
          find_examples(corpus, settings, thresholds, key, even_cuts(n, std::max<Position>(size, 1)), most);
      CHECK(found.kept == plain.kept);
      REQUIRE(found.examples.size() == plain.examples.size());
      CHECK(found.examples == plain.examples);
      if (most > 1) continue;
      for (std::size_t i = 0; i < found.examples.size(); ++i)
        REQUIRE(found.examples[i].position == plain.examples[i].position);
    }
  }
}

std::vector<std::uint32_t> thresholds_of(const Corpus& corpus, int num_words, double subsample) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(num_words));
  for (const WordId word : corpus.tokens) counts[index(word)] += 1;
  return keep_thresholds(counts, subsample);
}

const std::vector<std::int64_t> kShortLines = {0, 1, 2, 0, 0, 3, 5, 1, 1, 30, 2, 0, 4, 8, 70, 1, 0};

}   // namespace

TEST_CASE("windows are those of the definition wherever the corpus is cut") {
  for (const bool cbow : {false, true}) {
    for (const bool shrink : {true, false}) {
      for (const std::int32_t window : {1, 2, 5, 9, 100}) {
        for (const double subsample : {0.0, 0.02}) {
          CAPTURE(cbow);
          CAPTURE(shrink);
          CAPTURE(subsample);
          WindowSettings settings;
          settings.cbow = cbow;
          settings.shrink = shrink;
          settings.window = window;
          const Corpus lines = random_corpus(kShortLines, 10, 1);
          check_windows(lines, settings, thresholds_of(lines, 10, subsample));
          const Corpus endless = random_corpus({150}, 40, 2);
          check_windows(endless, settings, thresholds_of(endless, 40, subsample));
        }
      }
    }
  }
}

TEST_CASE("windows to one side and over whole sequences are those of the definition") {
  for (const bool cbow : {false, true}) {
    for (const ContextSide side : {ContextSide::kBoth, ContextSide::kPast, ContextSide::kFuture}) {
      for (const bool whole : {false, true}) {
        for (const double subsample : {0.0, 0.02}) {
          CAPTURE(cbow);
          CAPTURE(whole);
          WindowSettings settings;
          settings.cbow = cbow;
          settings.window = whole ? kMostWindow : 3;
          settings.shrink = !whole;
          settings.side = side;
          settings.whole_sequence = whole;
          const Corpus lines = random_corpus(kShortLines, 10, 1);
          check_windows(lines, settings, thresholds_of(lines, 10, subsample));
        }
      }
    }
  }
}

TEST_CASE("a batch takes no group after one that reaches its rows") {
  const Corpus corpus = random_corpus({100}, 1000, 9);
  WindowSettings settings;
  settings.window = kMostWindow;
  settings.shrink = false;
  settings.whole_sequence = true;
  const auto thresholds = thresholds_of(corpus, 1000, 0);
  WindowExamples windows(corpus.view(), settings, thresholds, 5);
  windows.start(0, 100);
  BatchBuffer buffer;
  std::size_t groups = 0;
  while (windows.fill(buffer, 128, 300)) {   // 99 rows and a target each, but for words that stand twice
    CHECK(buffer.targets.size() <= 4);
    groups += buffer.targets.size();
  }
  CHECK(groups == 100);
}

TEST_CASE("windows of every scale of a mean are those of the definition") {
  const Corpus corpus = random_corpus(kShortLines, 10, 3);
  for (const bool forward_mean : {false, true}) {
    for (const bool backward_mean : {false, true})
      check_windows(corpus, {true, 4, true, forward_mean, backward_mean}, thresholds_of(corpus, 10, 0));
  }
}

TEST_CASE("windows of hundreds of words are those of the definition") {
  const Corpus corpus = random_corpus({700, 3, 300}, 400, 4);
  WindowSettings settings;
  settings.shrink = false;
  settings.window = 150;
  const PlainWindows plain(corpus, settings, thresholds_of(corpus, 400, 0), 5);
  for (const Position size : {1000, 90}) {
    const Found found = find_examples(corpus, settings, thresholds_of(corpus, 400, 0), 5, even_cuts(1003, size), 16);
    CHECK(found.examples == plain.examples);
  }
}

TEST_CASE("sequences of no and of one word give no example, those of two give two") {
  const WindowSettings settings;
  const std::vector<std::uint32_t> keep_all(10, 0xffffffffU);
  const auto number = [&](const std::vector<std::int64_t>& lengths) {
    const Corpus corpus = random_corpus(lengths, 10, 5);
    const auto n = static_cast<Position>(corpus.tokens.size());
    return find_examples(corpus, settings, keep_all, 1, even_cuts(n, 3), 4).examples.size();
  };
  CHECK(number({}) == 0);
  CHECK(number({0}) == 0);
  CHECK(number({0, 0, 0}) == 0);
  CHECK(number({1}) == 0);
  CHECK(number({1, 1, 0, 1, 1}) == 0);
  CHECK(number({2}) == 2);
  CHECK(number({0, 2, 1, 2, 0}) == 4);
}

TEST_CASE("a word that stands twice in a window is one hidden vector of twice the weight") {
  Corpus corpus;
  for (const int word : {3, 3, 1, 3, 2}) corpus.tokens.push_back(WordId{word});
  corpus.offsets.push_back(5);
  WindowSettings settings;
  settings.shrink = false;
  const std::vector<std::uint32_t> keep_all(4, 0xffffffffU);
  WindowExamples windows(corpus.view(), settings, keep_all, 1);
  windows.start(0, 5);
  BatchBuffer buffer;
  REQUIRE(windows.fill(buffer, 3));   // targets 3, 3, 1
  CHECK(buffer.bag_rows ==
        std::vector<RowId>{RowId{3}, RowId{1}, RowId{2}, RowId{3}, RowId{1}, RowId{2}, RowId{3}, RowId{2}});
  CHECK(buffer.weight == std::vector<float>{2, 1, 1, 2, 1, 1, 3, 1});
  CHECK(buffer.group_offsets == std::vector<std::int64_t>{0, 3, 6, 8});
}

TEST_CASE("a word is kept with probability sqrt(s / f) + s / f") {
  // Golden: a word of 1e6 in 17e6 at s = 1e-4.
  const std::vector<std::uint32_t> thresholds =
      keep_thresholds(std::vector<std::int64_t>{1000000, 15999990, 10, 0}, 1e-4);
  CHECK((static_cast<double>(thresholds[0]) + 1) * 0x1p-32 == doctest::Approx(0.0429310563).epsilon(1e-8));
  CHECK(thresholds[2] == 0xffffffffU);
  CHECK(thresholds[3] == 0xffffffffU);
  for (const std::uint32_t threshold : keep_thresholds(std::vector<std::int64_t>{5, 1000000}, 0))
    CHECK(threshold == 0xffffffffU);
  // The least probability there is.
  CHECK(keep_thresholds(std::vector<std::int64_t>{1000000}, 1e-300)[0] == 0);
  CHECK(keep_thresholds(std::vector<std::int64_t>{1000000}, 1e300)[0] == 0xffffffffU);
}

TEST_CASE("subsampling keeps the share of words that it should") {
  constexpr std::int64_t kTokens = 200000;
  const Corpus corpus = random_corpus({kTokens}, 3, 6);
  const double keep = 0.1 + 0.01;   // f = 1, s = 0.01 with the counts of a corpus of one word
  const std::vector<std::uint32_t> thresholds(3, keep_thresholds(std::vector<std::int64_t>{kTokens}, 0.01)[0]);
  WindowExamples windows(corpus.view(), {}, thresholds, make_key(1, Purpose::kExample));
  windows.start(0, kTokens);
  const double deviation = std::sqrt(kTokens * keep * (1 - keep));
  CHECK(std::abs(static_cast<double>(windows.kept()) - kTokens * keep) < 4 * deviation);
}

TEST_CASE("widths are uniform from 1 to the window and differ from key to key") {
  constexpr std::int64_t kTokens = 50000;
  const Corpus corpus = random_corpus({kTokens}, 1000000, 7);   // words hardly repeat
  WindowSettings settings;
  settings.cbow = true;
  const std::vector<std::uint32_t> keep_all(1000000, 0xffffffffU);
  std::vector<std::vector<std::int64_t>> sizes;
  for (const std::uint64_t epoch : {0U, 1U}) {
    WindowExamples windows(corpus.view(), settings, keep_all, make_key(1, Purpose::kExample, epoch));
    windows.start(10, kTokens - 10);
    BatchBuffer buffer;
    REQUIRE(windows.fill(buffer, kTokens, 20 * kTokens));
    std::vector<double> seen(6);
    sizes.emplace_back();
    for (std::size_t h = 0; h + 1 < buffer.bag_offsets.size(); ++h) {
      const std::int64_t size = buffer.bag_offsets[h + 1] - buffer.bag_offsets[h];
      REQUIRE(size % 2 == 0);
      REQUIRE(size / 2 >= 1);
      REQUIRE(size / 2 <= 5);
      seen[static_cast<std::size_t>(size / 2)] += 1;
      sizes.back().push_back(size);
    }
    double statistic = 0;
    const double expected = (kTokens - 20) / 5.0;
    for (std::size_t width = 1; width <= 5; ++width)
      statistic += (seen[width] - expected) * (seen[width] - expected) / expected;
    CHECK(statistic < 23.5);   // chi-square with 4 degrees of freedom at 1e-4
  }
  CHECK(sizes[0] != sizes[1]);
}

TEST_CASE("a chunk that keeps nothing does not look beyond itself") {
  // Every chunk of an endless line that drops all its words would otherwise walk back to the line's beginning: minutes.
  constexpr std::int64_t kTokens = 1000000;
  Corpus corpus;
  corpus.tokens.assign(kTokens, WordId{0});
  corpus.offsets.push_back(kTokens);
  const std::vector<std::uint32_t> thresholds(1, 0);
  WindowExamples windows(corpus.view(), {}, thresholds, 3);
  BatchBuffer buffer;
  for (const Position p : even_cuts(kTokens, 50)) {
    windows.start(p, std::min(p + 50, kTokens));
    CHECK_FALSE(windows.fill(buffer, 128));
  }
}

TEST_CASE("chunks are large against the window") {
  WindowSettings settings;
  CHECK(chunk_tokens(settings) == kChunkTokens);
  settings.window = kMostWindow;
  CHECK(chunk_tokens(settings) >= 8 * std::int64_t{kMostWindow});
  settings.whole_sequence = true;
  CHECK(chunk_tokens(settings) == kChunkTokens);
}
