// Long work on the calling thread asks whether to go on, and ends when the answer is no.
#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <numeric>
#include <span>
#include <stdexcept>
#include <vector>

#include "hogvec/corpus.hpp"
#include "hogvec/error.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/table.hpp"
#include "hogvec/tree.hpp"
#include "hogvec/workers.hpp"

using namespace hogvec;

namespace {

constexpr std::chrono::milliseconds kAlways{0};
constexpr std::int64_t kMany = 100'000;

std::vector<std::int64_t> counts() {
  std::vector<std::int64_t> values(kMany);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

// How often the work asks; it is then stopped at every one of these places, and must end there.
int times_asked(const std::function<void(Pulse*)>& work) {
  int asked = 0;
  Pulse counting([&] { return ++asked > 0; }, kAlways);
  work(&counting);
  for (int stop_at = 1; stop_at <= asked; ++stop_at) {
    int now = 0;
    Pulse stopping([&] { return ++now < stop_at; }, kAlways);
    CHECK_THROWS_WITH_AS(work(&stopping), "the call must run to its end, got a stop before it", StateError);
    CHECK(now == stop_at);
  }
  return asked;
}

}   // namespace

TEST_CASE("a pulse asks once a period") {
  int asked = 0;
  Pulse never([&] { return ++asked > 0; }, std::chrono::hours(1));
  for (int i = 0; i < 1000; ++i) never.beat();
  CHECK(asked == 0);
  Pulse always([&] { return ++asked > 0; }, kAlways);
  for (int i = 0; i < 1000; ++i) always.beat();
  CHECK(asked == 1000);
  Pulse throwing([]() -> bool { throw std::runtime_error("interrupted"); }, kAlways);
  CHECK_THROWS_WITH_AS(throwing.beat(), "interrupted", std::runtime_error);
}

TEST_CASE("tables being filled, and trees, noise, ids and texts being made ready, ask whether to go on") {
  Table table(kMany, 3);
  CHECK(times_asked([&](Pulse* pulse) { initialize_uniform(table.view(), 1, 1, pulse); }) > 10);
  const std::vector<std::int64_t> some = counts();
  CHECK(times_asked([&](Pulse* pulse) { build_huffman_tree(some, pulse); }) > 10);
  CHECK(times_asked([](Pulse* pulse) { build_balanced_tree(kMany, pulse); }) > 1);
  const Tree tree = build_balanced_tree(kMany);
  const std::span points(reinterpret_cast<const std::int32_t*>(tree.points.data()), tree.points.size());
  CHECK(times_asked([&](Pulse* pulse) { tree_of_paths(tree.offsets, points, tree.codes, pulse); }) > 4);
  CHECK(times_asked([&](Pulse* pulse) { unigram_weights(some, 0.75, pulse); }) > 1);
  const std::vector<double> weights = unigram_weights(some, 0.75);
  CHECK(times_asked([&](Pulse* pulse) { AliasTable(weights, pulse); }) > 1);
  CHECK(times_asked([&](Pulse* pulse) { count_ids(std::span(some), -1, pulse); }) > 3);
  const auto encode = [](Pulse* pulse) {
    Encoder encoder({}, nullptr);
    encoder.feed("a b c\n");
    encoder.finish({}, {}, pulse);
  };
  CHECK(times_asked(encode) > 0);
}
