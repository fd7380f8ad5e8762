// Parsing and writing rows of word2vec files. See the header for the two formats.
#include "hogvec/word2vec_format.hpp"

#include <algorithm>
#include <bit>
#include <charconv>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <version>
#if defined(__APPLE__)
#include <xlocale.h>
#endif

#include "hogvec/error.hpp"
#include "hogvec/text.hpp"

namespace hogvec {
namespace {

static_assert(std::endian::native == std::endian::little, "binary rows are copied as little-endian floats");

// Bytes, beside 64 for every number: a file without line ends must not be read into memory whole.
constexpr std::size_t kLongestRow = std::size_t{64} << 20;

std::string row_name(std::size_t row) { return "row " + std::to_string(row); }

// One row, `line` without its newline. Numbers are taken from the end, so that a word may hold spaces.
std::string_view parse_text_row(std::string_view line, std::size_t dim, float* out, std::size_t row) {
  std::size_t end = line.size();
  for (std::size_t field = dim; field-- > 0;) {
    while (end > 0 && is_space(line[end - 1])) --end;
    std::size_t begin = end;
    while (begin > 0 && !is_space(line[begin - 1])) --begin;
    if (begin == 0) {
      throw ValueError(row_name(row) + " must have a word and " + std::to_string(dim) + " numbers, got " +
                       std::to_string(dim - field) + " fields in " + quoted(line));
    }
    const auto text = line.substr(begin, end - begin);
    if (!parse_float(text, out[field])) {
      throw ValueError(row_name(row) + ": number " + std::to_string(field + 1) + " of " + std::to_string(dim) +
                       " must be a finite float32, got " + quoted(text));
    }
    end = begin;
  }
  while (end > 0 && is_space(line[end - 1])) --end;
  if (end == 0) throw ValueError(row_name(row) + " must begin with a word, got " + quoted(line));
  return line.substr(0, end);
}

bool ends_with_number(std::string_view word) {
  const auto space = word.find_last_of(" \t");
  float ignored;
  return space != std::string_view::npos && parse_float(word.substr(space + 1), ignored);
}

void add_word(ParsedRows& parsed, std::string_view word) {
  if (find_invalid_utf8(word) != std::string_view::npos)
    parsed.broken.push_back(static_cast<std::int64_t>(parsed.rows));
  parsed.letters.append(word);
  parsed.lengths.push_back(static_cast<std::int64_t>(word.size()));
  ++parsed.rows;
}

// Reads the text row at `parsed.bytes` and moves past it; false when more bytes are needed.
bool next_text_row(std::string_view bytes, std::size_t dim, float* out, bool last, std::size_t row,
                   ParsedRows& parsed) {
  const auto rest = bytes.substr(parsed.bytes);
  const auto newline = rest.find('\n');
  if (newline == std::string_view::npos && !last) return false;
  const auto word = parse_text_row(rest.substr(0, newline), dim, out, row);
  if (ends_with_number(word)) ++parsed.longer;
  add_word(parsed, word);
  parsed.bytes += newline == std::string_view::npos ? rest.size() : newline + 1;
  return true;
}

bool next_binary_row(std::string_view bytes, std::size_t dim, float* out, bool last, std::size_t row,
                     ParsedRows& parsed) {
  const auto rest = bytes.substr(parsed.bytes);
  const auto space = rest.find(' ');
  const auto payload = dim * sizeof(float);
  if (space == std::string_view::npos || rest.size() - space - 1 < payload) {
    if (last) throw ValueError(row_name(row) + " is cut short by the end of the file");
    return false;
  }
  const auto word = rest.substr(0, space);
  if (word.empty()) throw ValueError(row_name(row) + " must begin with a word, got a space");
  std::memcpy(out, rest.data() + space + 1, payload);
  for (std::size_t d = 0; d < dim; ++d) {
    if (!std::isfinite(out[d])) {
      throw ValueError(row_name(row) + " (" + quoted(word) + "): number " + std::to_string(d + 1) + " of " +
                       std::to_string(dim) + " must be finite, got " + std::to_string(out[d]));
    }
  }
  add_word(parsed, word);
  parsed.bytes += space + 1 + payload;
  return true;
}

// Blank lines, and the newline the C tool writes after a binary row.
void skip_blank_lines(std::string_view bytes, RowFormat format, std::size_t& position) {
  if (format == RowFormat::kBinary) {
    while (position < bytes.size() && bytes[position] == '\n') ++position;
    return;
  }
  for (auto p = position; p < bytes.size() && is_space(bytes[p]); ++p) {
    if (bytes[p] == '\n') position = p + 1;
  }
}

bool is_blank(std::string_view text) { return std::all_of(text.begin(), text.end(), is_space); }

void append_float(std::string& text, float value) {
#if defined(__cpp_lib_to_chars)
  char digits[32];
  const auto [end, error] = std::to_chars(digits, digits + sizeof digits, value);
  (void)error;   // 32 characters hold every float32
  text.append(digits, end);
#else
  char digits[48];
  std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(value));
  for (const char* c = digits; *c; ++c) {   // the locale's decimal sign, whatever it is, becomes a point
    const bool own = (*c >= '0' && *c <= '9') || *c == '-' || *c == '+' || *c == 'e';
    if (own)
      text += *c;
    else if (text.back() != '.')
      text += '.';
  }
#endif
}

}   // namespace

