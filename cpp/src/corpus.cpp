// The encoder: text -> word boundaries, 64 bytes at a time -> hashed words -> ids. Each worker numbers words in a table
// of its own; the tables are merged in the order of the text, so that nothing depends on how the text was divided.
#include "hogvec/corpus.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <thread>
#include <utility>

#include "hogvec/error.hpp"
#include "hogvec/text.hpp"
#include "hogvec/word_finder.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

namespace {

constexpr WordId kSequenceEnd{-2};   // among the tokens of a queue
constexpr std::size_t kPadding = WordFinder::kPadding;
constexpr std::size_t kBatch = WordFinder::kMaxWords;   // words looked up together, so that their cache misses overlap

// Runs job(0) .. job(n - 1), each on a thread of its own, and rethrows the first exception in that order.
template <class Job>
void run_parallel(std::size_t n, const Job& job) {
  std::vector<std::exception_ptr> errors(n);
  const auto guarded = [&](std::size_t i) noexcept {
    try {
      job(i);
    } catch (...) {
      errors[i] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(n);
  try {
    for (std::size_t i = 1; i < n; ++i) threads.emplace_back(guarded, i);
  } catch (...) {   // the system has no more threads
    errors[0] = std::current_exception();
  }
  if (!errors[0]) guarded(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}   // namespace

// One call at a time: a second thread gets an exception, and so does whoever comes after a failure.
class Encoder::Turn {
 public:
  explicit Turn(Encoder& encoder) : encoder_(encoder) {
    State state = State::kIdle;
    if (encoder_.state_.compare_exchange_strong(state, State::kBusy)) return;
    if (state == State::kBusy)
      throw StateError("an encoder must be used by one thread at a time, but another is using it");
    throw StateError(state == State::kFailed ? "an encoder that failed cannot go on"
                                             : "an encoder that finished cannot go on");
  }
  ~Turn() { encoder_.state_ = next_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  void done(State next = State::kIdle) { next_ = next; }

 private:
  Encoder& encoder_;
  State next_ = State::kFailed;
};

Encoder::Encoder(const EncoderOptions& options, const Vocabulary* vocabulary)
    : options_(options), vocabulary_(vocabulary), workers_(static_cast<std::size_t>(std::max(options.threads, 1))) {
  if (vocabulary_ == nullptr) return;
  for (Worker& worker : workers_) worker.counts.assign(vocabulary_->size(), 0);
}

void Encoder::feed(std::string_view block) {
  Turn turn(*this);
  const std::size_t size = text_size_ + block.size();
  if (text_.size() < size + kPadding) text_.resize(std::max(size + kPadding, text_.size() + text_.size() / 2));
  char* const fresh = text_.data() + text_size_;
  std::copy(block.begin(), block.end(), fresh);
  if (const void* nul = std::memchr(fresh, 0, block.size()); nul != nullptr) {
    throw ValueError("NUL byte at offset " +
                     std::to_string(text_offset_ + (static_cast<const char*>(nul) - text_.data())) +
                     "; is this a binary or UTF-16 file?");
  }
  std::size_t complete = size;   // the text up to here ends with whitespace
  while (complete > text_size_ && !is_space(text_[complete - 1])) --complete;
  text_size_ = size;
  if (complete > size - block.size()) {
    process({text_.data(), complete});
    std::copy(text_.data() + complete, text_.data() + size, text_.data());
    text_size_ = size - complete;
    text_offset_ += static_cast<std::int64_t>(complete);
  }
  turn.done();
}

void Encoder::end_file() {
  Turn turn(*this);
  end_text();
  turn.done();
}

void Encoder::end_text() {
  if (text_size_ > 0) process({text_.data(), text_size_});
  text_size_ = 0;
  text_offset_ = 0;
  end_sequence();
}

void Encoder::end_sequence() {
  if (!options_.keep_tokens) return;
  *workers_[0].tokens.room(1) = kSequenceEnd;
  workers_[0].tokens.written(1);
  ++workers_[0].n_ends;
  record(0, 1);
}

void Encoder::add_sequence(std::span<const std::string_view> words) {
  Turn turn(*this);
  std::array<HashedWord, kBatch> batch;
  for (std::size_t begin = 0; begin < words.size(); begin += kBatch) {
    const auto some = words.subspan(begin, std::min(kBatch, words.size() - begin));
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (some[i].empty()) throw ValueError("words must not be empty, but word " + std::to_string(begin + i) + " is");
      batch[i] = hash_exact(some[i]);
    }
    record(0, encode_words(workers_[0], std::span(batch).first(some.size())));
  }
  end_sequence();
  turn.done();
}

// text: whole words; kPadding bytes behind it can be read.
void Encoder::process(std::string_view text) {
  if (text_offset_ == 0 && text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);   // a byte order mark is no letter
  const std::size_t n_pieces = std::clamp<std::size_t>(text.size() / options_.piece_bytes, 1, workers_.size());
  std::vector<std::size_t> ends(n_pieces, text.size());
  for (std::size_t i = 0; i + 1 < n_pieces; ++i) {
    std::size_t end = std::max(text.size() / n_pieces * (i + 1), i == 0 ? 0 : ends[i - 1]);
    while (end < text.size() && !is_space(text[end])) ++end;
    ends[i] = end;
  }
  std::vector<std::size_t> n_tokens(n_pieces);
  run_parallel(n_pieces, [&](std::size_t i) {
    const std::size_t begin = i == 0 ? 0 : ends[i - 1];
    n_tokens[i] = encode_text(workers_[i], text.substr(begin, ends[i] - begin));
  });
  for (std::size_t i = 0; i < n_pieces; ++i) record(i, n_tokens[i]);
}

void Encoder::record(std::size_t worker, std::size_t n_tokens) {
  if (segments_.empty() || segments_.back().worker != worker) segments_.push_back({worker, 0, 0});
  segments_.back().n_tokens += n_tokens;
  segments_.back().n_known = workers_[worker].table.size();
}

// Returns how many tokens went to the worker's queue.
std::size_t Encoder::encode_text(Worker& worker, std::string_view text) {
  std::array<HashedWord, kBatch> batch;
  std::size_t n_tokens = 0;
  WordFinder finder(text);
  for (auto edges = finder.next(); !edges.empty(); edges = finder.next()) {
    const std::size_t n_words = edges.size() / 2;
    for (std::size_t i = 0; i < n_words; ++i) {
      const std::size_t begin = edges[2 * i];
      const std::size_t length = edges[2 * i + 1] - begin;
      batch[i] = length == 0 ? HashedWord{} : hash_padded(text.data() + begin, length);
      if (vocabulary_ == nullptr) {
        worker.table.prefetch(batch[i]);
      } else {
        vocabulary_->prefetch(batch[i]);
      }
    }
    n_tokens += encode_words(worker, std::span(batch).first(n_words));
  }
  if (options_.check_utf8 && !finder.is_ascii()) {
    if (const std::size_t place = find_invalid_utf8(text); place != std::string_view::npos) {
      throw ValueError(
          "invalid UTF-8 at offset " + std::to_string(text_offset_ + (text.data() - text_.data()) + place) +
          "; encoding_errors=\"replace\", \"ignore\" or \"surrogateescape\" (which keeps the bytes) reads on");
    }
  }
  return n_tokens;
}

// An empty word stands for the end of a sequence.
std::size_t Encoder::encode_words(Worker& worker, std::span<const HashedWord> words) {
  WordId* const ids = worker.tokens.room(words.size());
  std::size_t n = 0;
  std::size_t n_ends = 0;
  for (const HashedWord& word : words) {
    if (word.length == 0) {
      ids[n++] = kSequenceEnd;
      ++n_ends;
    } else if (vocabulary_ == nullptr) {
      ids[n++] = WordId{worker.table.add(word)};
    } else if (const WordId id = vocabulary_->find(word); id != kUnknownWord) {
      ids[n++] = id;
      ++worker.counts[index(id)];
    }
  }
  worker.raw_words += static_cast<std::int64_t>(words.size() - n_ends);
  if (!options_.keep_tokens) return 0;
  worker.tokens.written(n);
  worker.n_tokens += n - n_ends;
  worker.n_ends += n_ends;
  return n;
}

std::int64_t Encoder::raw_words() const {
  std::int64_t total = 0;
  for (const Worker& worker : workers_) total += worker.raw_words;
  return total;
}

// Gives every word of the workers' tables an id by its first appearance in the text: (n_workers, size of that table).
// Worker 0's table then holds them all.
std::vector<std::vector<std::int32_t>> Encoder::merge_tables() {
  WordTable merged;
  std::vector<std::vector<std::int32_t>> ids(workers_.size());
  for (const Segment& segment : segments_) {
    const WordTable& table = workers_[segment.worker].table;
    std::vector<std::int32_t>& known = ids[segment.worker];
    for (std::size_t i = known.size(); i < segment.n_known; ++i) {
      known.push_back(merged.add(hash_exact(table.word(i)), table.counts()[i]));
    }
  }
  for (Worker& worker : workers_) worker.table = WordTable();
  workers_[0].table = std::move(merged);
  return ids;
}

// Hands out the next n_tokens tokens at most, renumbered by new_ids (one for each worker; negative: dropped), or as
// they are if it is empty; appends to `ends` where sequences end.
EncodedTokens Encoder::sweep(std::size_t n_tokens, std::span<const std::vector<std::int32_t>> new_ids,
                             std::vector<std::int64_t> ends, Pulse* pulse) {
  EncodedTokens result{TokenBuffer(n_tokens), std::move(ends)};
  std::size_t n_ends = result.ends.size();
  for (Worker& worker : workers_) n_ends += std::exchange(worker.n_ends, 0);
  result.ends.reserve(n_ends);
  WordId* const ids = result.tokens.ids.get();
  std::size_t n = 0;
  for (const Segment& segment : segments_) {
    const std::int32_t* const map = new_ids.empty() ? nullptr : new_ids[segment.worker].data();
    for (std::size_t left = segment.n_tokens; left > 0;) {
      const std::span<const WordId> some = workers_[segment.worker].tokens.read(left);
      left -= some.size();
      if (pulse != nullptr) pulse->beat();
      for (const WordId token : some) {
        if (token == kSequenceEnd) {
          const std::int64_t end = n_taken_ + static_cast<std::int64_t>(n);
          if (end > sequence_begin_) result.ends.push_back(sequence_begin_ = end);
        } else if (const WordId id = map == nullptr ? token : WordId{map[index(token)]}; id != kUnknownWord) {
          ids[n++] = id;
        }
      }
    }
  }
  segments_.clear();
  result.tokens.size = n;
  n_taken_ += static_cast<std::int64_t>(n);
  return result;
}

EncodedTokens Encoder::take() {
  Turn turn(*this);
  if (vocabulary_ == nullptr)
    throw StateError("take needs an encoder with a vocabulary: ids are not final before finish");
  std::size_t n_tokens = 0;
  for (Worker& worker : workers_) n_tokens += std::exchange(worker.n_tokens, 0);
  EncodedTokens result = sweep(n_tokens, {}, {}, nullptr);
  turn.done();
  return result;
}

EncodedCorpus Encoder::finish(const WordLimits& limits, std::span<const std::string> keep, Pulse* pulse) {
  Turn turn(*this);
  end_text();
  EncodedCorpus corpus;
  corpus.raw_words = raw_words();
  std::vector<std::vector<std::int32_t>> new_ids;
  if (vocabulary_ == nullptr) {
    corpus.vocabulary.emplace(make_vocabulary(limits, keep, new_ids));
  } else {
    corpus.counts.assign(vocabulary_->size(), 0);
    for (const Worker& worker : workers_) {
      for (std::size_t i = 0; i < corpus.counts.size(); ++i) corpus.counts[i] += worker.counts[i];
    }
  }
  if (options_.keep_tokens) {
    std::size_t n_tokens = 0;
    if (corpus.vocabulary) {
      for (const std::int64_t count : corpus.vocabulary->counts()) n_tokens += static_cast<std::size_t>(count);
    } else {
      for (const Worker& worker : workers_) n_tokens += worker.n_tokens;
    }
    EncodedTokens encoded = sweep(n_tokens, new_ids, {0}, pulse);
    corpus.tokens = std::move(encoded.tokens);
    corpus.offsets = std::move(encoded.ends);
  }
  turn.done(State::kFinished);
  return corpus;
}

// Sorts and selects the words counted; new_ids leads each worker's ids to the vocabulary's.
Vocabulary Encoder::make_vocabulary(const WordLimits& limits, std::span<const std::string> keep,
                                    std::vector<std::vector<std::int32_t>>& new_ids) {
  if (workers_.size() > 1) new_ids = merge_tables();
  const WordTable& table = workers_[0].table;
  std::vector<std::int32_t> keep_ids;
  for (const std::string& word : keep) {
    if (const std::int32_t id = table.find(hash_exact(word)); id >= 0) keep_ids.push_back(id);
  }
  WordArena words;
  std::vector<std::int64_t> counts;
  std::vector<std::int32_t> final_ids(table.size(), -1);
  for (const std::int32_t i : select_words(table.counts(), limits, keep_ids)) {
    final_ids[i] = static_cast<std::int32_t>(words.size());
    words.append(table.word(i));
    counts.push_back(table.counts()[i]);
  }
  if (new_ids.empty()) {
    new_ids.push_back(std::move(final_ids));
  } else {
    for (std::vector<std::int32_t>& ids : new_ids) {
      for (std::int32_t& id : ids) id = final_ids[id];
    }
  }
  workers_[0].table = WordTable();
  return {std::move(words), std::move(counts)};
}

namespace {

template <class Id>
std::string describe_bad_id(std::span<const Id> ids, std::int64_t limit) {
  const auto bad = std::find_if(ids.begin(), ids.end(), [&](Id id) { return id < 0 || std::int64_t{id} >= limit; });
  return "ids must be at least 0 and below " + std::to_string(limit) + ", got " + std::to_string(*bad) +
         " at position " + std::to_string(bad - ids.begin());
}

}   // namespace

template <class Id>
std::vector<std::int64_t> count_ids(std::span<const Id> ids, std::int64_t num_ids, Pulse* pulse) {
  Id smallest = 0;
  Id largest = 0;
  for_each(ids.size(), pulse, [&](std::size_t i) {
    smallest = std::min(smallest, ids[i]);
    largest = std::max(largest, ids[i]);
  });
  const std::int64_t limit = num_ids < 0 ? kMaxWords : num_ids;
  if (smallest < 0 || (!ids.empty() && std::int64_t{largest} >= limit)) throw IndexError(describe_bad_id(ids, limit));
  std::vector<std::int64_t> counts(
      num_ids < 0 && !ids.empty() ? static_cast<std::size_t>(largest) + 1 : std::max<std::int64_t>(num_ids, 0), 0);
  for_each(ids.size(), pulse, [&](std::size_t i) { ++counts[static_cast<std::size_t>(ids[i])]; });
  return counts;
}

template std::vector<std::int64_t> count_ids(std::span<const std::int32_t>, std::int64_t, Pulse*);
template std::vector<std::int64_t> count_ids(std::span<const std::int64_t>, std::int64_t, Pulse*);

void check_offsets(std::span<const std::int64_t> offsets, std::int64_t n_tokens) {
  if (offsets.empty() || offsets.front() != 0 || offsets.back() != n_tokens) {
    throw ValueError(
        "offsets must run from 0 to the number of ids (" + std::to_string(n_tokens) + "), got " +
        (offsets.empty() ? "none" : std::to_string(offsets.front()) + " to " + std::to_string(offsets.back())));
  }
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] < offsets[i - 1]) {
      throw ValueError("offsets must ascend, got " + std::to_string(offsets[i]) + " after " +
                       std::to_string(offsets[i - 1]) + " at position " + std::to_string(i));
    }
  }
}

}   // namespace hogvec
