// Texts as entries, and the means of their rows: by workers that take parts of the texts.
#include "hogvec/documents.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "hogvec/batch.hpp"
#include "hogvec/error.hpp"
#include "hogvec/text_tokens.hpp"

namespace hogvec {

namespace {

constexpr std::int32_t kMostBuckets = 0x7fffffff;

// sum += the rows, four at a time, since a pass over the sum costs as much as one over a row.
void add_rows(const FloatRows& table, std::span<const RowId> rows, float* sum) {
  constexpr std::size_t kAhead = 8;          // rows that are fetched
  constexpr std::int64_t kLineFloats = 16;   // of a cache line
  const auto row_at = [&](std::size_t e) { return table.row(static_cast<std::int64_t>(index(rows[e]))); };
  const auto fetch = [&](std::size_t e) {
    if (e >= rows.size()) return;
    for (std::int64_t d = 0; d < table.dim; d += kLineFloats) __builtin_prefetch(row_at(e) + d);
  };
  for (std::size_t e = 0; e < kAhead; ++e) fetch(e);
  std::size_t e = 0;
  for (; e + 4 <= rows.size(); e += 4) {
    for (std::size_t i = 0; i < 4; ++i) fetch(e + kAhead + i);
    const float *const a = row_at(e), *const b = row_at(e + 1), *const c = row_at(e + 2), *const d = row_at(e + 3);
    for (std::int64_t i = 0; i < table.dim; ++i) sum[i] += (a[i] + b[i]) + (c[i] + d[i]);
  }
  for (; e < rows.size(); ++e) {
    const float* const a = row_at(e);
    for (std::int64_t i = 0; i < table.dim; ++i) sum[i] += a[i];
  }
}

}   // namespace

void check(const FeatureSettings& settings) {
  if (settings.word_ngrams < 1)
    throw ValueError("word_ngrams must be at least 1, got " + std::to_string(settings.word_ngrams));
  if (settings.buckets < 0 || settings.buckets > kMostBuckets)
    throw ValueError("buckets must be at least 0 and at most " + std::to_string(kMostBuckets) + ", got " +
                     std::to_string(settings.buckets));
  if (settings.min_n < 0 || settings.max_n < 0)
    throw ValueError("min_n and max_n must not be negative, got " +
                     std::to_string(std::min(settings.min_n, settings.max_n)));
  if (settings.label_prefix.empty()) throw ValueError("label_prefix must not be empty");
}

void check(const Documents& documents, std::int64_t rows) {
  check_offsets(documents.offsets, documents.entries.size(), "offsets");
  check_offsets(documents.label_offsets, documents.labels.size(), "label_offsets");
  if (documents.label_offsets.size() != documents.offsets.size())
    throw ValueError("label_offsets must have an entry for each document and one more, " +
                     std::to_string(documents.offsets.size()) + ", got " +
                     std::to_string(documents.label_offsets.size()));
  for (const RowId entry : documents.entries) {
    if (static_cast<std::int64_t>(index(entry)) >= rows)
      throw IndexError("entries must be below the number of rows, " + std::to_string(rows) + ", got " +
                       std::to_string(index(entry)));
  }
}

void check_labels(const Documents& documents, std::int64_t num_labels) {
  for (const WordId label : documents.labels) {
    const auto id = static_cast<std::int64_t>(label);
    if (id < 0 || id >= num_labels)
      throw IndexError("labels must be at least 0 and below " + std::to_string(num_labels) + ", got " +
                       std::to_string(id));
  }
}

// One worker's view of a text: its entries, its labels, and how many n-grams have no row.
class TextFeatures::Reader {
 public:
  // A table, if given, is asked for in memory row by row.
  Reader(const TextFeatures& features, std::string_view letters, bool unknown_labels, const FloatRows* table = nullptr)
      : features_(features),
        table_(table),
        unknown_labels_(unknown_labels),
        hasher_(letters),
        has_word_ngrams_(features.settings_.word_ngrams > 1 && features.settings_.buckets > 0) {}

  void read(std::string_view text) {
    entries.clear();
    labels.clear();
    hashes_.clear();
    tokens_.clear();
    missing = 0;
    // Where words are is asked for in memory before they are looked up, some words ahead.
    for_tokens(text, [&](const char* begin, const char* end) {
      tokens_.push_back(hasher_(begin, end));
      features_.words_->prefetch(tokens_.back());
      if (tokens_.size() == kAhead) {
        for (const HashedWord& token : tokens_) add_token(token);
        tokens_.clear();
      }
    });
    for (const HashedWord& token : tokens_) add_token(token);
    if (features_.end_of_line_ != kUnknownWord) entries.push_back(row_of(features_.end_of_line_));
    if (!has_word_ngrams_) return;
    hashes_.push_back(kEndHash);
    add_word_ngrams();
  }

  std::vector<RowId> entries;
  std::vector<WordId> labels;
  std::int64_t missing = 0;

