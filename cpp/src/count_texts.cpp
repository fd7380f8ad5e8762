// Words and labels of texts counted by workers that take parts of them, and put into one order.
#include <algorithm>
#include <cstring>
#include <string>

#include "hogvec/documents.hpp"
#include "hogvec/error.hpp"
#include "hogvec/text_tokens.hpp"
#include "hogvec/word_table.hpp"

namespace hogvec {

namespace {

struct TokenCounts {
  WordTable words, labels;
  std::int64_t num_tokens = 0;
};

void count_tokens(const Texts& texts, TextRange range, std::string_view label_prefix, const StopFlag& stop,
                  TokenCounts& counts) {
  const Hasher hasher(texts.letters);
  const HashedWord end_of_line = hash_exact(kEndOfLine);
  for (std::size_t i = range.begin; i < range.end; ++i) {
    if (stop.load(std::memory_order_relaxed)) return;
    for_tokens(texts[i], [&](const char* begin, const char* end) {
      const HashedWord token = hasher(begin, end);
      const bool is_label = *begin == label_prefix.front() && token.view().starts_with(label_prefix);
      (is_label ? counts.labels : counts.words).add(token);
      ++counts.num_tokens;
    });
    counts.words.add(end_of_line);
    ++counts.num_tokens;
  }
}

Vocabulary selected(const WordTable& table, const WordLimits& limits, std::span<const std::int32_t> keep) {
  WordArena words;
  std::vector<std::int64_t> counts;
  for (const std::int32_t id : select_words(table.counts(), limits, keep)) {
    words.append(table.word(static_cast<std::size_t>(id)));
    counts.push_back(table.counts()[static_cast<std::size_t>(id)]);
  }
  return {std::move(words), std::move(counts)};
}

}   // namespace

std::vector<std::int64_t> line_offsets(std::string_view letters) {
  std::vector<std::int64_t> offsets{0};
  for (std::size_t at = 0; at < letters.size();) {
    const void* const found = std::memchr(letters.data() + at, '\n', letters.size() - at);
    at = found == nullptr ? letters.size()
                          : static_cast<std::size_t>(static_cast<const char*>(found) - letters.data()) + 1;
    offsets.push_back(static_cast<std::int64_t>(at));
  }
  return offsets;
}

CountedTexts count_texts(const Texts& texts, const CountOptions& options, const Vocabulary* keep,
                         const KeepGoing& keep_going) {
  check_threads(options.threads);
  if (options.label_prefix.empty()) throw ValueError("label_prefix must not be empty");
  const int threads = useful_threads(texts, options.threads);
  std::vector<TokenCounts> parts(static_cast<std::size_t>(threads));
  run_workers_to_the_end(threads, keep_going, [&](int worker, const StopFlag& stop) {
    count_tokens(texts, range_of(texts, worker, threads), options.label_prefix, stop,
                 parts[static_cast<std::size_t>(worker)]);
  });
  // The parts in their order, so that words are numbered by first appearance whatever their number.
  TokenCounts all;
  for (const TokenCounts& part : parts) {
    for (std::size_t i = 0; i < part.words.size(); ++i)
      all.words.add(hash_exact(part.words.word(i)), part.words.counts()[i]);
    for (std::size_t i = 0; i < part.labels.size(); ++i)
      all.labels.add(hash_exact(part.labels.word(i)), part.labels.counts()[i]);
    all.num_tokens += part.num_tokens;
  }
  std::vector<std::int32_t> kept;
  for (std::size_t i = 0; keep != nullptr && i < keep->size(); ++i) {
    const std::string_view word = keep->word(WordId{static_cast<std::int32_t>(i)});
    if (!word.starts_with(options.label_prefix)) kept.push_back(all.words.add(hash_exact(word), 0));
  }
  const auto& label_counts = all.labels.counts();
  const bool has_label = std::any_of(label_counts.begin(), label_counts.end(),
                                     [&](std::int64_t count) { return count >= options.min_count_label; });
  return {selected(all.words, {options.min_count, kMaxWords}, kept),
          has_label ? selected(all.labels, {options.min_count_label, kMaxWords}, {}) : Vocabulary({}, {}),
          all.num_tokens};
}

}   // namespace hogvec
