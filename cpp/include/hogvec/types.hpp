// The plain words of the library as types: ids, positions, spans of them. No behaviour lives here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hogvec {

enum class WordId : std::int32_t {};   // a word of a vocabulary, or an item or node id: an index of counts
enum class RowId : std::uint32_t {};   // a row of a table

using Position = std::int64_t;   // a token's place in the corpus

constexpr std::size_t index(WordId id) { return static_cast<std::size_t>(id); }
constexpr std::size_t index(RowId id) { return static_cast<std::size_t>(id); }
constexpr RowId row_of(WordId id) { return RowId{static_cast<std::uint32_t>(id)}; }

// A corpus: tokens of all sequences end to end; sequence s is tokens[offsets[s], offsets[s + 1]).
struct CorpusView {
  std::span<const WordId> tokens;          // (n_tokens,)
  std::span<const std::int64_t> offsets;   // (n_sequences + 1,), ascending, first 0, last n_tokens
};

}   // namespace hogvec
