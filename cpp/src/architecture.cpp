// Windows over a corpus: subsampling, window widths, contexts.
#include "hogvec/architecture.hpp"

#include <algorithm>
#include <cmath>

#include "hogvec/random.hpp"

namespace hogvec {

namespace {
constexpr std::size_t kCopied = 8;           // rows copied at a time
constexpr std::int32_t kMostCompared = 64;   // context words compared pair by pair; more are sorted

// Tokens and offsets may be arrays of the user's, changed while workers read them: each is read once, and what is out
// of range is dropped here, so that no row outside the tables is ever asked for. Checking them anew and saying so is
// the business of the next run.
template <class T>
T read_once(const T& value) {
  return *static_cast<const volatile T*>(&value);
}
}   // namespace

// Wide windows over a text that subsampling thins out read far beyond their chunk. Windows without an end reach no
// further than their sequence, each of whose words they cost much more to train on than to read.
std::int64_t chunk_tokens(const WindowSettings& settings) {
  if (settings.whole_sequence) return kChunkTokens;
  return std::max<std::int64_t>(kChunkTokens, std::int64_t{8} * settings.window);
}

std::vector<std::uint32_t> keep_thresholds(std::span<const std::int64_t> counts, double subsample) {
  std::vector<std::uint32_t> thresholds(counts.size(), 0xffffffffU);
  double total = 0;
  for (const std::int64_t count : counts) total += static_cast<double>(count);
  if (subsample <= 0) return thresholds;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double ratio = subsample * total / static_cast<double>(counts[i]);
    const double keep = std::sqrt(ratio) + ratio;
    if (keep < 1) thresholds[i] = static_cast<std::uint32_t>(std::max(std::ceil(keep * 0x1p32) - 1, 0.0));
  }
  return thresholds;
}

WindowExamples::WindowExamples(CorpusView corpus, const WindowSettings& settings,
                               std::span<const std::uint32_t> thresholds, std::uint64_t key, const Subwords* subwords)
    : corpus_(corpus), settings_(settings), thresholds_(thresholds), key_(key), subwords_(subwords) {}

void WindowExamples::read(CorpusView corpus, Position origin) {
  corpus_ = corpus;
  origin_ = origin;
}

std::uint64_t WindowExamples::bits_at(Position p) const {
  return random_bits(key_, static_cast<std::uint64_t>(origin_ + p));
}

WordId WindowExamples::token_at(Position p) const { return read_once(corpus_.tokens[static_cast<std::size_t>(p)]); }

// High 32 bits decide whether a token is kept, low 32 bits the width of its window.
bool WindowExamples::is_kept(WordId token, std::uint64_t bits) const {
  const auto word = static_cast<std::uint32_t>(token);   // a negative one is huge
  const bool known = word < thresholds_.size();
  return known && static_cast<std::uint32_t>(bits >> 32) <= thresholds_[word];
}

void WindowExamples::keep_at(Position p) {
  const WordId token = token_at(p);
  if (is_kept(token, bits_at(p))) kept_.push_back(row_of(token));
}

void WindowExamples::start(Position begin, Position end) {
  begin_ = begin;
  end_ = end;
  kept_count_ = 0;
  next_ = 0;
  kept_.clear();
  centres_.clear();
  const auto& offsets = corpus_.offsets;
  const auto tokens = static_cast<Position>(corpus_.tokens.size());
  const auto after = std::upper_bound(offsets.begin(), offsets.end(), begin) - offsets.begin();
  auto sequence = static_cast<std::size_t>(std::max<std::ptrdiff_t>(after, 1)) - 1;
  Position sequence_begin = std::clamp<Position>(read_once(offsets[sequence]), 0, begin);
  for (++sequence; sequence < offsets.size() && sequence_begin < end; ++sequence) {
    const Position sequence_end = std::clamp(read_once(offsets[sequence]), sequence_begin, tokens);
    add_sequence(sequence_begin, sequence_end);
    sequence_begin = sequence_end;
  }
  note_repeats();
  kept_.resize(kept_.size() + 2 * kCopied);   // add_context reads past the end
}

