// Rows of word2vec's text and binary files: bytes to words and floats, and back. A text row is `word v v v\n`; a binary
// row is `word`, a space, dim little-endian float32, and perhaps a newline. The header line, files, compression and
// duplicate words are the caller's business. Free functions without state: any thread may call them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace hogvec {

enum class RowFormat { kText, kBinary };

struct ParsedRows {
  std::size_t rows = 0;                // rows found whole, and written to `out`
  std::size_t bytes = 0;               // bytes they took; what follows belongs to the next call
  std::string letters;                 // their words, end to end
  std::vector<std::int64_t> lengths;   // (rows,) bytes of each word
  std::vector<std::int64_t> broken;    // rows whose word is not UTF-8, counted from 0 in this call
  std::size_t longer = 0;              // text rows with one more number than dim, so that a number went to the word
};

// Parses whole rows from the front of `bytes` until `bytes` or `out` (capacity x dim floats) ends. In text the last dim
// fields are the numbers and the rest is the word, which may hold spaces; blank lines are skipped. `last`: no byte
// follows, so a row cut short is an error. `first_row` is the number of the first row (from 1) in messages.
// ValueError: a field that is no finite number, too few numbers, no word, a row without an end.
ParsedRows parse_rows(std::string_view bytes, RowFormat format, std::size_t dim, std::span<float> out, bool last,
                      std::size_t first_row);

// A float table of any row stride with its words: row i is at first + i * row_stride bytes.
struct NamedRows {
  std::span<const std::uint8_t> letters;
  std::span<const std::int64_t> offsets;   // (rows + 1,)
  const float* first;
  std::ptrdiff_t row_stride;   // bytes
  std::size_t dim;
};

// The bytes of the table. Text holds the shortest decimal that reads back as the same float32.
// ValueError: a value that is not finite, a word that is empty or holds ASCII white space.
std::string format_rows(const NamedRows& table, RowFormat format);

// A decimal number that fills `field`, as the nearest float32; false if it is none or too large. No infinity, NaN, hex.
bool parse_float(std::string_view field, float& value);

// The same through the C library, for standard libraries without std::from_chars for floats and for tiny values.
bool parse_float_with_strtof(std::string_view field, float& value);

}   // namespace hogvec
