// Where the words of a text lie: whitespace is found 64 bytes at a time, as bits of a mask.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace hogvec {

class WordFinder {
 public:
  static constexpr std::size_t kPadding = 64;     // so many bytes behind the text must be readable
  static constexpr std::size_t kMaxWords = 256;   // that `next` gives at once

  explicit WordFinder(std::string_view text) : text_(text) {}

  // The next words as pairs (begin, end) of offsets; an empty word stands at each newline. No pair: the text is at its
  // end.
  std::span<const std::size_t> next();

  bool is_ascii() const { return ascii_; }   // of what was read so far

 private:
  static constexpr std::size_t kEnough = kMaxWords;   // edges after which `next` reads no further window
  static constexpr std::size_t kMaxEdges = kEnough + std::size_t{3} * 64;

  std::size_t scan_window(std::size_t n);

  std::string_view text_;
  std::size_t at_ = 0;
  std::uint64_t after_space_ = 1;   // is the byte before at_ whitespace?
  bool ascii_ = true;
  bool in_word_ = false;         // the last word given out has begun and not ended:
  std::size_t word_begin_ = 0;   // here
  std::array<std::size_t, kMaxEdges> edges_;
  static_assert(kMaxEdges <= 2 * kMaxWords);
};

}   // namespace hogvec