void WindowExamples::add_sequence(Position sequence_begin, Position sequence_end) {
  const auto first_kept = static_cast<std::int32_t>(kept_.size());
  const auto first_centre = static_cast<std::ptrdiff_t>(centres_.size());
  Position begin = std::max(begin_, sequence_begin);
  const Position end = std::min(end_, sequence_end);
  const bool within = begin > sequence_begin;
  while (begin < end && !is_kept(token_at(begin), bits_at(begin))) ++begin;
  if (begin >= end) return;   // no centre: what stands before and after the chunk, however far, does not matter
  if (within && settings_.side != ContextSide::kFuture) add_words_before(sequence_begin);
  add_centres(begin, end, first_kept);
  if (centres_.size() == static_cast<std::size_t>(first_centre)) return;   // only if the token changed meanwhile
  kept_count_ += static_cast<std::int64_t>(centres_.size()) - first_centre;
  if (end < sequence_end && settings_.side != ContextSide::kPast)
    add_words_after(end, sequence_end, centres_.back().place);

  const auto last_kept = static_cast<std::int32_t>(kept_.size());
  for (auto c = centres_.begin() + first_centre; c != centres_.end(); ++c) c->end = std::min(c->end, last_kept);
  // A word without a context is no example: only one that stands alone has none.
  if (last_kept - first_kept < 2) centres_.resize(static_cast<std::size_t>(first_centre));
  if (settings_.side != ContextSide::kBoth) drop_centre_without_context(first_centre);
}

// Of a sequence whose centres begin at `first_centre`: its first has no past, its last no future.
void WindowExamples::drop_centre_without_context(std::ptrdiff_t first_centre) {
  if (centres_.size() == static_cast<std::size_t>(first_centre)) return;
  const auto has_none = [](const Centre& centre) { return centre.end - centre.begin < 2; };
  if (has_none(centres_.back())) {
    centres_.pop_back();
  } else if (has_none(centres_[static_cast<std::size_t>(first_centre)])) {
    centres_.erase(centres_.begin() + first_centre);
  }
}

// Words before the chunk that its first centres can see, nearest first, then turned round.
void WindowExamples::add_words_before(Position sequence_begin) {
  const auto first = static_cast<std::ptrdiff_t>(kept_.size());
  const std::size_t most = kept_.size() + static_cast<std::size_t>(settings_.window);
  for (Position p = begin_; p > sequence_begin && kept_.size() < most;) {
    keep_at(--p);
  }
  std::reverse(kept_.begin() + first, kept_.end());
}

// Whether a word is kept is a coin toss that a branch would mispredict: each is written, and overwritten if dropped.
void WindowExamples::add_centres(Position begin, Position end, std::int32_t first_kept) {
  const std::int32_t window = settings_.window;
  const std::int32_t before = settings_.side == ContextSide::kFuture ? 0 : -1;   // all bits: the width, or none of it
  const std::int32_t after = settings_.side == ContextSide::kPast ? 0 : -1;
  std::size_t kept = kept_.size();
  std::size_t centre = centres_.size();
  const auto most = static_cast<std::size_t>(end - begin);
  kept_.resize(kept + most);
  centres_.resize(centre + most);
  for (Position p = begin; p < end; ++p) {
    const std::uint64_t bits = bits_at(p);
    const std::int32_t width = settings_.shrink
                                   ? 1 + static_cast<std::int32_t>(scale_bits(static_cast<std::uint32_t>(bits),
                                                                              static_cast<std::uint32_t>(window)))
                                   : window;
    const auto place = static_cast<std::int32_t>(kept);
    const WordId token = token_at(p);
    kept_[kept] = row_of(token);
    centres_[centre] = {place, std::max(first_kept, place - (width & before)), place + (width & after) + 1,
                        static_cast<std::int32_t>(p - begin_)};
    const std::size_t keep = is_kept(token, bits) ? 1 : 0;
    kept += keep;
    centre += keep;
  }
  kept_.resize(kept);
  centres_.resize(centre);
}

// Words after the chunk that its last centre, at `place`, can see.
void WindowExamples::add_words_after(Position begin, Position sequence_end, std::int32_t place) {
  const std::size_t most = static_cast<std::size_t>(place) + static_cast<std::size_t>(settings_.window) + 1;
  for (Position p = begin; p < sequence_end && kept_.size() < most; ++p) keep_at(p);
}

