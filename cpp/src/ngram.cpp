// Counts n-grams: positions of the corpus are sorted by the words that follow, and equal beginnings lie side by side.
#include "hogvec/ngram.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <numeric>
#include <string>

#include "hogvec/error.hpp"

namespace hogvec {

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

// The corpus with the begin and the end of its sequences.
std::vector<std::int32_t> marked_tokens(const CorpusView& corpus, std::int32_t num_words) {
  std::vector<std::int32_t> tokens;
  tokens.reserve(corpus.tokens.size() + 2 * corpus.offsets.size());
  for (std::size_t s = 0; s + 1 < corpus.offsets.size(); ++s) {
    tokens.push_back(begin_of_sequence(num_words));
    for (std::int64_t i = corpus.offsets[s]; i < corpus.offsets[s + 1]; ++i) {
      const auto id = static_cast<std::int32_t>(corpus.tokens[place(i)]);
      if (id < 0 || id >= num_words)
        throw ValueError("ids must be in [0, " + std::to_string(num_words) + "), got " + std::to_string(id));
      tokens.push_back(id);
    }
    tokens.push_back(end_of_sequence(num_words));
  }
  return tokens;
}

struct Stopped {};

// Positions in the order of the n-grams that begin there. The end of a sequence is in no n-gram but as its last word.
class Sorter {
 public:
  Sorter(std::span<const std::int32_t> tokens, std::int32_t num_words, int order)
      : tokens_(tokens), end_(end_of_sequence(num_words)), order_(order), starts_(place(num_words) + 3) {}

  std::vector<std::int64_t> sort(int threads, const KeepGoing& keep_going) {
    distribute();
    std::vector<std::size_t> buckets(starts_.size() - 1);
    std::iota(buckets.begin(), buckets.end(), std::size_t{0});
    const auto size = [this](std::size_t bucket) { return starts_[bucket + 1] - starts_[bucket]; };
    std::stable_sort(buckets.begin(), buckets.end(), [&](std::size_t a, std::size_t b) { return size(a) > size(b); });
    std::atomic<std::size_t> next{0};
    run_workers_to_the_end(threads, keep_going, [&](int, const StopFlag& stop) {
      for (std::size_t i = next++; i < buckets.size(); i = next++) sort_bucket(buckets[i], stop);
    });
    return std::move(positions_);
  }

 private:
  // By their first words.
  void distribute() {
    for (const std::int32_t token : tokens_) ++starts_[place(token) + 1];
    std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());
    std::vector<std::int64_t> next(starts_.begin(), starts_.end() - 1);
    positions_.resize(tokens_.size());
    for (std::size_t i = 0; i < tokens_.size(); ++i)
      positions_[place(next[place(tokens_[i])]++)] = static_cast<std::int64_t>(i);
  }

  void sort_bucket(std::size_t bucket, const StopFlag& stop) {
    if (bucket == place(end_)) return;
    const auto before = [&](std::int64_t a, std::int64_t b) {
      if (stop.load(std::memory_order_relaxed)) throw Stopped();
      for (int k = 1; k < order_; ++k) {
        const std::int32_t one = tokens_[place(a + k)];
        const std::int32_t other = tokens_[place(b + k)];
        if (one != other) return one < other;
        if (one == end_) return false;
      }
      return false;
    };
    std::sort(positions_.begin() + starts_[bucket], positions_.begin() + starts_[bucket + 1], before);
  }

  std::span<const std::int32_t> tokens_;
  std::int32_t end_;
  int order_;
  std::vector<std::int64_t> starts_;   // (n_words + 3,): of the positions with each first word
  std::vector<std::int64_t> positions_;
};

// Adds n-grams in lexicographic order.
class TrieBuilder {
 public:
  TrieBuilder(std::int32_t num_words, int order) {
    const auto levels = static_cast<std::size_t>(order);
    counts_.num_words = num_words;
    counts_.first_child.resize(levels - 1);
    counts_.words.resize(levels);
    counts_.counts.resize(levels);
    counts_.words[0].resize(place(num_words) + 2);
    std::iota(counts_.words[0].begin(), counts_.words[0].end(), 0);
    counts_.counts[0].resize(counts_.words[0].size());
  }

