// N-grams: counts against a map of them, tries that are none, and probabilities that sum to 1.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/ngram.hpp"
#include "hogvec/ngram_model.hpp"
#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

constexpr std::int32_t kWords = 7;

struct Text {
  std::vector<WordId> tokens;
  std::vector<std::int64_t> offsets{0};

  Text(std::uint64_t seed, int sequences) {
    Stream stream(make_key(seed, Purpose::kSample));
    for (int s = 0; s < sequences; ++s) {
      for (auto n = static_cast<int>(unit_double(stream.next()) * 9); n > 0; --n) {
        const double u = unit_double(stream.next());
        tokens.push_back(WordId{static_cast<std::int32_t>(u * u * kWords)});
      }
      offsets.push_back(static_cast<std::int64_t>(tokens.size()));
    }
  }
  CorpusView view() const { return {tokens, offsets}; }
};

using Gram = std::vector<std::int32_t>;

std::map<Gram, std::int64_t> counted(const Text& text, std::size_t order) {
  std::map<Gram, std::int64_t> counts;
  for (std::size_t s = 0; s + 1 < text.offsets.size(); ++s) {
    Gram words = {begin_of_sequence(kWords)};
    for (std::int64_t i = text.offsets[s]; i < text.offsets[s + 1]; ++i)
      words.push_back(static_cast<std::int32_t>(text.tokens[static_cast<std::size_t>(i)]));
    words.push_back(end_of_sequence(kWords));
    for (std::size_t i = 0; i < words.size(); ++i) {
      for (std::size_t length = 1; length <= std::min(order, words.size() - i); ++length)
        ++counts[Gram(words.begin() + static_cast<std::ptrdiff_t>(i),
                      words.begin() + static_cast<std::ptrdiff_t>(i + length))];
    }
  }
  return counts;
}

// All n-grams that occur, out of the trie.
void collect(const NGramCounts& counts, const NGramTrie& trie, std::size_t level, std::int64_t node, Gram gram,
             std::map<Gram, std::int64_t>& all) {
  const auto place = static_cast<std::size_t>(node);
  gram.push_back(trie.levels[level].words[place]);
  if (counts.counts[level][place] > 0) all[gram] = counts.counts[level][place];
  if (level + 1 == trie.levels.size()) return;
  const auto& first = trie.levels[level].first_child;
  for (std::int64_t child = first[place]; child < first[place + 1]; ++child)
    collect(counts, trie, level + 1, child, gram, all);
}

const KeepGoing kKeepGoing = [] { return true; };

std::vector<std::span<const std::int64_t>> spans(const std::vector<std::vector<std::int64_t>>& arrays) {
  return {arrays.begin(), arrays.end()};
}

}   // namespace

TEST_CASE("the trie holds every n-gram as often as it occurs") {
  const Text text(1, 400);
  for (const int order : {1, 2, 3, 6}) {
    for (const int threads : {1, 5}) {
      const NGramCounts counts = count_ngrams(text.view(), kWords, order, threads, kKeepGoing);
      const NGramTrie trie = counts.trie();
      check_trie(trie);
      std::map<Gram, std::int64_t> all;
      for (std::int64_t word = 0; word < kWords + 2; ++word) collect(counts, trie, 0, word, {}, all);
      CHECK(all == counted(text, static_cast<std::size_t>(order)));
    }
  }
}

TEST_CASE("counting refuses ids that are no words") {
  Text text(2, 50);
  text.tokens[3] = WordId{kWords};
  CHECK_THROWS_WITH_AS(count_ngrams(text.view(), kWords, 3, 2, kKeepGoing), "ids must be in [0, 7), got 7", ValueError);
  text.tokens[3] = WordId{-1};
  CHECK_THROWS_AS(count_ngrams(text.view(), kWords, 3, 2, kKeepGoing), ValueError);
}

TEST_CASE("smoothed probabilities sum to one after any words") {
  const Text text(3, 200);
  for (const int order : {1, 2, 4}) {
    const NGramCounts counts = count_ngrams(text.view(), kWords, order, 1, kKeepGoing);
    const NGramTrie trie = counts.trie();
    const NGramWeights weights = kneser_ney(trie, spans(counts.counts));
    BackoffWeights backoff;
    for (const auto& level : weights.log_probability) backoff.log_probability.emplace_back(level);
    for (const auto& level : weights.log_backoff) backoff.log_backoff.emplace_back(level);
    const std::vector<NGramModel> models = {
        {trie, backoff}, {trie, AddedCounts{spans(counts.counts), 0}}, {trie, AddedCounts{spans(counts.counts), 0.5}}};
    for (const NGramModel& model : models) {
      check_model(model);
      std::vector<double> next(kWords + 1);
      for (const Gram& context : {Gram{}, Gram{8}, Gram{8, 3}, Gram{6, 6, 6, 6}, Gram{0, 1, 0}, Gram{5, 6, 4, 6, 5}}) {
        next_probabilities(model, context, next);
        double sum = 0;
        for (const double p : next) sum += p;
        CHECK(sum == doctest::Approx(1).epsilon(1e-5));
      }
    }
  }
}

TEST_CASE("arrays that are no trie are told from one that is") {
  const Text text(4, 30);
  const NGramCounts good = count_ngrams(text.view(), kWords, 3, 1, kKeepGoing);
  const auto refused = [&](const auto& damage) {
    NGramCounts counts = good;
    damage(counts);
    CHECK_THROWS_AS(check_trie(counts.trie()), ValueError);
  };
  CHECK_NOTHROW(check_trie(good.trie()));
  refused([](NGramCounts& counts) { counts.words[0][2] = 3; });
  refused([](NGramCounts& counts) { counts.words[0].pop_back(); });
  refused([](NGramCounts& counts) { counts.words[1][0] = begin_of_sequence(kWords); });
  refused([](NGramCounts& counts) { counts.words[2][1] = -1; });
  refused([](NGramCounts& counts) { std::swap(counts.words[1][0], counts.words[1][1]); });
  refused([](NGramCounts& counts) { counts.first_child[0][1] = 1'000'000; });
  refused([](NGramCounts& counts) { counts.first_child[1].back() -= 1; });
  refused([](NGramCounts& counts) { counts.first_child[1].front() = 1; });
  refused([](NGramCounts& counts) { counts.num_words += 1; });
  refused([](NGramCounts& counts) { counts.words.clear(); });
}