// Prepares the question whether a word stands twice in [begin, end): only if repeats_[end - 1] >= begin. Words that
// share their low bits may answer yes wrongly, never no.
void WindowExamples::note_repeats() {
  if (settings_.cbow || settings_.predicts_context || subwords_ != nullptr) return;
  seen_at_.assign(kRemembered, -1);
  repeats_.resize(kept_.size());
  std::int32_t latest = -1;
  for (std::size_t place = 0; place < kept_.size(); ++place) {
    std::int32_t& seen = seen_at_[index(kept_[place]) % kRemembered];
    latest = std::max(latest, seen);
    seen = static_cast<std::int32_t>(place);
    repeats_[place] = latest;
  }
}

Position WindowExamples::position() const { return next_ < centres_.size() ? begin_ + centres_[next_].position : end_; }

// Appends the context. Whole blocks are copied, past the context's end where need be: in windows of up to kCopied their
// number does not depend on the width drawn, so that no branch is mispredicted.
void WindowExamples::add_context(const Centre& centre, BatchBuffer& buffer) const {
  const auto before = static_cast<std::size_t>(centre.place - centre.begin);
  const auto after = static_cast<std::size_t>(centre.end - centre.place) - 1;
  const std::size_t first = buffer.bag_rows.size();
  buffer.bag_rows.resize(first + before + after + 2 * kCopied);
  RowId* to = buffer.bag_rows.data() + first;
  const RowId* from = kept_.data() + centre.begin;
  const auto copy = [](const RowId* source, RowId* target, std::size_t n) {
    std::size_t i = 0;
    do std::copy_n(source + i, kCopied, target + i);
    while ((i += kCopied) < n);
  };
  copy(from, to, before);
  copy(from + before + 1, to + before, after);
  buffer.bag_rows.resize(first + before + after);
}

// Skip-gram: each context word is a bag of its own.
void WindowExamples::add_bags(const Centre& centre, BatchBuffer& buffer) const {
  if (repeats_[static_cast<std::size_t>(centre.end) - 1] >= centre.begin) {
    add_merged_bags(centre, buffer);
  } else {
    add_context(centre, buffer);
  }
}

// A word that stands twice is one bag of twice the weight, which is the exact gradient, since both would be scored
// against the same candidates.
void WindowExamples::add_merged_bags(const Centre& centre, BatchBuffer& buffer) const {
  if (centre.end - centre.begin > kMostCompared) return add_sorted_bags(centre, buffer);
  const std::size_t first = buffer.bag_rows.size();
  for (std::int32_t i = centre.begin; i < centre.end; ++i) {
    if (i == centre.place) continue;
    const RowId row = kept_[static_cast<std::size_t>(i)];
    const auto same =
        std::find(buffer.bag_rows.begin() + static_cast<std::ptrdiff_t>(first), buffer.bag_rows.end(), row);
    if (same == buffer.bag_rows.end()) {
      buffer.bag_rows.push_back(row);
      continue;
    }
    const auto h = static_cast<std::size_t>(same - buffer.bag_rows.begin());
    buffer.weight.resize(std::max(buffer.weight.size(), h + 1), 1.0F);
    buffer.weight[h] += 1.0F;
  }
}

void WindowExamples::add_sorted_bags(const Centre& centre, BatchBuffer& buffer) const {
  const std::size_t first = buffer.bag_rows.size();
  const auto kept = kept_.begin();
  buffer.bag_rows.insert(buffer.bag_rows.end(), kept + centre.begin, kept + centre.place);
  buffer.bag_rows.insert(buffer.bag_rows.end(), kept + centre.place + 1, kept + centre.end);
  std::sort(buffer.bag_rows.begin() + static_cast<std::ptrdiff_t>(first), buffer.bag_rows.end());
  buffer.weight.resize(first, 1.0F);
  std::size_t last = first;   // one past the last distinct row
  for (std::size_t i = first; i < buffer.bag_rows.size(); ++i) {
    if (last > first && buffer.bag_rows[i] == buffer.bag_rows[last - 1]) {
      buffer.weight.back() += 1.0F;
      continue;
    }
    buffer.bag_rows[last++] = buffer.bag_rows[i];
    buffer.weight.push_back(1.0F);
  }
  buffer.bag_rows.resize(last);
}

