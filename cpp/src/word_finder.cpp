// Word boundaries from bit masks of whitespace (SSE2 is part of the x86-64 baseline; elsewhere a plain loop).
#include "hogvec/word_finder.hpp"

#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "hogvec/text.hpp"

namespace hogvec {

namespace {

// What 64 bytes are, a bit each.
struct ByteMasks {
  std::uint64_t space;
  std::uint64_t newline;
  bool ascii;
};

#if defined(__SSE2__)
ByteMasks classify(const char* p) {
  ByteMasks masks{0, 0, true};
  int high = 0;
  for (int i = 0; i < 4; ++i) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p) + i);
    const __m128i from_tab = _mm_sub_epi8(bytes, _mm_set1_epi8('\t'));   // \t \n \v \f \r are 0 to 4, the rest is above
    const __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(from_tab, _mm_set1_epi8(4)), from_tab);
    const __m128i space = _mm_or_si128(control, _mm_cmpeq_epi8(bytes, _mm_set1_epi8(' ')));
    const __m128i newline = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'));
    masks.space |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(space))} << (16 * i);
    masks.newline |= std::uint64_t{static_cast<std::uint32_t>(_mm_movemask_epi8(newline))} << (16 * i);
    high |= _mm_movemask_epi8(bytes);
  }
  masks.ascii = high == 0;
  return masks;
}
#else
ByteMasks classify(const char* p) {
  ByteMasks masks{0, 0, true};
  unsigned char high = 0;
  for (int i = 0; i < 64; ++i) {
    masks.space |= std::uint64_t{is_space(p[i])} << i;
    masks.newline |= std::uint64_t{p[i] == '\n'} << i;
    high |= static_cast<unsigned char>(p[i]);
  }
  masks.ascii = high < 0x80;
  return masks;
}
#endif

}   // namespace

std::span<const std::size_t> WordFinder::next() {
  std::size_t n = 0;
  if (in_word_) edges_[n++] = word_begin_;
  while (n < kEnough && at_ < text_.size()) n = scan_window(n);
  if (at_ >= text_.size() && n % 2 == 1) edges_[n++] = text_.size();
  in_word_ = n % 2 == 1;
  if (in_word_) word_begin_ = edges_[--n];
  return {edges_.data(), n};
}

// Appends the window's edges behind the first n, and returns how many there are then.
std::size_t WordFinder::scan_window(std::size_t n) {
  ByteMasks masks = classify(text_.data() + at_);
  ascii_ = ascii_ && masks.ascii;
  if (const std::size_t left = text_.size() - at_; left < 64) {
    masks.space |= ~std::uint64_t{0} << left;
    masks.newline &= ~(~std::uint64_t{0} << left);
  }
  std::uint64_t edges = masks.space ^ ((masks.space << 1) | after_space_);
  after_space_ = masks.space >> 63;
  if (masks.newline == 0) {
    for (; edges != 0; edges &= edges - 1) edges_[n++] = at_ + static_cast<std::size_t>(std::countr_zero(edges));
  } else {
    for (std::uint64_t events = edges | masks.newline; events != 0; events &= events - 1) {
      const int bit = std::countr_zero(events);
      const std::size_t place = at_ + static_cast<std::size_t>(bit);
      if ((edges >> bit & 1) != 0) edges_[n++] = place;
      if ((masks.newline >> bit & 1) != 0) {
        edges_[n++] = place;
        edges_[n++] = place;
      }
    }
  }
  at_ += 64;
  return n;
}

}   // namespace hogvec
