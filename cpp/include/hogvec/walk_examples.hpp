// Walks as examples: a worker makes those of a chunk when it trains on them, so that they are never stored.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/architecture.hpp"
#include "hogvec/types.hpp"
#include "hogvec/walks.hpp"

namespace hogvec {

// The windows of one chunk of walks at a time. The position of a token is the
// number of its walk times the length of walks, plus its place.
class WalkExamples {
 public:
  WalkExamples(const Walker& walker, std::int64_t epoch, const WindowSettings& windows,
               std::span<const std::uint32_t> thresholds, std::uint64_t key)
      : walker_(&walker), epoch_(epoch), windows_({}, windows, thresholds, key) {}

  void start(Position begin, Position end);   // of whole walks
  bool fill(BatchBuffer& buffer, std::size_t most) { return windows_.fill(buffer, most); }

  std::int64_t kept() const { return windows_.kept(); }
  Position position() const { return begin_ + windows_.position(); }

 private:
  const Walker* walker_;
  std::int64_t epoch_;
  WindowExamples windows_;
  WalkTokens tokens_;
  Position begin_ = 0;
};

// How many positions a worker takes at a time: whole walks.
std::int64_t chunk_walks(const WalkSettings& settings);

}   // namespace hogvec
