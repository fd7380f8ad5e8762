// How a corpus becomes bags and targets. An architecture reads tokens and fills the bags, groups and targets of
// batches; it knows no loss and no table.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/subword.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

// Which words around a centre are its context.
enum class ContextSide : std::uint8_t { kBoth, kPast, kFuture };

// Skip-gram and CBOW: a target and the words around it, after subsampling (Mikolov et al. 2013).
struct WindowSettings {
  bool cbow = false;            // one bag of all context words; otherwise one bag of one row for each
  std::int32_t window = 5;      // words to each side, at most
  bool shrink = true;           // draw each window's width uniformly from 1 .. window
  bool forward_mean = true;     // CBOW: hidden is the mean of the context, else the sum
  bool backward_mean = false;   // CBOW: the gradient of a context row is divided by the context's size
  // fastText's skip-gram: the centre's bag predicts each context word, so that it is encoded once for all of them.
  // Otherwise the bag of each context word predicts the centre.
  bool predicts_context = false;
  ContextSide side = ContextSide::kBoth;
  // The whole sequence is the window: `window` is then kMostWindow, `shrink` false.
  bool whole_sequence = false;
};

inline constexpr std::int32_t kMostWindow = 1'000'000;

// Rows of a batch, but for those of its last group.
inline constexpr std::size_t kMostBatchRows = 65536;

// Smallest number of tokens that a worker takes at a time.
inline constexpr std::int64_t kChunkTokens = 8192;
// The corpus is cut into chunks by the settings alone, never by the number of workers.
std::int64_t chunk_tokens(const WindowSettings& settings);

// A word is kept when 32 random bits do not exceed its threshold: probability sqrt(s / f) + s / f with f the word's
// share of the corpus, as word2vec, fastText and gensim have it; s = 0 keeps everything.
std::vector<std::uint32_t> keep_thresholds(std::span<const std::int64_t> counts, double subsample);

// The examples of one chunk at a time. What decides an example (kept or not, how wide the window) is a function of
// (key, position) alone, so examples do not depend on how the work is divided. Windows reach over the edges of a chunk.
class WindowExamples {
 public:
  // With subwords, in a vocabulary as large as thresholds, a word is the bag of all its rows, and a bag the mean of the
  // rows of all its words.
  WindowExamples(CorpusView corpus, const WindowSettings& settings, std::span<const std::uint32_t> thresholds,
                 std::uint64_t key, const Subwords* subwords = nullptr);

  // From here on examples are those of `corpus`, whose first token has the position `origin` in the place of 0 for all
  // that is drawn at random.
  void read(CorpusView corpus, Position origin);
  void start(Position begin, Position end);   // the centres of tokens [begin, end)
  // Appends up to `most` groups to an empty buffer, none after one that reaches `most_rows` rows and targets; false
  // when the chunk has none left.
  bool fill(BatchBuffer& buffer, std::size_t most, std::size_t most_rows = kMostBatchRows);

  std::int64_t kept() const { return kept_count_; }   // tokens of the chunk that survived subsampling
  Position position() const;                          // where the next group's centre stands

 private:
  struct Centre {
    std::int32_t place, begin, end;   // in kept_: the centre, and its context [begin, end) with the centre inside
    std::int32_t position;            // from the chunk's first token
  };

  std::uint64_t bits_at(Position p) const;
  WordId token_at(Position p) const;
  bool is_kept(WordId token, std::uint64_t bits) const;
  void keep_at(Position p);
  void add_sequence(Position sequence_begin, Position sequence_end);
  void add_words_before(Position sequence_begin);
  void add_centres(Position begin, Position end, std::int32_t first_kept);
  void add_words_after(Position begin, Position sequence_end, std::int32_t place);
  void drop_centre_without_context(std::ptrdiff_t first_centre);
  void note_repeats();
  void add_context(const Centre& centre, BatchBuffer& buffer) const;
  void add_bags(const Centre& centre, BatchBuffer& buffer) const;
  void add_merged_bags(const Centre& centre, BatchBuffer& buffer) const;
  void add_sorted_bags(const Centre& centre, BatchBuffer& buffer) const;
  void add_bag(const Centre& centre, BatchBuffer& buffer) const;
  void add_word(std::int32_t place, BatchBuffer& buffer) const;
  void end_bag(BatchBuffer& buffer) const;
  void add_word_bags(const Centre& centre, BatchBuffer& buffer) const;
  void add_context_targets(const Centre& centre, BatchBuffer& buffer) const;

  static constexpr std::size_t kRemembered = 1024;

  CorpusView corpus_;
  WindowSettings settings_;
  std::span<const std::uint32_t> thresholds_;
  std::uint64_t key_;
  const Subwords* subwords_;
  Position origin_ = 0;
  Position begin_ = 0, end_ = 0;
  std::int64_t kept_count_ = 0;
  std::vector<RowId> kept_;   // words of the chunk that survived subsampling, and those its windows reach
  std::vector<std::int32_t>
      repeats_;   // (n_kept,): latest earlier place, of any word so far, where a word may stand again
  std::vector<std::int32_t> seen_at_;   // (kRemembered,): by a word's low bits, its last place
  std::vector<Centre> centres_;
  std::size_t next_ = 0;
};

}   // namespace hogvec
