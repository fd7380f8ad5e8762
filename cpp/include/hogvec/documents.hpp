// From texts to bags: the words, the n-grams of their letters and the n-grams of words of every document as rows of a
// table, and its labels, as fastText's classifier has them (Joulin et al. 2017, "Bag of tricks for efficient text
// classification"). Nothing is trained here.
//
// A text is words between whitespace, of which NUL is one here, with kEndOfLine behind the last. A token that begins
// with the prefix of labels is a label and no word. Bytes need not be UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hogvec/bucket_set.hpp"
#include "hogvec/subword.hpp"
#include "hogvec/table.hpp"
#include "hogvec/types.hpp"
#include "hogvec/vocabulary.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// Text i is letters[offsets[i], offsets[i + 1]).
struct Texts {
  std::string_view letters;
  std::span<const std::int64_t> offsets;   // (n_texts + 1,), ascending, within letters

  std::size_t size() const { return offsets.size() - 1; }
  std::string_view operator[](std::size_t i) const {
    return letters.substr(static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(offsets[i + 1] - offsets[i]));
  }
};

// Where the lines of a text begin, each with its newline, and the text's end: offsets for Texts.
std::vector<std::int64_t> line_offsets(std::string_view letters);

struct CountOptions {
  std::string label_prefix;
  std::int64_t min_count = 1, min_count_label = 0;
  int threads = 1;
};

// Words and labels by falling count, equal ones by first appearance; there may be no label.
struct CountedTexts {
  Vocabulary words, labels;
  std::int64_t num_tokens;   // all of them, labels and ends of lines too
};

// The words of `keep`, if any, stay whatever their count, even if they do not occur. Throws ValueError if no word is
// left.
CountedTexts count_texts(const Texts& texts, const CountOptions& options, const Vocabulary* keep,
                         const KeepGoing& keep_going);

// The bags and labels of documents, end to end.
struct Documents {
  std::vector<std::int64_t> offsets{0};         // (n_documents + 1,)
  std::vector<RowId> entries;                   // document d: [offsets[d], offsets[d + 1]); a word stands for its rows
  std::vector<std::int64_t> label_offsets{0};   // (n_documents + 1,)
  std::vector<WordId> labels;

  std::size_t size() const { return offsets.size() - 1; }
};

// Throws ValueError unless offsets ascend, IndexError unless entries are below `rows`.
void check(const Documents& documents, std::int64_t rows);
// Throws IndexError unless labels are of [0, num_labels).
void check_labels(const Documents& documents, std::int64_t num_labels);

struct FeatureSettings {
  std::int32_t word_ngrams = 1;        // longest n-gram of words
  std::int32_t min_n = 0, max_n = 0;   // lengths of n-grams of letters; max_n 0: none
  std::int64_t buckets = 0;            // that n-grams of both kinds share; 0: there are no n-grams
  std::string label_prefix;
};

// Throws ValueError.
void check(const FeatureSettings& settings);

// Which rows a text has. Row w is that of word w, and those of buckets follow. Never changes once made.
class TextFeatures {
 public:
  // Every bucket has a row: bucket b the one with number words.size() + b. The vocabularies must outlive this.
  TextFeatures(const Vocabulary& words, const Vocabulary& labels, FeatureSettings settings);
  // Only these buckets, which ascend, have rows, in their order. n-grams of others are passed over or, if
  // `missing_count`, count as rows of zeros. Throws ValueError.
  TextFeatures(const Vocabulary& words, const Vocabulary& labels, FeatureSettings settings,
               std::span<const std::uint32_t> kept, bool missing_count);

  std::int64_t num_rows() const { return static_cast<std::int64_t>(words_->size()) + num_buckets_; }
  std::int64_t num_labels() const { return static_cast<std::int64_t>(labels_->size()); }

  // Whether every entry of a document is a row: there are no n-grams of letters.
  bool stands_for_itself() const { return word_offsets_.empty(); }
  // Calls function(row) for every row that an entry of a document stands for.
  template <class Function>
  void for_rows(RowId entry, Function function) const {
    const std::size_t e = index(entry);
    if (word_offsets_.empty() || e >= words_->size()) return function(entry);
    for (auto i = static_cast<std::size_t>(word_offsets_[e]); i < static_cast<std::size_t>(word_offsets_[e + 1]); ++i)
      function(word_rows_[i]);
  }

  // Labels that are none of ours are left out or, if `unknown_labels`, kUnknownWord. Throws StateError if keep_going
  // says no.
  Documents encode(const Texts& texts, bool unknown_labels, int threads, const KeepGoing& keep_going) const;

  // Of features in which every bucket has a row: those that the words or the documents reach, ascending.
  std::vector<std::uint32_t> reached(const Documents& documents) const;
  // Entries of features in which every bucket has a row become those of this, which must have a row for each of them.
  // Both throw ValueError for documents or features of another kind.
  void renumber(Documents& documents) const;

  // The mean of the rows of each text, (n_texts, dim); zeros for a text without rows.
  void means(const Texts& texts, const FloatRows& table, std::span<float> out, int threads,
             const KeepGoing& keep_going) const;

 private:
  class Reader;

  void list_word_rows();
  bool add_bucket(std::uint32_t bucket, std::vector<RowId>& rows) const;

  const Vocabulary* words_;
  const Vocabulary* labels_;
  FeatureSettings settings_;
  WordId end_of_line_;
  std::int64_t num_buckets_;
  std::optional<BucketSet> kept_;   // none: all
  bool missing_count_ = false;
  std::vector<std::int64_t> word_offsets_;   // with n-grams of letters: word w has the rows
  std::vector<RowId> word_rows_;             // [word_offsets_[w], word_offsets_[w + 1]), its own first
  std::vector<std::uint32_t> word_hashes_;   // with n-grams of words
};

}   // namespace hogvec
