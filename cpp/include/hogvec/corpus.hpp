// From text to ids: an Encoder takes bytes or sequences of words, counts the words and numbers them as they come, and
// at the end sorts, selects and renumbers them. The text is read once. With a vocabulary given it only looks words up.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hogvec/token_queue.hpp"
#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"
#include "hogvec/word_table.hpp"

namespace hogvec {

class Pulse;

struct EncoderOptions {
  int threads = 1;
  bool keep_tokens = true;           // false: count only
  bool check_utf8 = true;            // ValueError on bytes that are no UTF-8
  std::size_t piece_bytes = 65536;   // a thread gets at least this much of a block
};

// Ids that someone else will own: memory as it comes from the allocator, not cleared.
struct TokenBuffer {
  explicit TokenBuffer(std::size_t n = 0) : ids(new WordId[n]) {}
  std::unique_ptr<WordId[]> ids;
  std::size_t size = 0;   // how many of them are used
};

struct EncodedTokens {
  TokenBuffer tokens;
  std::vector<std::int64_t> ends;   // where sequences end, counted from the first token ever taken
};

struct EncodedCorpus {
  TokenBuffer tokens;
  std::vector<std::int64_t> offsets;      // (n_sequences + 1,)
  std::vector<std::int64_t> counts;       // (n_words,) of this corpus; empty if `vocabulary` was made here and has them
  std::optional<Vocabulary> vocabulary;   // none if one was given
  std::int64_t raw_words = 0;
};

class Encoder {
 public:
  // `vocabulary`, if given, must outlive the encoder.
  explicit Encoder(const EncoderOptions& options, const Vocabulary* vocabulary = nullptr);

  // The next bytes of the text. A newline ends a sequence; a word may go on in the next block. Throws ValueError on a
  // NUL byte and on broken UTF-8, with the offset in the file. After an exception the encoder is of no more use.
  void feed(std::string_view block);
  // Ends the word and the sequence at hand; offsets count from here.
  void end_file();
  // A sequence of words that are taken as they are, none empty. Throws ValueError on an empty one.
  void add_sequence(std::span<const std::string_view> words);

  // With a vocabulary given: what has been encoded since the last call.
  EncodedTokens take();
  // Everything. Sequences that keep no word are left out. Call it once; it ends the file.
  EncodedCorpus finish(const WordLimits& limits, std::span<const std::string> keep, Pulse* pulse = nullptr);

  std::int64_t raw_words() const;

 private:
  struct alignas(64) Worker {
    WordTable table;                    // counts, unless a vocabulary was given
    std::vector<std::int64_t> counts;   // counts, if one was
    TokenQueue tokens;
    std::int64_t raw_words = 0;
    std::size_t n_tokens = 0;   // in the queue, without sequence ends
    std::size_t n_ends = 0;     // of sequences, in the queue
  };
  // A stretch of the text, encoded by one worker.
  struct Segment {
    std::size_t worker;
    std::size_t n_tokens;   // with sequence ends
    std::size_t n_known;    // how many words the worker's table then held
  };
  enum class State { kIdle, kBusy, kFailed, kFinished };
  class Turn;

  void process(std::string_view text);
  void end_text();
  void record(std::size_t worker, std::size_t n_tokens);
  std::size_t encode_text(Worker& worker, std::string_view text);
  std::size_t encode_words(Worker& worker, std::span<const HashedWord> words);
  Vocabulary make_vocabulary(const WordLimits& limits, std::span<const std::string> keep,
                             std::vector<std::vector<std::int32_t>>& new_ids);
  std::vector<std::vector<std::int32_t>> merge_tables();
  void end_sequence();
  EncodedTokens sweep(std::size_t n_tokens, std::span<const std::vector<std::int32_t>> new_ids,
                      std::vector<std::int64_t> ends, Pulse* pulse);

  EncoderOptions options_;
  const Vocabulary* vocabulary_;
  std::vector<Worker> workers_;
  std::vector<Segment> segments_;   // in the order of the text
  std::vector<char> text_;          // the block at hand, behind the unfinished word of the one before
  std::size_t text_size_ = 0;
  std::int64_t text_offset_ = 0;      // where text_ begins in the file
  std::int64_t n_taken_ = 0;          // tokens handed out by sweep so far
  std::int64_t sequence_begin_ = 0;   // where the sequence at hand began, in the same count
  std::atomic<State> state_{State::kIdle};
};

// How often each id occurs: (num_ids,), or (largest id + 1,) if num_ids is negative. Throws IndexError on an id that is
// negative or not below num_ids (or, without it, below 2^31 - 1).
template <class Id>
std::vector<std::int64_t> count_ids(std::span<const Id> ids, std::int64_t num_ids, Pulse* pulse = nullptr);

// Throws ValueError unless offsets ascend (not strictly) from 0 to n_tokens.
void check_offsets(std::span<const std::int64_t> offsets, std::int64_t n_tokens);

}   // namespace hogvec
