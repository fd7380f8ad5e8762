// Reads columns of Arrow's C data interface: formats, validity bitmaps, offsets, slices and dictionaries.
#include "hogvec/arrow.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "hogvec/corpus.hpp"
#include "hogvec/error.hpp"
#include "hogvec/text.hpp"

namespace hogvec {

namespace {

constexpr std::int64_t kBlock = 4096;   // items widened at a time: they stay in the first-level cache

struct Format {
  std::string_view text;
  ArrowValue value;
};
constexpr std::array kFormats = {
    Format{"c", ArrowValue::kInt8},        Format{"C", ArrowValue::kUint8},      Format{"s", ArrowValue::kInt16},
    Format{"S", ArrowValue::kUint16},      Format{"i", ArrowValue::kInt32},      Format{"I", ArrowValue::kUint32},
    Format{"l", ArrowValue::kInt64},       Format{"L", ArrowValue::kUint64},     Format{"u", ArrowValue::kString},
    Format{"U", ArrowValue::kLargeString}, Format{"vu", ArrowValue::kStringView}};

std::optional<ArrowValue> value_of(std::string_view format) {
  for (const Format& known : kFormats) {
    if (known.text == format) return known.value;
  }
  return std::nullopt;
}

[[noreturn]] void fail(const std::string& message) { throw ValueError("Arrow data must " + message); }

const ArrowSchema& child_of(const ArrowSchema& schema, std::int64_t i) {
  if (schema.children == nullptr || i >= schema.n_children || schema.children[i] == nullptr)
    fail("have the children of its schema, got a schema without");
  return *schema.children[i];
}

const ArrowArray& child_of(const ArrowArray& array, std::int64_t i) {
  if (array.children == nullptr || i >= array.n_children || array.children[i] == nullptr)
    fail("have the children of its schema, got an array without");
  return *array.children[i];
}

void check(const ArrowArray& array) {
  if (array.length < 0 || array.offset < 0 || array.length > (std::int64_t{1} << 62) - array.offset)
    fail("have a length and an offset that are not negative, got " + std::to_string(array.length) + " and " +
         std::to_string(array.offset));
}

const void* buffer_of(const ArrowArray& array, std::int64_t i) {
  if (array.buffers == nullptr || i >= array.n_buffers || (array.buffers[i] == nullptr && array.length > 0))
    fail("have the buffers of its type, got one that is missing");
  return array.buffers[i];
}

// Which entries are there: all of them without a bitmap.
class Validity {
 public:
  Validity() = default;
  explicit Validity(const ArrowArray& array) {
    if (array.null_count != 0 && array.buffers != nullptr && array.n_buffers > 0)
      bits_ = static_cast<const std::uint8_t*>(array.buffers[0]);
  }
  bool all() const { return bits_ == nullptr; }
  bool operator[](std::int64_t i) const { return bits_ == nullptr || ((bits_[i >> 3] >> (i & 7)) & 1) != 0; }

