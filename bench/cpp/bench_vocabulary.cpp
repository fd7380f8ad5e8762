// From text to ids on one thread: counting alone, counting and encoding, encoding with a vocabulary given.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hogvec/corpus.hpp"
#include "hogvec/random.hpp"
#include "hogvec/vocabulary.hpp"
#include "zipf.hpp"

namespace {

constexpr std::int64_t kTokens = 4'000'000;
constexpr std::size_t kLine = 1'000;                   // tokens
constexpr std::size_t kBlock = std::size_t{1} << 20;   // bytes fed at once

// Words of a language: frequent ones short, rare ones long. A few may be equal.
std::vector<std::string> words_of(std::int64_t n) {
  std::vector<std::string> words;
  hogvec::Stream stream(hogvec::make_key(2, hogvec::Purpose::kSample));
  for (std::int64_t i = 0; i < n; ++i) {
    std::string word;
    for (std::int64_t rest = i; rest > 0 || word.empty(); rest /= 26) word += static_cast<char>('a' + rest % 26);
    const std::uint64_t more = i < 100 ? 0 : stream.next() % 6;   // letters
    word.append(static_cast<std::size_t>(more), static_cast<char>('a' + static_cast<char>(more)));
    words.push_back(word);
  }
  return words;
}

// About 25 MB of words of Zipf's law in lines.
const std::string& text() {
  static const std::string made = [] {
    const std::vector<std::string> words = words_of(3 * hogvec::bench::kEnglishWords);
    const auto counts = hogvec::bench::zipf_counts(static_cast<std::int64_t>(words.size()), kTokens);
    std::string letters;
    std::size_t n = 0;
    for (const hogvec::WordId token : hogvec::bench::zipf_tokens(kTokens, counts)) {
      letters += words[hogvec::index(token)];
      letters += ++n % kLine == 0 ? '\n' : ' ';
    }
    return letters;
  }();
  return made;
}

hogvec::EncodedCorpus encode(const hogvec::EncoderOptions& options, const hogvec::Vocabulary* vocabulary) {
  hogvec::Encoder encoder(options, vocabulary);
  const std::string_view all = text();
  for (std::size_t i = 0; i < all.size(); i += kBlock) encoder.feed(all.substr(i, kBlock));
  hogvec::WordLimits limits;
  limits.min_count = 5;
  return encoder.finish(limits, {});
}

void report(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text().size()));
  state.counters["tokens/s"] =
      benchmark::Counter(static_cast<double>(state.iterations() * kTokens), benchmark::Counter::kIsRate);
}

void vocabulary_count(benchmark::State& state) {
  hogvec::EncoderOptions options;
  options.keep_tokens = false;
  text();
  for (auto _ : state) benchmark::DoNotOptimize(encode(options, nullptr).raw_words);
  report(state);
}

void vocabulary_count_and_encode(benchmark::State& state) {
  hogvec::EncoderOptions options;
  options.check_utf8 = state.range(0) != 0;
  text();
  for (auto _ : state) benchmark::DoNotOptimize(encode(options, nullptr).tokens.ids.get());
  report(state);
}

void vocabulary_encode(benchmark::State& state) {
  const hogvec::EncodedCorpus first = encode({}, nullptr);
  for (auto _ : state) benchmark::DoNotOptimize(encode({}, &*first.vocabulary).tokens.ids.get());
  report(state);
}

BENCHMARK(vocabulary_count)->Unit(benchmark::kMillisecond);
BENCHMARK(vocabulary_count_and_encode)->ArgName("check_utf8")->Arg(1)->Arg(0)->Unit(benchmark::kMillisecond);
BENCHMARK(vocabulary_encode)->Unit(benchmark::kMillisecond);

}   // namespace
