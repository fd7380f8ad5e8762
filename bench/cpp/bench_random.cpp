// Random numbers: the counter-based hash and the keyed stream.
#include <benchmark/benchmark.h>

#include <cstdint>

#include "hogvec/random.hpp"

namespace {

constexpr std::int64_t kDraws = 4096;

void random_hash(benchmark::State& state) {
  const std::uint64_t key = hogvec::make_key(1, hogvec::Purpose::kExample);
  std::uint64_t position = 0;
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < kDraws; ++i) sum ^= hogvec::random_bits(key, position++);
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kDraws);
}

void random_stream(benchmark::State& state) {
  hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kCandidates));
  for (auto _ : state) {
    std::uint64_t sum = 0;
    for (std::int64_t i = 0; i < kDraws; ++i) sum ^= stream.next();
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * kDraws);
}

void random_key(benchmark::State& state) {
  std::uint64_t chunk = 0;
  for (auto _ : state) benchmark::DoNotOptimize(hogvec::make_key(1, hogvec::Purpose::kCandidates, 0, chunk++));
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(random_hash);
BENCHMARK(random_stream);
BENCHMARK(random_key);

}   // namespace