 private:
  const std::uint8_t* bits_ = nullptr;
};

template <class T>
void widen(const void* buffer, std::int64_t begin, std::int64_t n, std::int64_t* to) {
  const T* const from = static_cast<const T*>(buffer) + begin;
  std::copy(from, from + n, to);
}

void widen(ArrowValue type, const void* buffer, std::int64_t begin, std::int64_t n, std::int64_t* to) {
  switch (type) {
    case ArrowValue::kInt8: return widen<std::int8_t>(buffer, begin, n, to);
    case ArrowValue::kUint8: return widen<std::uint8_t>(buffer, begin, n, to);
    case ArrowValue::kInt16: return widen<std::int16_t>(buffer, begin, n, to);
    case ArrowValue::kUint16: return widen<std::uint16_t>(buffer, begin, n, to);
    case ArrowValue::kInt32: return widen<std::int32_t>(buffer, begin, n, to);
    case ArrowValue::kUint32: return widen<std::uint32_t>(buffer, begin, n, to);
    case ArrowValue::kInt64: return widen<std::int64_t>(buffer, begin, n, to);
    default: break;
  }
  widen<std::uint64_t>(buffer, begin, n, to);
  for (std::int64_t i = 0; i < n; ++i) {
    if (to[i] < 0) throw IndexError("ids must be below 2^63, got " + std::to_string(static_cast<std::uint64_t>(to[i])));
  }
}

template <class Offset>
std::string_view string_between(const ArrowArray& array, std::int64_t i) {
  const auto* const offsets = static_cast<const Offset*>(buffer_of(array, 1));
  const std::int64_t begin = offsets[i];
  const std::int64_t end = offsets[i + 1];
  if (begin < 0 || end < begin) fail("have offsets that do not fall, got " + std::to_string(end));
  if (begin == end) return {};
  const char* const letters = array.n_buffers > 2 ? static_cast<const char*>(array.buffers[2]) : nullptr;
  if (letters == nullptr) fail("have the buffers of its type, got one that is missing");
  return {letters + begin, static_cast<std::size_t>(end - begin)};
}

// A view: 4 bytes of length, then up to 12 letters, or 4 letters, the number of a buffer and a place in it.
std::string_view string_viewed(const ArrowArray& array, std::int64_t i) {
  constexpr std::int32_t kMostInside = 12;
  const char* const view = static_cast<const char*>(buffer_of(array, 1)) + 16 * i;
  std::array<std::int32_t, 4> parts{};
  std::memcpy(parts.data(), view, sizeof parts);
  if (parts[0] < 0) fail("have strings of a length that is not negative, got " + std::to_string(parts[0]));
  const auto length = static_cast<std::size_t>(parts[0]);
  if (parts[0] <= kMostInside) return {view + 4, length};
  if (parts[2] < 0 || parts[2] >= array.n_buffers - 3 || parts[3] < 0)
    fail("have views into its buffers, got one into buffer " + std::to_string(parts[2]));
  return {static_cast<const char*>(buffer_of(array, 2 + parts[2])) + parts[3], length};
}

std::string_view string_at(ArrowValue type, const ArrowArray& array, std::int64_t i) {
  if (type == ArrowValue::kStringView) return string_viewed(array, i);
  return type == ArrowValue::kString ? string_between<std::int32_t>(array, i) : string_between<std::int64_t>(array, i);
}

std::int64_t list_length(const char* format) {
  char* end = nullptr;
  const long long length = std::strtoll(format, &end, 10);
  if (*end != '\0' || length < 0) fail(std::string("have a known format, got '+w:") + format + "'");
  return length;
}

}   // namespace

ArrowColumn::ArrowColumn(const ArrowSchema& schema, const std::optional<std::string>& name) {
  const ArrowSchema* at = &schema;
  const auto format = [&] { return std::string_view(at->format == nullptr ? "" : at->format); };
  if (format() == "+s") {
    for (std::int64_t i = 0; i < schema.n_children; ++i) {
      const char* const found = child_of(schema, i).name;
      if (name ? *name == (found == nullptr ? "" : found) : schema.n_children == 1) child_ = i;
    }
    if (child_ < 0 && name) throw ValueError("column must be one of the table, got '" + *name + "'");
    if (child_ < 0)
      throw ValueError("column must be named for a table of " + std::to_string(schema.n_children) +
                       " columns, got none");
    at = &child_of(schema, child_);
  } else if (name) {
    throw ValueError("column must not be given for data that is no table, got '" + *name + "'");
  }
  const std::string outer(format());
  if (outer == "+l" || outer == "+L" || outer.starts_with("+w:")) {
    nesting_ = outer == "+l"   ? ArrowNesting::kList
               : outer == "+L" ? ArrowNesting::kLargeList
                               : ArrowNesting::kFixedList;
    if (nesting_ == ArrowNesting::kFixedList) fixed_length_ = list_length(outer.c_str() + 3);
    at = &child_of(*at, 0);
  }
  std::optional<ArrowValue> value = value_of(format());
  if (at->dictionary != nullptr) {
    if (!value || *value >= ArrowValue::kString) fail("have integers as indices of a dictionary, got others");
    index_ = value;
    at = at->dictionary;
    value = value_of(format());
  }
  if (!value)
    throw ValueError("the column must hold integers, strings or lists of them, got Arrow's format '" +
                     std::string(format()) + "'" + (outer == format() ? "" : " in '" + outer + "'"));
  value_ = *value;
}

// One batch: the array of sequences and that of items, with their offsets added up.
struct ArrowColumn::Batch {
  Batch(const ArrowColumn& of, const ArrowArray& given) : column(of), rows(given) {
    check(given);
    const ArrowArray& array = of.child_ < 0 ? given : child_of(given, of.child_);
    check(array);
    first = array.offset + (of.child_ < 0 ? 0 : given.offset);
    if (of.child_ >= 0) {
      row_valid = Validity(given);
      if (array.length < given.offset + given.length) fail("have columns as long as its table, got a shorter one");
    }
    valid = Validity(array);
    sequences = &array;
    items = of.is_flat() ? &array : &child_of(array, 0);
    check(*items);
    item_valid = Validity(*items);
    if (of.index_ && items->dictionary == nullptr) fail("have the dictionary of its schema, got an array without");
  }