  // The n-gram and its beginnings, of which the first `known` are those of the one before.
  void add(std::span<const std::int32_t> words, std::size_t known) {
    auto node = static_cast<std::size_t>(words[0]);
    ++counts_.counts[0][node];
    for (std::size_t k = 1; k < words.size(); ++k) {
      std::vector<std::int32_t>& level = counts_.words[k];
      if (k >= known) {
        open(k - 1, node);
        level.push_back(words[k]);
        counts_.counts[k].push_back(0);
      }
      node = level.size() - 1;
      ++counts_.counts[k][node];
    }
  }

  NGramCounts finish() {
    for (std::size_t k = 0; k < counts_.first_child.size(); ++k) open(k, counts_.words[k].size());
    return std::move(counts_);
  }

 private:
  // What is added to the next level from now on are children of `node`.
  void open(std::size_t level, std::size_t node) {
    counts_.first_child[level].resize(std::max(counts_.first_child[level].size(), node + 1),
                                      std::ssize(counts_.words[level + 1]));
  }

  NGramCounts counts_;
};

}   // namespace

std::int64_t NGramTrie::find_child(std::size_t level, std::int64_t node, std::int32_t word) const {
  const std::span<const std::int64_t> first_child = levels[level].first_child;
  const auto words = levels[level + 1].words.begin();
  const auto end = words + first_child[place(node) + 1];
  const auto found = std::lower_bound(words + first_child[place(node)], end, word);
  return found != end && *found == word ? found - words : -1;
}

NGramTrie NGramCounts::trie() const {
  NGramTrie trie{num_words, {}};
  for (std::size_t k = 0; k < words.size(); ++k)
    trie.levels.push_back(
        {k < first_child.size() ? std::span(first_child[k]) : std::span<const std::int64_t>(), words[k]});
  return trie;
}

void check_trie(const NGramTrie& trie) {
  const auto fail = [](std::size_t level, const char* what) {
    throw ValueError("n-grams of " + std::to_string(level + 1) + " words must " + what);
  };
  if (trie.levels.empty() || trie.num_words < 0) throw ValueError("a model must have n-grams of one word, got none");
  const std::int32_t outputs = trie.num_words + 2;
  const std::span<const std::int32_t> first = trie.levels[0].words;
  if (std::ssize(first) != outputs) fail(0, "be all words, the end and the begin");
  for (std::int32_t i = 0; i < outputs; ++i)
    if (first[place(i)] != i) fail(0, "be all words in order");
  for (std::size_t k = 0; k + 1 < trie.levels.size(); ++k) {
    const std::span<const std::int64_t> offsets = trie.levels[k].first_child;
    const std::span<const std::int32_t> words = trie.levels[k + 1].words;
    if (std::ssize(offsets) != trie.levels[k].size() + 1 || offsets.front() != 0 || offsets.back() != std::ssize(words))
      fail(k, "have children that are all of the next level");
    for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
      if (offsets[i] > offsets[i + 1] || offsets[i + 1] > std::ssize(words)) fail(k, "have ascending children");
      for (std::int64_t c = offsets[i]; c < offsets[i + 1]; ++c) {
        const std::int32_t word = words[place(c)];
        const std::int32_t least = c > offsets[i] ? words[place(c - 1)] + 1 : 0;
        if (word < least || word > end_of_sequence(trie.num_words)) fail(k + 1, "ascend and end in words");
      }
    }
  }
  if (!trie.levels.back().first_child.empty()) fail(trie.levels.size() - 1, "have no children");
}

NGramCounts count_ngrams(const CorpusView& corpus, std::int32_t num_words, int order, int threads,
                         const KeepGoing& keep_going) {
  const std::vector<std::int32_t> tokens = marked_tokens(corpus, num_words);
  const std::vector<std::int64_t> positions = Sorter(tokens, num_words, order).sort(threads, keep_going);
  const std::int32_t end = end_of_sequence(num_words);
  TrieBuilder builder(num_words, order);
  std::span<const std::int32_t> before;
  for (const std::int64_t position : positions) {
    std::size_t length = 1;
    while (length < static_cast<std::size_t>(order) && tokens[place(position) + length - 1] != end) ++length;
    const std::span<const std::int32_t> ngram(tokens.data() + position, length);
    const auto [differs, _] = std::mismatch(ngram.begin(), ngram.end(), before.begin(), before.end());
    builder.add(ngram, static_cast<std::size_t>(differs - ngram.begin()));
    before = ngram;
  }
  return builder.finish();
}

}   // namespace hogvec
