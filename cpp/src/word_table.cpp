// The rare paths of WordTable: a new word, a table that has become too full.
#include "hogvec/word_table.hpp"

namespace hogvec {

std::int32_t WordTable::find(const HashedWord& word) const {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t i = word.hash >> shift_; slots_[i].id >= 0; i = (i + 1) & mask) {
    if (is_at(slots_[i], word)) return slots_[i].id;
  }
  return -1;
}

std::int32_t WordTable::insert(std::size_t slot, const HashedWord& word, std::int64_t count) {
  if (static_cast<std::int64_t>(size()) >= kMaxWords)
    throw ValueError("a text must hold at most 2147483647 distinct words");
  const auto id = static_cast<std::int32_t>(size());
  words_.append(word.view());
  counts_.push_back(count);
  slots_[slot] = {key_of(word), id, length_of(word)};
  if (size() > slots_.size() / 8 * 5) grow();
  return id;
}

void WordTable::grow() {
  std::vector<Slot> slots(2 * slots_.size(), Slot{0, -1, 0});
  const std::size_t mask = slots.size() - 1;
  --shift_;
  for (const Slot& slot : slots_) {
    if (slot.id < 0) continue;
    std::size_t i = (slot.length > 8 ? slot.key : hash_ends(slot.key, slot.key, slot.length)) >> shift_;
    while (slots[i].id >= 0) i = (i + 1) & mask;
    slots[i] = slot;
  }
  slots_ = std::move(slots);
}

}   // namespace hogvec
