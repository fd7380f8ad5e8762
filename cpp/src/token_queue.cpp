// Chunks that double in size, and are freed from the front.
#include "hogvec/token_queue.hpp"

#include <algorithm>

namespace hogvec {

namespace {

// Tokens in a chunk; the last size is 32 MiB, which the allocator gives back to the system when it is freed.
constexpr std::size_t kFirstChunk = 1U << 16;
constexpr std::size_t kLastChunk = 1U << 23;

}   // namespace

WordId* TokenQueue::room(std::size_t n) {
  if (chunks_.empty() || chunks_.back().capacity - chunks_.back().end < n) {
    const std::size_t next = chunks_.empty() ? kFirstChunk : std::min(2 * chunks_.back().capacity, kLastChunk);
    const std::size_t capacity = std::max(next, n);
    chunks_.push_back({std::unique_ptr<WordId[]>(new WordId[capacity]), capacity, 0, 0});
  }
  return chunks_.back().ids.get() + chunks_.back().end;
}

std::span<const WordId> TokenQueue::read(std::size_t n) {
  while (first_ < chunks_.size() && chunks_[first_].begin == chunks_[first_].end) {
    if (first_ + 1 == chunks_.size()) {   // the last chunk is used again
      chunks_[first_].begin = chunks_[first_].end = 0;
      chunks_.erase(chunks_.begin(), chunks_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
      return {};
    }
    chunks_[first_++].ids.reset();
  }
  if (first_ == chunks_.size()) return {};
  Chunk& chunk = chunks_[first_];
  const std::size_t n_read = std::min(n, chunk.end - chunk.begin);
  chunk.begin += n_read;
  return {chunk.ids.get() + chunk.begin - n_read, n_read};
}

}   // namespace hogvec
