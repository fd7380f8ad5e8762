// Huffman's tree over counts that fall (sorted, as a vocabulary has them) and over the same counts in another order.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/tree.hpp"
#include "zipf.hpp"

namespace {

void build(benchmark::State& state, const std::vector<std::int64_t>& counts) {
  for (auto _ : state) benchmark::DoNotOptimize(hogvec::build_huffman_tree(counts).points.data());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void huffman_sorted(benchmark::State& state) {
  build(state, hogvec::bench::zipf_counts(state.range(0), 100 * state.range(0)));
}

void huffman_shuffled(benchmark::State& state) {
  std::vector<std::int64_t> counts = hogvec::bench::zipf_counts(state.range(0), 100 * state.range(0));
  hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kSample));
  for (std::size_t i = counts.size() - 1; i > 0; --i)
    std::swap(counts[i], counts[static_cast<std::size_t>(stream.next() % (i + 1))]);
  build(state, counts);
}

BENCHMARK(huffman_sorted)->ArgName("words")->Arg(10'000)->Arg(68'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(huffman_shuffled)->ArgName("words")->Arg(68'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}   // namespace
