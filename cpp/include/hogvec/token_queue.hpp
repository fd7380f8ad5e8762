// Ids of a text between the worker that finds them and the corpus that they become.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

// Ids in the order written, in chunks, so that growing never copies; read from the front, which frees what was read.
class TokenQueue {
 public:
  // Room for n more ids end to end; say with `written` how many were used.
  WordId* room(std::size_t n);
  void written(std::size_t n) { chunks_.back().end += n; }

  // Up to n ids from the front; empty only if n is 0 or there is none. Valid until the next call.
  std::span<const WordId> read(std::size_t n);

 private:
  struct Chunk {
    std::unique_ptr<WordId[]> ids;
    std::size_t capacity;
    std::size_t begin;
    std::size_t end;
  };
  std::vector<Chunk> chunks_;
  std::size_t first_ = 0;   // chunks before it are read and freed
};

}   // namespace hogvec
