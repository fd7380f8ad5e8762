// A chunk of walks as the corpus of windows.
#include "hogvec/walk_examples.hpp"

#include <algorithm>

namespace hogvec {

std::int64_t chunk_walks(const WalkSettings& settings) {
  return std::max<std::int64_t>(kChunkTokens / settings.length, 1) * settings.length;
}

void WalkExamples::start(Position begin, Position end) {
  const std::int64_t length = walker_->settings().length;
  begin_ = begin;
  write_walks(*walker_, epoch_, begin / length, (end - begin) / length, tokens_);
  windows_.read({tokens_.ids, tokens_.offsets}, begin);
  windows_.start(0, static_cast<Position>(tokens_.ids.size()));
}

}   // namespace hogvec
