// The hash table of sparse ids.
#include "hogvec/id_table.hpp"

#include <algorithm>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"

namespace hogvec {

namespace {
constexpr std::size_t kFirstSlots = 1024;
constexpr std::size_t kBlock = 64;   // ids whose slots are fetched before the first is looked at
constexpr std::size_t kMostIds = 2147483647;
}   // namespace

IdTable::IdTable() : slots_(kFirstSlots, kNone), keys_(kFirstSlots) {}

// The slot that holds the id, or the empty one where it belongs.
std::size_t IdTable::slot_of(std::int64_t id) const {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = mix64(static_cast<std::uint64_t>(id)) & mask;
  while (slots_[slot] != kNone && keys_[slot] != id) slot = (slot + 1) & mask;
  return slot;
}

void IdTable::grow() {
  const std::size_t size = slots_.size() * 2;
  slots_.assign(size, kNone);
  keys_.assign(size, 0);
  for (std::size_t number = 0; number < ids_.size(); ++number) {
    const std::size_t slot = slot_of(ids_[number]);
    slots_[slot] = static_cast<std::int32_t>(number);
    keys_[slot] = ids_[number];
  }
}

void IdTable::number(std::span<const std::int64_t> ids, std::span<WordId> numbers) {
  for (std::size_t begin = 0; begin < ids.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, ids.size());
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t i = begin; i < end; ++i) {   // most of a large table is in no cache
      const std::size_t slot = mix64(static_cast<std::uint64_t>(ids[i])) & mask;
      __builtin_prefetch(&slots_[slot]);
      __builtin_prefetch(&keys_[slot]);
    }
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t id = ids[i];
      std::size_t slot = slot_of(id);
      if (slots_[slot] == kNone) {
        if (ids_.size() == kMostIds)
          throw ValueError("there must be at most " + std::to_string(kMostIds) + " different ids, got more");
        if (2 * (ids_.size() + 1) > slots_.size()) {
          grow();
          slot = slot_of(id);
        }
        slots_[slot] = static_cast<std::int32_t>(ids_.size());
        keys_[slot] = id;
        ids_.push_back(id);
      }
      numbers[i] = WordId{slots_[slot]};
    }
  }
}

}   // namespace hogvec
