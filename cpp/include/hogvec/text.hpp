// Text as bytes: what separates words, where UTF-8 is broken, and how messages quote it.
#pragma once

#include <array>
#include <cstdint>
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

// The same rules as an automaton: a state is a shift, and a byte's row holds, at that shift, the state that follows. No
// branch and one load a byte (Per Vognsen, "Shift-based DFAs").
namespace utf8 {

enum State : std::uint64_t {
  kBroken = 0,
  kWhole = 6,   // between characters
  kOne = 12,    // so many bytes are to follow
  kTwo = 18,
  kThree = 24,
  kAfterE0 = 30,   // leads that restrict the byte that follows
  kAfterED = 36,
  kAfterF0 = 42,
  kAfterF4 = 48,
};

constexpr State after_lead(unsigned byte) {
  if (byte < 0x80) return kWhole;
  if (byte < 0xC2 || byte > 0xF4) return kBroken;
  if (byte < 0xE0) return kOne;
  if (byte < 0xF0) return byte == 0xE0 ? kAfterE0 : byte == 0xED ? kAfterED : kTwo;
  return byte == 0xF0 ? kAfterF0 : byte == 0xF4 ? kAfterF4 : kThree;
}

constexpr std::array<std::uint64_t, 256> make_rows() {
  std::array<std::uint64_t, 256> rows{};
  for (unsigned byte = 0; byte < 256; ++byte) {
    rows[byte] = std::uint64_t{after_lead(byte)} << kWhole;
    const auto follows = [&](State state, unsigned first, unsigned last, State next) {
      if (byte >= first && byte <= last) rows[byte] |= std::uint64_t{next} << state;
    };
    follows(kOne, 0x80, 0xBF, kWhole);
    follows(kTwo, 0x80, 0xBF, kOne);
    follows(kThree, 0x80, 0xBF, kTwo);
    follows(kAfterE0, 0xA0, 0xBF, kOne);
    follows(kAfterED, 0x80, 0x9F, kOne);
    follows(kAfterF0, 0x90, 0xBF, kTwo);
    follows(kAfterF4, 0x80, 0x8F, kTwo);
  }
  return rows;
}

inline constexpr std::array<std::uint64_t, 256> kRows = make_rows();

inline bool is_valid(std::string_view text) {
  std::uint64_t state = kWhole;
  for (const char c : text) state = kRows[static_cast<unsigned char>(c)] >> (state & 63);
  return (state & 63) == kWhole;
}

}   // namespace utf8

// The offset of the first byte that is no part of valid UTF-8, or npos.
inline std::size_t find_invalid_utf8(std::string_view text) {
  if (utf8::is_valid(text)) return std::string_view::npos;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) return i;
    i += length;
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
