// Texts as tokens, and how workers share them: what counting and encoding have in common.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "hogvec/documents.hpp"
#include "hogvec/error.hpp"
#include "hogvec/text.hpp"

namespace hogvec {

constexpr bool is_separator(char c) { return is_space(c) || c == '\0'; }

// Calls function(begin, end) for every token of the text.
template <class Function>
void for_tokens(std::string_view text, Function function) {
  const char* at = text.data();
  const char* const end = at + text.size();
  for (;;) {
    while (at != end && is_separator(*at)) ++at;
    if (at == end) return;
    const char* const begin = at;
    do ++at;
    while (at != end && !is_separator(*at));
    function(begin, at);
  }
}

// Tokens of texts as words to look up. Where 8 bytes may be read, fewer are not copied.
class Hasher {
 public:
  explicit Hasher(std::string_view letters) : safe_end_(letters.data() + letters.size()) {}
  HashedWord operator()(const char* begin, const char* end) const {
    const auto length = static_cast<std::size_t>(end - begin);
    return safe_end_ - begin >= 8 ? hash_padded(begin, length) : hash_exact({begin, length});
  }

 private:
  const char* safe_end_;
};

// The texts of one worker: about as many bytes as each other's.
struct TextRange {
  std::size_t begin, end;
};

inline TextRange range_of(const Texts& texts, int worker, int count) {
  const std::int64_t first = texts.offsets.front();
  const auto [begin, end] = part_of(texts.offsets.back() - first, worker, count);
  const auto text_at = [&](std::int64_t byte) {
    const auto found = std::lower_bound(texts.offsets.begin(), texts.offsets.end(), first + byte);
    return static_cast<std::size_t>(found - texts.offsets.begin());
  };
  // Texts without a byte belong to the last worker, or to the one whose part begins behind them.
  return {worker == 0 ? 0 : text_at(begin), worker + 1 == count ? texts.size() : text_at(end)};
}

inline int useful_threads(const Texts& texts, int threads) {
  constexpr std::int64_t kLeastBytes = 1 << 16;
  const std::int64_t most = (texts.offsets.back() - texts.offsets.front()) / kLeastBytes + 1;
  return static_cast<int>(std::min<std::int64_t>(threads, most));
}

inline void check_threads(int threads) {
  if (threads < 1) throw ValueError("threads must be at least 1, got " + std::to_string(threads));
}

}   // namespace hogvec
