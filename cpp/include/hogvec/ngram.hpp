// The n-grams of a corpus as a trie in flat sorted arrays, how often each occurs, and their probabilities smoothed by
// modified Kneser-Ney. What a model makes of them is in ngram_model.hpp.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// Sequences of words 0 .. n - 1 are read as: begin, words, end.
constexpr std::int32_t end_of_sequence(std::int32_t num_words) { return num_words; }
constexpr std::int32_t begin_of_sequence(std::int32_t num_words) { return num_words + 1; }

// Level k of a trie has the n-grams of k + 1 words in lexicographic order, told by their last word and by where they
// stand: those that continue n-gram i of the level before are [first_child[i], first_child[i + 1]) of it. Level 0 has
// every word, the end and the beginning, in order, whether they occur or not.
struct NGramLevel {
  std::span<const std::int64_t> first_child;   // (n + 1,), into the next level; none at the last
  std::span<const std::int32_t> words;         // (n,), ascending among the children of one n-gram

  std::int64_t size() const { return std::ssize(words); }
};

struct NGramTrie {
  std::int32_t num_words = 0;
  std::vector<NGramLevel> levels;

  int order() const { return static_cast<int>(levels.size()); }
  // The child of n-gram `node` of a level that ends in `word`, or -1.
  std::int64_t find_child(std::size_t level, std::int64_t node, std::int32_t word) const;
};

// Throws ValueError with what is wrong if the arrays are no trie.
void check_trie(const NGramTrie& trie);

// A trie with its own memory, and how often each n-gram occurs.
struct NGramCounts {
  std::int32_t num_words = 0;
  std::vector<std::vector<std::int64_t>> first_child;   // (order - 1,) of (n + 1,)
  std::vector<std::vector<std::int32_t>> words;         // (order,) of (n,)
  std::vector<std::vector<std::int64_t>> counts;        // (order,) of (n,)

  NGramTrie trie() const;
};

// N-grams of up to `order` words; none crosses the end of a sequence. Throws ValueError if an id is outside
// [0, num_words), StateError if keep_going said no.
NGramCounts count_ngrams(const CorpusView& corpus, std::int32_t num_words, int order, int threads,
                         const KeepGoing& keep_going);

// What is taken off counts of 1, of 2, and of 3 and more.
using Discounts = std::array<double, 3>;

// ln p(last word | the words before it), and what ln p(word | n-gram) is by ln p(word | the n-gram without its first
// word) for words that never followed the n-gram.
struct NGramWeights {
  std::vector<std::vector<float>> log_probability;   // (order,) of (n,)
  std::vector<std::vector<float>> log_backoff;       // (order - 1,) of (n,)
  std::vector<Discounts> discounts;                  // (order,)
};

// Interpolated modified Kneser-Ney: S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language
// modeling", Computer Speech and Language 13, 1999. Probabilities of the words and the end sum to 1 after any words.
NGramWeights kneser_ney(const NGramTrie& trie, std::span<const std::span<const std::int64_t>> counts);

}   // namespace hogvec