// CBOW: the context is one bag.
void WindowExamples::add_bag(const Centre& centre, BatchBuffer& buffer) const {
  add_context(centre, buffer);
  buffer.bag_offsets.push_back(static_cast<std::int64_t>(buffer.bag_rows.size()));
  const float mean = 1.0F / static_cast<float>(centre.end - centre.begin - 1);
  if (settings_.forward_mean) buffer.forward_scale.push_back(mean);
  if (settings_.backward_mean) buffer.backward_scale.push_back(mean);
}

// Adds the rows of a word to the bag that is being made.
void WindowExamples::add_word(std::int32_t place, BatchBuffer& buffer) const {
  const RowId word = kept_[static_cast<std::size_t>(place)];
  if (subwords_ == nullptr) {
    buffer.bag_rows.push_back(word);
    return;
  }
  const std::span<const RowId> rows = subwords_->rows_of(WordId{static_cast<std::int32_t>(word)});
  buffer.bag_rows.insert(buffer.bag_rows.end(), rows.begin(), rows.end());
}

void WindowExamples::end_bag(BatchBuffer& buffer) const {
  const auto end = static_cast<std::int64_t>(buffer.bag_rows.size());
  const float mean = 1.0F / static_cast<float>(end - buffer.bag_offsets.back());
  buffer.bag_offsets.push_back(end);
  if (settings_.forward_mean) buffer.forward_scale.push_back(mean);
  if (settings_.backward_mean) buffer.backward_scale.push_back(mean);
}

// Words as bags: the context in one, or each of its words in one of its own.
void WindowExamples::add_word_bags(const Centre& centre, BatchBuffer& buffer) const {
  for (std::int32_t i = centre.begin; i < centre.end; ++i) {
    if (i == centre.place) continue;
    add_word(i, buffer);
    if (!settings_.cbow) end_bag(buffer);
  }
  if (settings_.cbow) end_bag(buffer);
}

// The centre as a bag, with the words around it as targets; each counts as an example.
void WindowExamples::add_context_targets(const Centre& centre, BatchBuffer& buffer) const {
  add_word(centre.place, buffer);
  end_bag(buffer);
  buffer.weight.push_back(static_cast<float>(centre.end - centre.begin - 1));
  for (std::int32_t i = centre.begin; i < centre.end; ++i) {
    if (i != centre.place)
      buffer.targets.push_back(WordId{static_cast<std::int32_t>(kept_[static_cast<std::size_t>(i)])});
  }
  buffer.target_offsets.push_back(static_cast<std::int64_t>(buffer.targets.size()));
}

bool WindowExamples::fill(BatchBuffer& buffer, std::size_t most, std::size_t most_rows) {
  if (next_ == centres_.size()) return false;
  const std::size_t last = std::min(centres_.size(), next_ + most);
  const bool has_bags = settings_.cbow || settings_.predicts_context || subwords_ != nullptr;
  buffer.clear();
  buffer.rows_distinct = !has_bags;
  buffer.group_offsets.push_back(0);
  if (has_bags) buffer.bag_offsets.push_back(0);
  if (settings_.predicts_context) buffer.target_offsets.push_back(0);
  for (; next_ < last && buffer.bag_rows.size() + buffer.targets.size() < most_rows; ++next_) {
    const Centre& centre = centres_[next_];
    if (settings_.predicts_context) {
      add_context_targets(centre, buffer);
    } else {
      if (subwords_ != nullptr) {
        add_word_bags(centre, buffer);
      } else if (settings_.cbow) {
        add_bag(centre, buffer);
      } else {
        add_bags(centre, buffer);
      }
      buffer.targets.push_back(WordId{static_cast<std::int32_t>(kept_[static_cast<std::size_t>(centre.place)])});
    }
    buffer.group_offsets.push_back(
        static_cast<std::int64_t>(has_bags ? buffer.bag_offsets.size() - 1 : buffer.bag_rows.size()));
  }
  if (!has_bags && !buffer.weight.empty()) buffer.weight.resize(buffer.bag_rows.size(), 1.0F);
  return true;
}

}   // namespace hogvec
