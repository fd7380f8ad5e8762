// Columns in Arrow's C data interface, read where they lie: sequences of integers or of strings. The structs are the
// published ABI (arrow.apache.org/docs/format/CDataInterface.html and CStreamInterface.html); nothing of Arrow is
// linked.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hogvec/id_table.hpp"
#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"

namespace hogvec {

struct ArrowSchema {
  const char* format;
  const char* name;
  const char* metadata;
  std::int64_t flags;
  std::int64_t n_children;
  ArrowSchema** children;
  ArrowSchema* dictionary;
  void (*release)(ArrowSchema*);
  void* private_data;
};

struct ArrowArray {
  std::int64_t length;
  std::int64_t null_count;
  std::int64_t offset;
  std::int64_t n_buffers;
  std::int64_t n_children;
  const void** buffers;
  ArrowArray** children;
  ArrowArray* dictionary;
  void (*release)(ArrowArray*);
  void* private_data;
};

struct ArrowArrayStream {
  int (*get_schema)(ArrowArrayStream*, ArrowSchema* out);
  int (*get_next)(ArrowArrayStream*, ArrowArray* out);
  const char* (*get_last_error)(ArrowArrayStream*);
  void (*release)(ArrowArrayStream*);
  void* private_data;
};

// One of these structs, released at the end of its life.
template <class T>
class ArrowOwner {
 public:
  ArrowOwner() : value_{} {}
  // Moves the content out of `other`, which is then released.
  explicit ArrowOwner(T& other) : value_(other) { other.release = nullptr; }
  ArrowOwner(ArrowOwner&& other) noexcept : ArrowOwner(other.value_) {}
  ArrowOwner& operator=(ArrowOwner&& other) noexcept {
    if (this == &other) return *this;
    clear();
    value_ = other.value_;
    other.value_.release = nullptr;
    return *this;
  }
  ArrowOwner(const ArrowOwner&) = delete;
  ArrowOwner& operator=(const ArrowOwner&) = delete;
  ~ArrowOwner() { clear(); }

  void clear() {
    if (value_.release != nullptr) value_.release(&value_);
    value_.release = nullptr;
  }
  T* get() { return &value_; }
  const T& operator*() const { return value_; }
  bool holds() const { return value_.release != nullptr; }

 private:
  T value_;
};

enum class ArrowValue : std::uint8_t {
  kInt8,
  kUint8,
  kInt16,
  kUint16,
  kInt32,
  kUint32,
  kInt64,
  kUint64,
  kString,
  kLargeString,
  kStringView
};

// How a column holds sequences.
enum class ArrowNesting : std::uint8_t { kFlat, kList, kLargeList, kFixedList };

// A column of a table, or an array alone: sequences of integers or of strings.
class ArrowColumn {
 public:
  // `name` is that of a column of a table; without one the table must have one column. Throws ValueError if there is no
  // such column, or it holds neither integers nor strings.
  ArrowColumn(const ArrowSchema& schema, const std::optional<std::string>& name);

  bool is_text() const { return value_ >= ArrowValue::kString; }
  bool is_flat() const { return nesting_ == ArrowNesting::kFlat; }

  // How many items a batch has, nulls among them.
  std::int64_t count_items(const ArrowArray& batch) const;

  // Calls `add` with the items of a batch in order, and appends the length of each of its sequences to `lengths`; a
  // flat column is a single one. Null items are left out, null sequences are empty.
  void read_ids(const ArrowArray& batch, const std::function<void(std::span<const std::int64_t>)>& add,
                std::vector<std::int64_t>& lengths) const;
  // Calls `add` with the words of each sequence. In a flat column a string is a text, with words between whitespace.
  void read_words(const ArrowArray& batch, const std::function<void(std::span<const std::string_view>)>& add) const;

 private:
  struct Batch;

  std::int64_t child_ = -1;   // of a table
  ArrowNesting nesting_ = ArrowNesting::kFlat;
  std::int64_t fixed_length_ = 0;
  ArrowValue value_ = ArrowValue::kInt64;
  std::optional<ArrowValue> index_;   // of a dictionary
};

// Collects the sequences of batches, as ids that are rows or as sparse ones, numbered as they appear.
class ArrowIds {
 public:
  explicit ArrowIds(bool sparse) : sparse_(sparse) {}

  // Throws IndexError on an id that is negative or not below 2^31 - 1, unless ids are sparse.
  void add(const ArrowColumn& column, const ArrowArray& batch);
  // Numbers sparse ids by falling count, equal counts by first appearance. The words are the ids in decimal digits.
  Vocabulary finish_sparse();

  std::vector<WordId>& tokens() { return tokens_; }
  std::vector<std::int64_t>& offsets() { return offsets_; }
  std::int64_t bytes() const { return sparse_ ? IdTable::bytes(static_cast<std::int64_t>(table_.ids().size())) : 0; }

 private:
  void add_ids(std::span<const std::int64_t> ids);

  bool sparse_;
  IdTable table_;
  std::vector<WordId> tokens_;
  std::vector<std::int64_t> offsets_{0};
  bool open_ = false;   // the last sequence goes on: a flat column's
};

// Arrow's own error of a stream, or its number.
std::string stream_error(ArrowArrayStream& stream, int code);

}   // namespace hogvec