  std::int64_t size() const { return rows.length; }
  bool has(std::int64_t s) const { return valid[first + s] && (row_valid.all() || row_valid[rows.offset + s]); }

  // Where the items of sequence s begin and end, in the array of items with its offset; of a flat column, the item s.
  std::pair<std::int64_t, std::int64_t> range(std::int64_t s) const {
    if (!has(s)) return {0, 0};
    const std::int64_t i = first + s;
    if (column.is_flat()) return {i, i + 1};
    std::int64_t begin = 0;
    std::int64_t end = 0;
    if (column.nesting_ == ArrowNesting::kFixedList) {
      begin = i * column.fixed_length_;
      end = begin + column.fixed_length_;
    } else if (column.nesting_ == ArrowNesting::kList) {
      const auto* const offsets = static_cast<const std::int32_t*>(buffer_of(*sequences, 1));
      begin = offsets[i];
      end = offsets[i + 1];
    } else {
      const auto* const offsets = static_cast<const std::int64_t*>(buffer_of(*sequences, 1));
      begin = offsets[i];
      end = offsets[i + 1];
    }
    if (begin < 0 || end < begin || end > items->length)
      fail("have lists within their items, got one from " + std::to_string(begin) + " to " + std::to_string(end) +
           " of " + std::to_string(items->length));
    return {items->offset + begin, items->offset + end};
  }

  const ArrowColumn& column;
  const ArrowArray& rows;
  const ArrowArray* sequences;
  const ArrowArray* items;
  std::int64_t first;   // the place of row 0 in the array of sequences
  Validity row_valid, valid, item_valid;
};

std::int64_t ArrowColumn::count_items(const ArrowArray& batch) const {
  const Batch at(*this, batch);
  if (is_flat()) return at.size();
  return nesting_ == ArrowNesting::kFixedList ? at.size() * fixed_length_ : at.items->length;
}

namespace {

// The integers of a dictionary, with those that are null marked.
struct IntegerDictionary {
  std::vector<std::int64_t> values;
  std::vector<bool> has;

  IntegerDictionary(ArrowValue type, const ArrowArray& array) {
    check(array);
    const Validity valid(array);
    values.resize(static_cast<std::size_t>(array.length));
    if (array.length > 0) widen(type, buffer_of(array, 1), array.offset, array.length, values.data());
    for (std::int64_t i = 0; i < array.length; ++i) has.push_back(valid[array.offset + i]);
  }
};

std::size_t dictionary_place(std::int64_t index, std::int64_t length) {
  if (index < 0 || index >= length)
    fail("have indices within its dictionary of " + std::to_string(length) + ", got " + std::to_string(index));
  return static_cast<std::size_t>(index);
}

}   // namespace

void ArrowColumn::read_ids(const ArrowArray& batch, const std::function<void(std::span<const std::int64_t>)>& add,
                           std::vector<std::int64_t>& lengths) const {
  const Batch at(*this, batch);
  if (at.size() == 0) return;
  const ArrowValue stored = index_.value_or(value_);
  const void* const buffer = at.items->length > 0 ? buffer_of(*at.items, 1) : nullptr;
  std::optional<IntegerDictionary> dictionary;
  if (index_) dictionary.emplace(value_, *at.items->dictionary);
  std::vector<std::int64_t> block(static_cast<std::size_t>(kBlock));
  const bool as_it_is = stored == ArrowValue::kInt64 && at.item_valid.all() && !dictionary;

  // Adds items [begin, end) and returns how many there are.
  const auto add_items = [&](std::int64_t begin, std::int64_t end) {
    std::int64_t added = 0;
    for (std::int64_t i = begin; i < end; i += kBlock) {
      const std::int64_t n = std::min(kBlock, end - i);
      if (as_it_is) {
        add({static_cast<const std::int64_t*>(buffer) + i, static_cast<std::size_t>(n)});
        added += n;
        continue;
      }
      widen(stored, buffer, i, n, block.data());
      std::size_t kept = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        if (!at.item_valid[i + j]) continue;
        std::int64_t value = block[static_cast<std::size_t>(j)];
        if (dictionary) {
          const std::size_t place = dictionary_place(value, static_cast<std::int64_t>(dictionary->values.size()));
          if (!dictionary->has[place]) continue;
          value = dictionary->values[place];
        }
        block[kept++] = value;
      }
      add(std::span(block).first(kept));
      added += static_cast<std::int64_t>(kept);
    }
    return added;
  };

