// Text as bytes: what separates words, where UTF-8 is broken, and how messages quote it.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace hogvec {

constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }   // space \t \n \v \f \r

// How many bytes the UTF-8 sequence at the start of `text` takes, 0 if it is broken (too long, a surrogate, above
// U+10FFFF, cut off): table 3-7 of the Unicode standard, chapter 3.9.
inline std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned lead = byte(0);
  const unsigned second = byte(1);
  if (lead < 0x80U) return 1;
  if (lead < 0xC2U || lead > 0xF4U || !follows(1)) return 0;
  if (lead < 0xE0U) return 2;
  if ((lead == 0xE0U && second < 0xA0U) || (lead == 0xEDU && second > 0x9FU) || !follows(2)) return 0;
  if (lead < 0xF0U) return 3;
  if ((lead == 0xF0U && second < 0x90U) || (lead == 0xF4U && second > 0x8FU) || !follows(3)) return 0;
  return 4;
}

// The offset of the first byte that is no part of valid UTF-8, or npos.
inline std::size_t find_invalid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    std::uint64_t eight = 0;
    while (i + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + i, 8);
      if ((eight & 0x8080808080808080ULL) != 0) break;
      i += 8;
    }
    for (int n = 0; n < 8 && i < text.size(); ++n) {
      const std::size_t length = utf8_length(text.substr(i));
      if (length == 0) return i;
      i += length;
    }
  }
  return std::string_view::npos;
}

// A word or a field as an error message shows it: quoted, shortened, and valid UTF-8 whatever it is.
inline std::string quoted(std::string_view text) {
  std::string shown = "'";
  std::size_t i = 0;
  while (i < text.size() && i < 60) {
    const std::size_t length = utf8_length(text.substr(i));
    shown += length == 0 ? std::string_view("?") : text.substr(i, length);
    i += length == 0 ? 1 : length;
  }
  return shown + (i < text.size() ? "...'" : "'");
}

}   // namespace hogvec