bool parse_float_with_strtof(std::string_view field, float& value) {
  for (const char c : field) {   // strtof also takes white space, hex, NaN and infinity
    if (!((c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E')) return false;
  }
  static const locale_t c_locale = newlocale(LC_ALL_MASK, "C", locale_t{});
  const std::string text(field);
  char* end = nullptr;
  value = strtof_l(text.c_str(), &end, c_locale);
  return !text.empty() && end == text.c_str() + text.size() && std::isfinite(value);
}

bool parse_float(std::string_view field, float& value) {
#if defined(__cpp_lib_to_chars)
  const bool plus = field.size() > 1 && field[0] == '+' && field[1] != '-';
  const char* begin = field.data() + (plus ? 1 : 0);
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc{}) return stop == end && std::isfinite(value);
  if (error != std::errc::result_out_of_range) return false;   // out of range may mean tiny: that is a zero
#endif
  return parse_float_with_strtof(field, value);
}

ParsedRows parse_rows(std::string_view bytes, RowFormat format, std::size_t dim, std::span<float> out, bool last,
                      std::size_t first_row) {
  if (dim == 0) throw ValueError("dim must be at least 1, got 0");
  const auto capacity = out.size() / dim;
  ParsedRows parsed;
  while (parsed.rows < capacity) {
    skip_blank_lines(bytes, format, parsed.bytes);
    const auto rest = bytes.substr(parsed.bytes);
    if (rest.empty() || (last && format == RowFormat::kText && is_blank(rest))) break;
    const auto row = first_row + parsed.rows;
    float* values = out.data() + parsed.rows * dim;
    const bool whole = format == RowFormat::kText ? next_text_row(bytes, dim, values, last, row, parsed)
                                                  : next_binary_row(bytes, dim, values, last, row, parsed);
    if (whole) continue;
    if (rest.size() > kLongestRow + 64 * dim) {
      throw ValueError(row_name(row) + " must end within " + std::to_string(rest.size()) + " bytes");
    }
    break;
  }
  return parsed;
}

std::string format_rows(const NamedRows& table, RowFormat format) {
  const auto rows = table.offsets.size() - 1;
  std::string text;
  text.reserve(rows * (table.dim * (format == RowFormat::kText ? 13 : 4) + 16));
  for (std::size_t row = 0; row < rows; ++row) {
    const auto* letters = reinterpret_cast<const char*>(table.letters.data()) + table.offsets[row];
    const std::string_view word(letters, static_cast<std::size_t>(table.offsets[row + 1] - table.offsets[row]));
    if (word.empty() || std::any_of(word.begin(), word.end(), is_space)) {
      throw ValueError("a word must not be empty or hold white space to be written, got " + quoted(word));
    }
    const auto* values = reinterpret_cast<const float*>(reinterpret_cast<const char*>(table.first) +
                                                        static_cast<std::ptrdiff_t>(row) * table.row_stride);
    text.append(word);
    if (format == RowFormat::kBinary) text += ' ';
    for (std::size_t d = 0; d < table.dim; ++d) {
      if (!std::isfinite(values[d])) {
        throw ValueError("the vector of " + quoted(word) + " must be finite to be written, got " +
                         std::to_string(values[d]));
      }
      if (format == RowFormat::kText) {
        text += ' ';
        append_float(text, values[d]);
      }
    }
    if (format == RowFormat::kBinary) text.append(reinterpret_cast<const char*>(values), table.dim * sizeof(float));
    text += '\n';
  }
  return text;
}

}   // namespace hogvec
