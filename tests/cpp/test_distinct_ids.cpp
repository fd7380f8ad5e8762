// Drawing without repetition, step by step and by the shortcut: one law, for the ids, their order and the tries.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <vector>

#include "hogvec/distinct_ids.hpp"
#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"

using namespace hogvec;

namespace {

std::vector<WordId> as_ids(const std::vector<int>& numbers) {
  std::vector<WordId> ids(numbers.size());
  std::transform(numbers.begin(), numbers.end(), ids.begin(), [](int number) { return WordId{number}; });
  return ids;
}

}   // namespace

TEST_CASE("distinct ids are the first appearances and tries end with the last of them") {
  DistinctIds distinct(3);
  CHECK_FALSE(distinct.add(as_ids({5, 5, 2})));
  CHECK(distinct.num_tries() == 3);
  CHECK(distinct.add(as_ids({2, 5, 0, 7, 8})));
  CHECK(distinct.num_tries() == 6);
  CHECK(distinct.ids() == as_ids({5, 2, 0}));
  CHECK(distinct.add(as_ids({9})));
  CHECK(distinct.num_tries() == 6);
  DistinctIds none(0);
  CHECK(none.add({}));
}

TEST_CASE("many ids are told apart") {
  DistinctIds distinct(100000);
  std::vector<WordId> draws;
  for (int i = 0; i < 100000; ++i) {
    draws.push_back(WordId{(i * 16) & 0x7fffffff});
    draws.push_back(draws.back());
  }
  CHECK(distinct.add(draws));
  CHECK(distinct.num_tries() == 199999);
}

TEST_CASE("the shortcut has the law of drawing until all are there") {
  // Ordered pairs of distinct ids out of four, after a first draw was given or not: against the exact probabilities
  // p_i p_j / (1 - p_i). 11 degrees of freedom, critical value 37.4 at 1e-4.
  const std::vector<double> p{0.6, 0.25, 0.1, 0.05};
  constexpr int kRepeats = 200000;
  const AliasTable table(p);
  for (const bool given : {false, true}) {
    std::map<std::pair<std::size_t, std::size_t>, double> seen;
    Stream stream(make_key(given ? 1 : 2, Purpose::kSample));
    double tries = 0;
    double squares = 0;
    for (int r = 0; r < kRepeats; ++r) {
      DistinctIds distinct(2);
      if (given) distinct.add(std::vector<WordId>{table.draw(stream)});
      distinct.complete(p, stream.next());
      REQUIRE(distinct.ids().size() == 2);
      seen[{index(distinct.ids()[0]), index(distinct.ids()[1])}] += 1;
      tries += distinct.num_tries();
      squares += distinct.num_tries() * distinct.num_tries();
    }
    double statistic = 0;
    double expected_tries = 1;
    for (std::size_t i = 0; i < 4; ++i) {
      expected_tries += p[i] / (1 - p[i]);
      for (std::size_t j = 0; j < 4; ++j) {
        if (i == j) continue;
        const double expected = kRepeats * p[i] * p[j] / (1 - p[i]);
        REQUIRE(expected >= 5);
        statistic += std::pow(seen[{i, j}] - expected, 2) / expected;
      }
    }
    CHECK(statistic < 37.4);
    const double mean = tries / kRepeats;
    const double deviation = std::sqrt((squares / kRepeats - mean * mean) / kRepeats);
    CHECK(std::abs(mean - expected_tries) < 4 * deviation);
  }
}

TEST_CASE("the shortcut finds all ids of any positive probability and no other") {
  std::vector<double> p(400, 0.0);
  for (std::size_t i = 0; i < 350; ++i) p[i] = std::pow(10.0, -static_cast<double>(i));   // down to denormal numbers
  const double total = std::accumulate(p.begin(), p.end(), 0.0);
  for (double& value : p) value /= total;
  const auto possible = static_cast<std::size_t>(std::count_if(p.begin(), p.end(), [](double v) { return v > 0; }));
  REQUIRE(possible > 320);
  DistinctIds distinct(possible);
  distinct.complete(p, 1);
  std::vector<WordId> ids = distinct.ids();
  std::sort(ids.begin(), ids.end());
  for (std::size_t i = 0; i < possible; ++i) REQUIRE(index(ids[i]) == i);
  CHECK(distinct.num_tries() > 1e200);
  CHECK(distinct.num_tries() <= 1e308);
  DistinctIds too_many(possible + 1);
  CHECK_THROWS_AS(too_many.complete(p, 1), ValueError);
}

TEST_CASE("more ids than there are and ids beyond the probabilities are refused") {
  const std::vector<double> p{0.5, 0, 0.5};
  DistinctIds distinct(3);
  distinct.add(as_ids({2}));
  CHECK_THROWS_WITH_AS(distinct.complete(p, 1),
                       "n must be at most 2, the number of ids with positive probability, got 3", ValueError);
  DistinctIds beyond(2);
  beyond.add(as_ids({3}));
  CHECK_THROWS_AS(beyond.complete(p, 1), IndexError);
}

TEST_CASE("the same key completes alike") {
  const std::vector<double> p(50, 0.02);
  DistinctIds a(20);
  DistinctIds b(20);
  DistinctIds c(20);
  a.complete(p, 7);
  b.complete(p, 7);
  c.complete(p, 8);
  CHECK(a.ids() == b.ids());
  CHECK(a.num_tries() == b.num_tries());
  CHECK(a.ids() != c.ids());
}
