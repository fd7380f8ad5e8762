// A draw from every distribution, at sizes that fit the first-level cache up to sizes that fit none, and the making of
// an alias table.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/weight_tree.hpp"
#include "zipf.hpp"

namespace {

constexpr std::int64_t kDraws = 4096;

std::vector<double> noise_weights(std::int64_t n) {
  return hogvec::unigram_weights(hogvec::bench::zipf_counts(n, 100 * n), 0.75);
}

template <class Distribution>
void draw(benchmark::State& state, const Distribution& distribution) {
  hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kCandidates));
  std::vector<hogvec::WordId> draws(kDraws);
  for (auto _ : state) {
    for (hogvec::WordId& draw : draws) draw = distribution.draw(stream);
    benchmark::DoNotOptimize(draws.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kDraws);
}

void alias_draw(benchmark::State& state) { draw(state, hogvec::AliasTable(noise_weights(state.range(0)))); }

void uniform_draw(benchmark::State& state) {
  draw(state, hogvec::UniformIds(static_cast<std::uint32_t>(state.range(0))));
}

void log_uniform_draw(benchmark::State& state) {
  draw(state, hogvec::LogUniformIds(static_cast<std::uint32_t>(state.range(0))));
}

void weight_tree_draw(benchmark::State& state) {
  draw(state, hogvec::WeightTree(hogvec::bench::zipf_counts(state.range(0), 100 * state.range(0))));
}

void alias_build(benchmark::State& state) {
  const std::vector<double> weights = noise_weights(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(hogvec::AliasTable(weights).size());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

BENCHMARK(alias_draw)->ArgName("words")->Arg(1'000)->Arg(68'000)->Arg(1'000'000)->Arg(10'000'000);
BENCHMARK(uniform_draw)->ArgName("words")->Arg(1'000'000);
BENCHMARK(log_uniform_draw)->ArgName("words")->Arg(1'000'000);
BENCHMARK(weight_tree_draw)->ArgName("words")->Arg(1'000)->Arg(68'000)->Arg(1'000'000);
BENCHMARK(alias_build)->ArgName("words")->Arg(1'000)->Arg(68'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}   // namespace
