// Building batches, without training: window examples alone, and with the candidates of each objective.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hogvec/architecture.hpp"
#include "hogvec/batch.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/tree.hpp"
#include "zipf.hpp"

namespace {

constexpr std::int64_t kTokens = 1'000'000;
constexpr std::int64_t kLine = 1'000;
constexpr std::size_t kGroups = 128;   // of a batch

// A corpus of one million tokens in lines, and what trainers derive from its counts.
struct Language {
  std::vector<std::int64_t> counts =
      hogvec::bench::zipf_counts(hogvec::bench::kEnglishWords, hogvec::bench::kEnglishTokens);
  std::vector<hogvec::WordId> tokens = hogvec::bench::zipf_tokens(kTokens, counts);
  std::vector<std::int64_t> offsets;
  std::vector<std::uint32_t> thresholds = hogvec::keep_thresholds(counts, 1e-4);
  hogvec::AliasTable noise{hogvec::unigram_weights(counts, 0.75)};
  hogvec::Tree tree = hogvec::build_huffman_tree(counts);

  Language() {
    for (std::int64_t i = 0; i <= kTokens; i += kLine) offsets.push_back(i);
  }
};

const Language& language() {
  static const Language made;
  return made;
}

struct NoObjective {
  void add_candidates(hogvec::BatchBuffer&, hogvec::Stream&) const {}
};

template <class Objective>
void build(benchmark::State& state, bool cbow, const Objective& objective) {
  const Language& english = language();
  hogvec::WindowSettings settings;
  settings.cbow = cbow;
  const std::int64_t chunk = hogvec::chunk_tokens(settings);
  hogvec::BatchBuffer buffer;
  std::int64_t groups = 0, hidden = 0, candidates = 0, tokens = 0;
  std::uint64_t number = 0;
  hogvec::WindowExamples examples({english.tokens, english.offsets}, settings, english.thresholds,
                                  hogvec::make_key(1, hogvec::Purpose::kExample));
  hogvec::Position begin = 0;
  for (auto _ : state) {   // one chunk
    const hogvec::Position end = std::min(begin + chunk, kTokens);
    examples.start(begin, end);
    hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kCandidates, 0, number++));
    while (examples.fill(buffer, kGroups)) {
      objective.add_candidates(buffer, stream);
      const hogvec::Batch batch = buffer.view();
      groups += static_cast<std::int64_t>(batch.num_groups());
      hidden += static_cast<std::int64_t>(batch.num_hidden());
      candidates += static_cast<std::int64_t>(batch.shared_rows.size());
      benchmark::DoNotOptimize(batch.bag_rows.data());
    }
    tokens += end - begin;
    begin = end == kTokens ? 0 : end;
  }
  const auto count = [](std::int64_t n) { return static_cast<double>(n); };
  using benchmark::Counter;
  state.counters["s/group"] = Counter(count(groups), Counter::kIsRate | Counter::kInvert);
  state.counters["tokens/s"] = Counter(count(tokens), Counter::kIsRate);
  state.counters["hidden"] = count(hidden) / count(groups);           // a group
  state.counters["candidates"] = count(candidates) / count(groups);   // a group
}

void batch_skipgram_examples(benchmark::State& state) { build(state, false, NoObjective{}); }
void batch_cbow_examples(benchmark::State& state) { build(state, true, NoObjective{}); }
void batch_skipgram_negative_sampling(benchmark::State& state) {
  build(state, false, hogvec::NegativeSamplingObjective(language().noise, 5));
}
void batch_skipgram_hierarchical_softmax(benchmark::State& state) {
  build(state, false, hogvec::HierarchicalSoftmaxObjective(language().tree));
}
void batch_cbow_negative_sampling(benchmark::State& state) {
  build(state, true, hogvec::NegativeSamplingObjective(language().noise, 5));
}
void batch_cbow_hierarchical_softmax(benchmark::State& state) {
  build(state, true, hogvec::HierarchicalSoftmaxObjective(language().tree));
}

BENCHMARK(batch_skipgram_examples)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_cbow_examples)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_skipgram_negative_sampling)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_skipgram_hierarchical_softmax)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_cbow_negative_sampling)->Unit(benchmark::kMicrosecond);
BENCHMARK(batch_cbow_hierarchical_softmax)->Unit(benchmark::kMicrosecond);

}   // namespace
