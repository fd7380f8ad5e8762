// Rows of word2vec files: numbers through both ways of parsing, words, and rows cut at any byte.
#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "hogvec/error.hpp"
#include "hogvec/word2vec_format.hpp"

using namespace hogvec;

namespace {

NamedRows named(const std::string& letters, const std::vector<std::int64_t>& offsets,
                const std::vector<float>& values) {
  const std::span<const std::uint8_t> bytes(reinterpret_cast<const std::uint8_t*>(letters.data()), letters.size());
  const auto dim = values.size() / (offsets.size() - 1);
  return {bytes, offsets, values.data(), static_cast<std::ptrdiff_t>(dim * sizeof(float)), dim};
}

}   // namespace

TEST_CASE("both ways of parsing a number agree, and with every float that was written") {
  std::mt19937 random(1);
  for (int i = 0; i < 20000; ++i) {
    const auto value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!(value - value == 0)) continue;   // infinite or NaN
    const std::vector<float> values{value};
    const std::vector<std::int64_t> offsets{0, 1};
    const std::string row = format_rows(named("w", offsets, values), RowFormat::kText);
    const std::string_view field = std::string_view(row).substr(2, row.size() - 3);
    float first = 1, second = 2;
    CHECK(parse_float(field, first));
    CHECK(parse_float_with_strtof(field, second));
    CHECK(std::bit_cast<std::uint32_t>(first) == std::bit_cast<std::uint32_t>(value));
    CHECK(std::bit_cast<std::uint32_t>(second) == std::bit_cast<std::uint32_t>(value));
  }
}

TEST_CASE("both ways of parsing a number refuse the same") {
  for (const std::string field : {"",    "+",   "-",  ".",  "e5", "1e",  "1e+", "nan",  "inf",   "-inf",
                                  "0x1", "1,5", "1 ", " 1", "1f", "+-1", "--1", "1e39", "-1e39", "1e99999"}) {
    CAPTURE(field);
    float value = 0;
    CHECK_FALSE(parse_float(field, value));
    CHECK_FALSE(parse_float_with_strtof(field, value));
  }
  for (const std::string field : {"1", "+1", "-1.", ".5", "1e5", "1E+05", "1e-99999", "1e-50", "-0", "00012"}) {
    CAPTURE(field);
    float first = 7, second = 8;
    CHECK(parse_float(field, first));
    CHECK(parse_float_with_strtof(field, second));
    CHECK(first == second);
  }
}

TEST_CASE("bytes cut anywhere give the same rows") {
  const std::string letters = "onetwo words\xc3\xbc";
  const std::vector<std::int64_t> offsets{0, 3, 6, 12, 14};
  const std::vector<float> values{1.5F, -2.25e-30F, 3e30F, 0.1F, 0.0F, -0.0F, 7.0F, 123456.79F};
  for (const auto format : {RowFormat::kText, RowFormat::kBinary}) {
    const std::string bytes = [&] {
      std::string text = letters;
      text[6] = '_';   // white space cannot be written
      return format_rows(named(text, offsets, values), format);
    }();
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
      std::vector<float> out(values.size());
      const auto head = parse_rows(std::string_view(bytes).substr(0, cut), format, 2, out, false, 1);
      const auto tail = parse_rows(std::string_view(bytes).substr(head.bytes), format, 2,
                                   std::span(out).subspan(head.rows * 2), true, 1 + head.rows);
      CHECK(head.rows + tail.rows == 4);
      CHECK(head.letters + tail.letters == "onetwo_words\xc3\xbc");
      CHECK(std::memcmp(out.data(), values.data(), values.size() * sizeof(float)) == 0);
    }
  }
}

TEST_CASE("no more rows are parsed than there is room for") {
  std::vector<float> out(2);
  const auto parsed = parse_rows("a 1\nb 2\nc 3\n", RowFormat::kText, 1, out, true, 1);
  CHECK(parsed.rows == 2);
  CHECK(parsed.bytes == 8);
  CHECK(parse_rows("a 1\n", RowFormat::kText, 1, {}, true, 1).bytes == 0);
}

TEST_CASE("words that are not UTF-8 are marked, in messages as well") {
  std::vector<float> out(2);
  const auto parsed = parse_rows("a 1\n\xff 2\n", RowFormat::kText, 1, out, true, 1);
  CHECK(parsed.broken == std::vector<std::int64_t>{1});
  CHECK_THROWS_WITH_AS(parse_rows("a \xff\n", RowFormat::kText, 1, out, true, 5),
                       "row 5: number 1 of 1 must be a finite float32, got '?'", ValueError);
}