  std::int64_t items = 0;
  std::int64_t run_begin = 0;   // items of sequences that follow one another, not yet added
  std::int64_t run_end = 0;
  const bool whole_lengths = at.item_valid.all() && !dictionary;
  for (std::int64_t s = 0; s < at.size(); ++s) {
    const auto [begin, end] = at.range(s);
    const bool joins = begin == run_end && (is_flat() || whole_lengths);
    if (begin < end && !joins) {
      items += add_items(run_begin, run_end);
      run_begin = begin;
    }
    if (begin < end) run_end = end;
    if (is_flat()) continue;
    if (whole_lengths) {
      lengths.push_back(end - begin);
    } else {
      lengths.push_back(begin < end ? add_items(run_begin, run_end) : 0);
      run_begin = run_end;
    }
  }
  items += add_items(run_begin, run_end);
  if (is_flat()) lengths.push_back(items);
}

void ArrowColumn::read_words(const ArrowArray& batch,
                             const std::function<void(std::span<const std::string_view>)>& add) const {
  const Batch at(*this, batch);
  const ArrowArray* const dictionary = index_ ? at.items->dictionary : nullptr;
  const ArrowArray& strings = dictionary != nullptr ? *dictionary : *at.items;
  check(strings);
  const Validity string_valid(strings);
  std::vector<std::string_view> words;
  for (std::int64_t s = 0; s < at.size(); ++s) {
    words.clear();
    const auto [begin, end] = at.range(s);
    for (std::int64_t i = begin; i < end; ++i) {
      if (!at.item_valid[i]) continue;
      std::int64_t place = i;
      if (dictionary != nullptr) {
        widen(*index_, buffer_of(*at.items, 1), i, 1, &place);
        place = strings.offset + static_cast<std::int64_t>(dictionary_place(place, strings.length));
        if (!string_valid[place]) continue;
      }
      const std::string_view text = string_at(value_, strings, place);
      if (!is_flat()) {
        words.push_back(text);
        continue;
      }
      for (std::size_t j = 0; j < text.size();) {
        while (j < text.size() && is_space(text[j])) ++j;
        const std::size_t from = j;
        while (j < text.size() && !is_space(text[j])) ++j;
        if (j > from) words.push_back(text.substr(from, j - from));
      }
    }
    add(words);
  }
}

void ArrowIds::add_ids(std::span<const std::int64_t> ids) {
  const std::size_t before = tokens_.size();
  tokens_.resize(before + ids.size());
  const std::span<WordId> to = std::span(tokens_).subspan(before);
  if (sparse_) return table_.number(ids, to);
  constexpr std::int64_t kMostId = 0x7ffffffe;
  bool within = true;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    within &= static_cast<std::uint64_t>(ids[i]) <= static_cast<std::uint64_t>(kMostId);
    to[i] = WordId{static_cast<std::int32_t>(ids[i])};
  }
  if (within) return;
  const auto wrong = std::find_if(ids.begin(), ids.end(), [](std::int64_t id) { return id < 0 || id > kMostId; });
  throw IndexError("ids must be at least 0 and below 2147483647, got " + std::to_string(*wrong));
}

void ArrowIds::add(const ArrowColumn& column, const ArrowArray& batch) {
  std::vector<std::int64_t> lengths;
  column.read_ids(batch, [this](std::span<const std::int64_t> ids) { add_ids(ids); }, lengths);
  for (const std::int64_t length : lengths) {
    const bool goes_on = column.is_flat() && open_;
    if (goes_on) {
      offsets_.back() += length;
    } else {
      offsets_.push_back(offsets_.back() + length);
    }
    open_ = column.is_flat();
  }
}

Vocabulary ArrowIds::finish_sparse() {
  const std::vector<std::int64_t> counts =
      count_ids(std::span(reinterpret_cast<const std::int32_t*>(tokens_.data()), tokens_.size()),
                static_cast<std::int64_t>(table_.ids().size()));
  const std::vector<std::int32_t> order = select_words(counts, {}, {});
  std::vector<WordId> new_of(counts.size());
  WordArena words;
  std::vector<std::int64_t> sorted;
  sorted.reserve(order.size());
  for (const std::int32_t number : order) {
    const auto old = static_cast<std::size_t>(number);
    new_of[old] = WordId{static_cast<std::int32_t>(sorted.size())};
    sorted.push_back(counts[old]);
    std::array<char, 20> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), table_.ids()[old]).ptr;
    words.append({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }
  for (WordId& token : tokens_) token = new_of[index(token)];
  return {std::move(words), std::move(sorted)};
}

std::string stream_error(ArrowArrayStream& stream, int code) {
  const char* const text = stream.get_last_error != nullptr ? stream.get_last_error(&stream) : nullptr;
  return text != nullptr ? text : "error " + std::to_string(code);
}

}   // namespace hogvec