 private:
  static constexpr std::size_t kAhead = 64;
  static constexpr std::uint32_t kEndHash = subword_hash(kEndOfLine);

  void add_token(const HashedWord& token) {
    const WordId word = features_.words_->find(token);
    if (word != kUnknownWord) {
      entries.push_back(row_of(word));
      prefetch();
      if (has_word_ngrams_) hashes_.push_back(features_.word_hashes_[index(word)]);
      return;
    }
    const WordId label = features_.labels_->find(token);
    if (label != kUnknownWord) {
      labels.push_back(label);
      return;
    }
    const std::string_view letters = token.view();
    if (letters.starts_with(features_.settings_.label_prefix)) {
      if (unknown_labels_) labels.push_back(kUnknownWord);
      return;
    }
    if (has_word_ngrams_) hashes_.push_back(subword_hash(letters));
    if (features_.settings_.max_n == 0 || features_.settings_.buckets == 0) return;
    ngrams_.clear();
    append_ngrams(letters, {features_.settings_.min_n, features_.settings_.max_n, features_.settings_.buckets},
                  ngrams_);
    for (const Ngram& ngram : ngrams_) add_bucket(ngram.bucket);
  }

  void add_word_ngrams() {
    ids_.clear();
    append_word_ngrams(hashes_, features_.settings_.word_ngrams, 0,
                       static_cast<std::uint64_t>(features_.settings_.buckets), ids_);
    for (const std::uint64_t id : ids_) add_bucket(static_cast<std::uint32_t>(id));
  }

  void add_bucket(std::uint32_t bucket) {
    const std::size_t before = entries.size();
    missing += features_.add_bucket(bucket, entries) ? 0 : 1;
    if (entries.size() > before) prefetch();
  }

  void prefetch() const {
    if (table_ != nullptr) __builtin_prefetch(table_->row(static_cast<std::int64_t>(index(entries.back()))));
  }

  const TextFeatures& features_;
  const FloatRows* table_;
  bool unknown_labels_;
  Hasher hasher_;
  bool has_word_ngrams_;
  std::vector<HashedWord> tokens_;
  std::vector<std::uint32_t> hashes_;   // of the words, those without a row too
  std::vector<std::uint64_t> ids_;
  std::vector<Ngram> ngrams_;
};

TextFeatures::TextFeatures(const Vocabulary& words, const Vocabulary& labels, FeatureSettings settings)
    : words_(&words),
      labels_(&labels),
      settings_(std::move(settings)),
      end_of_line_(words.find(kEndOfLine)),
      num_buckets_(settings_.buckets) {
  hogvec::check(settings_);
  list_word_rows();
}

TextFeatures::TextFeatures(const Vocabulary& words, const Vocabulary& labels, FeatureSettings settings,
                           std::span<const std::uint32_t> kept, bool missing_count)
    : words_(&words),
      labels_(&labels),
      settings_(std::move(settings)),
      end_of_line_(words.find(kEndOfLine)),
      num_buckets_(static_cast<std::int64_t>(kept.size())),
      missing_count_(missing_count) {
  hogvec::check(settings_);
  kept_.emplace(settings_.buckets, kept.size());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (std::int64_t{kept[i]} >= settings_.buckets || (i > 0 && kept[i] <= kept[i - 1]))
      throw ValueError("kept must ascend and be below " + std::to_string(settings_.buckets) + ", got " +
                       std::to_string(kept[i]));
    kept_->add(kept[i]);
  }
  kept_->finish();
  list_word_rows();
}

void TextFeatures::list_word_rows() {
  const std::size_t n = words_->size();
  if (settings_.word_ngrams > 1) {
    word_hashes_.reserve(n);
    for (std::size_t w = 0; w < n; ++w)
      word_hashes_.push_back(subword_hash(words_->word(WordId{static_cast<std::int32_t>(w)})));
  }
  if (settings_.max_n == 0 || settings_.buckets == 0) return;
  std::vector<Ngram> ngrams;
  word_offsets_.push_back(0);
  for (std::size_t w = 0; w < n; ++w) {
    const WordId word{static_cast<std::int32_t>(w)};
    word_rows_.push_back(row_of(word));
    ngrams.clear();
    append_ngrams(words_->word(word), {settings_.min_n, settings_.max_n, settings_.buckets}, ngrams);
    for (const Ngram& ngram : ngrams) add_bucket(ngram.bucket, word_rows_);
    word_offsets_.push_back(static_cast<std::int64_t>(word_rows_.size()));
  }
}

// Appends the row of a bucket. False if it has none and counts all the same.
bool TextFeatures::add_bucket(std::uint32_t bucket, std::vector<RowId>& rows) const {
  const auto first = static_cast<std::uint32_t>(words_->size());   // 2^31 words and 2^31 buckets at most
  if (!kept_) {
    rows.push_back(RowId{first + bucket});
  } else if (kept_->contains(bucket)) {
    rows.push_back(RowId{first + kept_->rank(bucket)});
  } else {
    return !missing_count_;
  }
  return true;
}

