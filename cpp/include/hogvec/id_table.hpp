// Sparse 64-bit ids -> numbers from 0, in the order of their first appearance. Open addressing; no string.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

class IdTable {
 public:
  IdTable();

  // Numbers the ids: number_of[i] is that of ids[i]. Throws ValueError when there are too many different ones.
  void number(std::span<const std::int64_t> ids, std::span<WordId> numbers);

  std::span<const std::int64_t> ids() const { return ids_; }   // (n,), by number

  // The bytes that so many different ids take, at most.
  static std::int64_t bytes(std::int64_t ids) { return 40 * ids; }

 private:
  static constexpr std::int32_t kNone = -1;

  std::size_t slot_of(std::int64_t id) const;
  void grow();

  std::vector<std::int32_t> slots_;   // numbers, a power of 2 of them, at most half of them used
  std::vector<std::int64_t> keys_;    // the ids of slots
  std::vector<std::int64_t> ids_;
};

}   // namespace hogvec
