// The alias table: a draw, at sizes that fit the first-level cache up to sizes that fit none, and its construction.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "zipf.hpp"

namespace {

constexpr std::int64_t kDraws = 4096;

std::vector<double> noise_weights(std::int64_t n) {
  return hogvec::unigram_weights(hogvec::bench::zipf_counts(n, 100 * n), 0.75);
}

void alias_draw(benchmark::State& state) {
  const hogvec::AliasTable table(noise_weights(state.range(0)));
  hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kCandidates));
  std::vector<hogvec::WordId> draws(kDraws);
  for (auto _ : state) {
    for (hogvec::WordId& draw : draws) draw = table.draw(stream);
    benchmark::DoNotOptimize(draws.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kDraws);
}

void alias_build(benchmark::State& state) {
  const std::vector<double> weights = noise_weights(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(hogvec::AliasTable(weights).size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(alias_draw)->ArgName("words")->Arg(1'000)->Arg(68'000)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(alias_build)->ArgName("words")->Arg(1'000)->Arg(68'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}   // namespace
