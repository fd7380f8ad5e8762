// Scores sequences by n-grams: a walk down the trie for every suffix of the words before.
#include "hogvec/ngram_model.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstddef>
#include <string>

#include "hogvec/error.hpp"

namespace hogvec {

namespace {

using Words = std::span<const std::int32_t>;

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

// The n-gram `words`, none empty, in level words.size() - 1; -1 if it is not there.
std::int64_t find(const NGramTrie& trie, Words words) {
  std::int64_t node = words[0];
  for (std::size_t k = 1; k < words.size() && node >= 0; ++k) node = trie.find_child(k - 1, node, words[k]);
  return node;
}

// As much of the context as n-grams reach back.
Words last_words(const NGramTrie& trie, Words context) {
  return context.last(std::min(context.size(), trie.levels.size() - 1));
}

double log_probability(const NGramTrie& trie, const BackoffWeights& weights, Words context, std::int32_t word) {
  double backoff = 0;
  for (context = last_words(trie, context); !context.empty(); context = context.subspan(1)) {
    const std::int64_t node = find(trie, context);
    if (node < 0) continue;
    const std::size_t level = context.size() - 1;
    const std::int64_t child = trie.find_child(level, node, word);
    if (child >= 0) return backoff + double{weights.log_probability[level + 1][place(child)]};
    backoff += double{weights.log_backoff[level][place(node)]};
  }
  return backoff + double{weights.log_probability[0][place(word)]};
}

void next(const NGramTrie& trie, const BackoffWeights& weights, Words context, std::span<double> out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = std::exp(double{weights.log_probability[0][i]});
  context = last_words(trie, context);
  for (std::size_t length = 1; length <= context.size(); ++length) {
    const std::int64_t node = find(trie, context.last(length));
    if (node < 0) return;   // nor is any that is longer
    const std::size_t level = length - 1;
    const double backoff = std::exp(double{weights.log_backoff[level][place(node)]});
    for (double& p : out) p *= backoff;
    const std::span<const std::int64_t> first_child = trie.levels[level].first_child;
    for (std::int64_t child = first_child[place(node)]; child < first_child[place(node) + 1]; ++child)
      out[place(trie.levels[level + 1].words[place(child)])] =
          std::exp(double{weights.log_probability[level + 1][place(child)]});
  }
}

// How often words come after a context: those of them that do, and how often any does.
struct Followers {
  std::size_t level = 0;   // of them
  std::int64_t begin = 0, end = 0;
  double total = 0;
};

Followers followers(const NGramTrie& trie, const AddedCounts& weights, Words context) {
  for (context = last_words(trie, context); !context.empty(); context = context.subspan(1)) {
    const std::int64_t node = find(trie, context);
    const std::size_t level = context.size() - 1;
    if (node >= 0 && weights.counts[level][place(node)] > 0) {
      const std::span<const std::int64_t> first_child = trie.levels[level].first_child;
      return {level + 1, first_child[place(node)], first_child[place(node) + 1],
              static_cast<double>(weights.counts[level][place(node)])};
    }
    if (weights.added > 0) return {level + 1, 0, 0, 0};
  }
  Followers words{0, 0, trie.levels[0].size() - 1, 0};   // all but the begin
  for (std::int64_t i = words.begin; i < words.end; ++i)
    words.total += static_cast<double>(weights.counts[0][place(i)]);
  return words;
}

double log_probability(const NGramTrie& trie, const AddedCounts& weights, Words context, std::int32_t word) {
  const Followers after = followers(trie, weights, context);
  const auto words = trie.levels[after.level].words.begin();
  const auto found = std::lower_bound(words + after.begin, words + after.end, word);
  const bool seen = found != words + after.end && *found == word;
  const double count = seen ? static_cast<double>(weights.counts[after.level][place(found - words)]) : 0.0;
  const double outputs = static_cast<double>(trie.num_words) + 1;
  return std::log((count + weights.added) / (after.total + weights.added * outputs));
}

void next(const NGramTrie& trie, const AddedCounts& weights, Words context, std::span<double> out) {
  const Followers after = followers(trie, weights, context);
  const double all = after.total + weights.added * static_cast<double>(out.size());
  std::fill(out.begin(), out.end(), weights.added / all);
  for (std::int64_t i = after.begin; i < after.end; ++i)
    out[place(trie.levels[after.level].words[place(i)])] +=
        static_cast<double>(weights.counts[after.level][place(i)]) / all;
}

}   // namespace

void check_model(const NGramModel& model) {
  check_trie(model.trie);
  const auto& levels = model.trie.levels;
  const auto has_sizes = [&](const auto& arrays, std::size_t count) {
    if (arrays.size() != count) return false;
    for (std::size_t k = 0; k < count; ++k)
      if (std::ssize(arrays[k]) != levels[k].size()) return false;
    return true;
  };
  bool fits = false;
  if (const auto* const weights = std::get_if<BackoffWeights>(&model.weights)) {
    fits = has_sizes(weights->log_probability, levels.size()) && has_sizes(weights->log_backoff, levels.size() - 1);
  } else {
    const auto& counts = std::get<AddedCounts>(model.weights);
    fits = has_sizes(counts.counts, levels.size()) && counts.added >= 0;
  }
  if (!fits) throw ValueError("each n-gram must have its weights, got arrays of other sizes");
}

void token_log_probabilities(const NGramModel& model, const CorpusView& corpus, std::span<double> out, int threads,
                             const KeepGoing& keep_going) {
  constexpr std::size_t kBlock = 64;   // sequences taken at a time
  const std::int32_t num_words = model.trie.num_words;
  const std::size_t sequences = corpus.offsets.size() - 1;
  std::atomic<std::size_t> next_block{0};
  run_workers_to_the_end(threads, keep_going, [&](int, const StopFlag& stop) {
    std::vector<std::int32_t> words;
    for (std::size_t begin = next_block.fetch_add(kBlock); begin < sequences; begin = next_block.fetch_add(kBlock)) {
      for (std::size_t s = begin; s < std::min(begin + kBlock, sequences); ++s) {
        words.assign(1, begin_of_sequence(num_words));
        for (std::int64_t i = corpus.offsets[s]; i <= corpus.offsets[s + 1]; ++i) {
          if (stop.load(std::memory_order_relaxed)) return;
          const bool ends = i == corpus.offsets[s + 1];
          const auto word = ends ? end_of_sequence(num_words) : static_cast<std::int32_t>(corpus.tokens[place(i)]);
          if (!ends && (word < 0 || word >= num_words))
            throw ValueError("ids must be in [0, " + std::to_string(num_words) + "), got " + std::to_string(word));
          out[place(i) + s] = std::visit(
              [&](const auto& weights) { return log_probability(model.trie, weights, words, word); }, model.weights);
          words.push_back(word);
        }
      }
    }
  });
}

void next_probabilities(const NGramModel& model, std::span<const std::int32_t> context, std::span<double> out) {
  std::visit([&](const auto& weights) { next(model.trie, weights, context, out); }, model.weights);
}

}   // namespace hogvec
