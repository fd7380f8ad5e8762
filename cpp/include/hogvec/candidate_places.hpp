// Where the candidates of a group stand while they are gathered, found by their rows: open addressing in memory that
// belongs to the batch's buffer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "hogvec/batch.hpp"
#include "hogvec/random.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

class CandidatePlaces {
 public:
  // most: candidates of a group, equal ones counted each.
  CandidatePlaces(BatchBuffer& buffer, std::size_t most) : buffer_(&buffer) {
    buffer.draw_slots.assign(std::bit_ceil(2 * most + 2), 0);
    shift_ = 64 - std::countr_zero(buffer.draw_slots.size());
  }

  // Begins a group, whose candidates stand in shared_rows from `first` on. Slots of earlier groups count as empty, so
  // that they are cleared once a batch.
  void start(std::size_t first) {
    ++group_;
    first_ = first;
  }

  // The place of a row. A new one gets `last`, the place after the last candidate, where the caller puts it.
  std::size_t find_or_add(RowId row, std::size_t last) {
    const std::size_t mask = buffer_->draw_slots.size() - 1;
    for (std::size_t slot = (static_cast<std::uint64_t>(row) * kGoldenGamma) >> shift_;; slot = (slot + 1) & mask) {
      std::uint64_t& used = buffer_->draw_slots[slot];
      if (used >> 32 != group_) {
        used = group_ << 32 | (last - first_);
        return last;
      }
      const std::size_t place = first_ + (used & 0xffffffffU);
      if (buffer_->shared_rows[place] == row) return place;
    }
  }

 private:
  BatchBuffer* buffer_;
  std::uint64_t group_ = 0;
  std::size_t first_ = 0;
  int shift_;   // from 64 bits to a slot
};

}   // namespace hogvec
