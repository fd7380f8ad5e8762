// Building, searching and selecting vocabularies, and word2vec's text form of them.
#include "hogvec/vocabulary.hpp"

#include <algorithm>
#include <charconv>

#include "hogvec/error.hpp"
#include "hogvec/text.hpp"

namespace hogvec {

std::vector<std::int32_t> select_words(std::span<const std::int64_t> counts, const WordLimits& limits,
                                       std::span<const std::int32_t> keep) {
  std::vector<bool> is_kept(counts.size(), false);
  std::int64_t n_kept = 0;
  for (const std::int32_t i : keep) {
    n_kept += is_kept[i] ? 0 : 1;
    is_kept[i] = true;
  }
  if (n_kept > limits.max_size) {
    throw ValueError("max_size must be at least the number of words to keep (" + std::to_string(n_kept) + "), got " +
                     std::to_string(limits.max_size));
  }
  std::vector<std::int32_t> order;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (is_kept[i] || counts[i] >= limits.min_count) order.push_back(static_cast<std::int32_t>(i));
  }
  if (counts.empty()) throw ValueError("there must be at least one word, got none");
  if (order.empty()) {
    std::int64_t total = 0;
    for (const std::int64_t count : counts) total += count;
    const std::int64_t largest = *std::max_element(counts.begin(), counts.end());
    throw ValueError("min_count " + std::to_string(limits.min_count) + " leaves no word: " + std::to_string(total) +
                     " words were read, " + std::to_string(counts.size()) +
                     " of them distinct, and the largest count is " + std::to_string(largest));
  }
  std::sort(order.begin(), order.end(),
            [&](std::int32_t a, std::int32_t b) { return counts[a] != counts[b] ? counts[a] > counts[b] : a < b; });
  if (static_cast<std::int64_t>(order.size()) > limits.max_size) {
    std::int64_t room = limits.max_size - n_kept;
    std::erase_if(order, [&](std::int32_t i) { return !is_kept[i] && room-- <= 0; });
  }
  return order;
}

Vocabulary::Vocabulary(WordArena words, std::vector<std::int64_t> counts)
    : words_(std::move(words)), counts_(std::move(counts)) {
  check_offsets();
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (counts_[i] < 0) {
      throw ValueError("counts must not be negative, got " + std::to_string(counts_[i]) + " for word " +
                       std::to_string(i));
    }
  }
  words_.letters.shrink_to_fit();
  words_.offsets.shrink_to_fit();
  counts_.shrink_to_fit();
  fill_slots();
}

void Vocabulary::check_offsets() const {
  const auto& offsets = words_.offsets;
  if (offsets.size() != counts_.size() + 1) {
    throw ValueError("a vocabulary needs one count a word, got " + std::to_string(counts_.size()) + " counts and " +
                     std::to_string(offsets.size()) + " offsets");
  }
  if (static_cast<std::int64_t>(counts_.size()) > kMaxWords) {
    throw ValueError("a vocabulary holds at most 2147483647 words, got " + std::to_string(counts_.size()));
  }
  if (offsets.front() != 0 || offsets.back() != static_cast<std::int64_t>(words_.letters.size())) {
    throw ValueError("offsets of words must run from 0 to the number of letters (" +
                     std::to_string(words_.letters.size()) + "), got " + std::to_string(offsets.front()) + " to " +
                     std::to_string(offsets.back()));
  }
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (offsets[i + 1] == offsets[i])
      throw ValueError("a word must not be empty, but word " + std::to_string(i) + " is");
    if (offsets[i + 1] < offsets[i])
      throw ValueError("offsets of words must ascend, but fall at word " + std::to_string(i));
  }
}

void Vocabulary::fill_slots() {
  slots_.assign(size() + size() / 2 + 1, Slot{0, kUnknownWord});
  for (std::size_t i = 0; i < size(); ++i) {
    const std::uint64_t hash = hash_exact(words_[i]).hash;
    std::size_t slot = slot_of(hash);
    while (slots_[slot].id != kUnknownWord) {
      const Slot& other = slots_[slot];
      if (other.tag == static_cast<std::uint32_t>(hash) && word(other.id) == words_[i]) {
        throw ValueError("words must be distinct, but words " + std::to_string(index(other.id)) + " and " +
                         std::to_string(i) + " are both " + quoted(words_[i]));
      }
      if (++slot == slots_.size()) slot = 0;
    }
    slots_[slot] = {static_cast<std::uint32_t>(hash), WordId{static_cast<std::int32_t>(i)}};
  }
}

bool Vocabulary::is_word(WordId id, const HashedWord& word) const {
  const std::string_view candidate = this->word(id);
  if (candidate.size() != word.length) return false;
  const char* const letters = candidate.data();
  if (word.length > 8) return is_same(word, letters);
  // A comparison of so few bytes by a call takes longer than all the rest.
  if (words_.letters.data() + words_.letters.size() - letters < 8) return candidate == word.view();
  return hash_padded(letters, word.length).first == word.first;
}

WordId Vocabulary::find(const HashedWord& word) const {
  for (std::size_t slot = slot_of(word.hash); slots_[slot].id != kUnknownWord;
       slot = slot + 1 < slots_.size() ? slot + 1 : 0) {
    const auto [tag, id] = slots_[slot];
    if (tag == static_cast<std::uint32_t>(word.hash) && is_word(id, word)) return id;
  }
  return kUnknownWord;
}

Vocabulary Vocabulary::select(const WordLimits& limits, std::span<const std::string> keep) const {
  std::vector<std::int32_t> keep_ids;
  for (const std::string& word : keep) {
    if (const WordId id = find(word); id != kUnknownWord) keep_ids.push_back(static_cast<std::int32_t>(id));
  }
  WordArena words;
  std::vector<std::int64_t> counts;
  for (const std::int32_t i : select_words(counts_, limits, keep_ids)) {
    words.append(words_[i]);
    counts.push_back(counts_[i]);
  }
  return {std::move(words), std::move(counts)};
}

std::string to_text(const Vocabulary& vocabulary, std::size_t begin, std::size_t end) {
  std::string text;
  for (std::size_t i = begin; i < end; ++i) {
    const std::string_view word = vocabulary.word(WordId{static_cast<std::int32_t>(i)});
    if (std::any_of(word.begin(), word.end(), is_space)) {
      throw ValueError("a text file cannot hold a word with whitespace in it, but word " + std::to_string(i) + " is " +
                       quoted(word));
    }
    text.append(word).append(" ").append(std::to_string(vocabulary.counts()[i])).append("\n");
  }
  return text;
}

Vocabulary vocabulary_from_text(std::string_view text) {
  WordArena words;
  std::vector<std::int64_t> counts;
  for (std::int64_t number = 1; !text.empty(); ++number) {
    const std::size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == std::string_view::npos ? text.size() : newline + 1);
    while (!line.empty() && is_space(line.back())) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t word_end = line.find_first_of(" \t");
    const std::size_t digits = line.find_first_not_of(" \t", word_end);
    std::int64_t count = -1;
    if (word_end != 0 && digits != std::string_view::npos) {
      const auto [end, error] = std::from_chars(line.data() + digits, line.data() + line.size(), count);
      if (error != std::errc() || end != line.data() + line.size()) count = -1;
    }
    if (count < 0) {
      throw ValueError("each line must be a word, a space and a count, but line " + std::to_string(number) + " is " +
                       quoted(line));
    }
    words.append(line.substr(0, word_end));
    counts.push_back(count);
  }
  return {std::move(words), std::move(counts)};
}

}   // namespace hogvec
