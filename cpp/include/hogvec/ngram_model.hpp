// Probabilities of words after words by the n-grams of a corpus.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "hogvec/ngram.hpp"
#include "hogvec/types.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// Smoothed probabilities in backing-off form: an n-gram that is there has its own; else the n-gram of the words before
// has a factor for what it has not seen, and its first word is left out.
struct BackoffWeights {
  std::vector<std::span<const float>> log_probability;   // (order,) of (n,)
  std::vector<std::span<const float>> log_backoff;       // (order - 1,) of (n,)
};

// (count + added) / (total + added * outputs) of the words after the longest context; added > 0 (Lidstone). With added
// = 0, the relative frequency, after as much of the context as was seen.
struct AddedCounts {
  std::vector<std::span<const std::int64_t>> counts;   // (order,) of (n,)
  double added = 0;
};

struct NGramModel {
  NGramTrie trie;
  std::variant<BackoffWeights, AddedCounts> weights;

  std::int64_t num_outputs() const { return std::int64_t{trie.num_words} + 1; }   // the words and the end
};

// Throws ValueError unless the trie is one and each of its n-grams has its weights.
void check_model(const NGramModel& model);

// out: (n_tokens + n_sequences,), ln p of every word of a sequence and of its end, sequence after sequence. Throws
// ValueError if an id is outside [0, num_words), StateError if keep_going said no.
void token_log_probabilities(const NGramModel& model, const CorpusView& corpus, std::span<double> out, int threads,
                             const KeepGoing& keep_going);

// out: (n_words + 1,), p of every word and of the end after the last words of `context`, which may begin with the begin
// of a sequence.
void next_probabilities(const NGramModel& model, std::span<const std::int32_t> context, std::span<double> out);

}   // namespace hogvec