Documents TextFeatures::encode(const Texts& texts, bool unknown_labels, int threads,
                               const KeepGoing& keep_going) const {
  check_threads(threads);
  threads = useful_threads(texts, threads);
  std::vector<Documents> parts(static_cast<std::size_t>(threads));
  run_workers_to_the_end(threads, keep_going, [&](int worker, const StopFlag& stop) {
    Documents& part = parts[static_cast<std::size_t>(worker)];
    Reader reader(*this, texts.letters, unknown_labels);
    const TextRange range = range_of(texts, worker, threads);
    for (std::size_t i = range.begin; i < range.end && !stop.load(std::memory_order_relaxed); ++i) {
      reader.read(texts[i]);
      part.entries.insert(part.entries.end(), reader.entries.begin(), reader.entries.end());
      part.labels.insert(part.labels.end(), reader.labels.begin(), reader.labels.end());
      part.offsets.push_back(static_cast<std::int64_t>(part.entries.size()));
      part.label_offsets.push_back(static_cast<std::int64_t>(part.labels.size()));
    }
  });
  Documents all = std::move(parts.front());
  for (Documents& part : std::span(parts).subspan(1)) {
    const std::int64_t entries = all.offsets.back();
    const std::int64_t labels = all.label_offsets.back();
    for (std::size_t d = 1; d < part.offsets.size(); ++d) {
      all.offsets.push_back(entries + part.offsets[d]);
      all.label_offsets.push_back(labels + part.label_offsets[d]);
    }
    all.entries.insert(all.entries.end(), part.entries.begin(), part.entries.end());
    all.labels.insert(all.labels.end(), part.labels.begin(), part.labels.end());
    part = Documents{};
  }
  return all;
}

std::vector<std::uint32_t> TextFeatures::reached(const Documents& documents) const {
  if (kept_) throw ValueError("features must have a row for every bucket, got some that have not");
  hogvec::check(documents, num_rows());
  BucketSet reached(settings_.buckets, documents.entries.size() + word_rows_.size());
  const std::size_t first = words_->size();
  for (const std::vector<RowId>* rows : {&documents.entries, &word_rows_}) {
    for (const RowId row : *rows) {
      if (index(row) >= first) reached.add(static_cast<std::uint32_t>(index(row) - first));
    }
  }
  reached.finish();
  return reached.members();
}

void TextFeatures::renumber(Documents& documents) const {
  const auto first = static_cast<std::uint32_t>(words_->size());
  if (!kept_) throw ValueError("features must have rows for some buckets, got some that have them for all");
  hogvec::check(documents, std::int64_t{first} + settings_.buckets);
  for (RowId& entry : documents.entries) {
    const auto row = static_cast<std::uint32_t>(entry);
    if (row < first) continue;
    if (!kept_->contains(row - first))
      throw ValueError("documents must reach only buckets that have a row, got bucket " + std::to_string(row - first));
    entry = RowId{first + kept_->rank(row - first)};
  }
}

void TextFeatures::means(const Texts& texts, const FloatRows& table, std::span<float> out, int threads,
                         const KeepGoing& keep_going) const {
  check_threads(threads);
  if (table.rows != num_rows())
    throw ValueError("table must have a row for each word and bucket, " + std::to_string(num_rows()) + ", got " +
                     std::to_string(table.rows));
  constexpr std::size_t kBlock = 32;             // texts taken at a time
  constexpr std::size_t kFewLetters = 1 << 14;   // not worth a thread
  const auto dim = static_cast<std::size_t>(table.dim);
  std::atomic<std::size_t> next{0};
  const auto work = [&](int, const StopFlag& stop) {
    Reader reader(*this, texts.letters, false, &table);
    std::vector<RowId> rows;
    for (;;) {
      const std::size_t begin = next.fetch_add(kBlock, std::memory_order_relaxed);
      if (begin >= texts.size()) return;
      for (std::size_t i = begin; i < std::min(begin + kBlock, texts.size()); ++i) {
        if (stop.load(std::memory_order_relaxed)) return;
        reader.read(texts[i]);
        rows.clear();
        for (const RowId entry : reader.entries) for_rows(entry, [&](RowId row) { rows.push_back(row); });
        float* const sum = out.data() + i * dim;
        std::fill_n(sum, dim, 0.0F);
        add_rows(table, rows, sum);
        const auto size = static_cast<double>(rows.size()) + static_cast<double>(reader.missing);
        const auto scale = static_cast<float>(size > 0 ? 1 / size : 0);
        for (std::size_t d = 0; d < dim; ++d) sum[d] *= scale;
      }
    }
  };
  if (texts.letters.size() < kFewLetters)
    run_small(work);
  else
    run_workers_to_the_end(useful_threads(texts, threads), keep_going, work);
}

}   // namespace hogvec
