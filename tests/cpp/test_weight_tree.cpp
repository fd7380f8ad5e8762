// The tree of weights against plain sums: what it holds after additions, and its draws by chi-square.
#include <doctest/doctest.h>

#include <limits>
#include <numeric>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/weight_tree.hpp"

using namespace hogvec;

namespace {

// Pearson's statistic of the draws against the tree's own weights.
double chi_square(const WeightTree& tree, int n_draws, std::uint64_t seed) {
  Stream stream(make_key(seed, Purpose::kSample));
  std::vector<double> seen(tree.weights().size(), 0.0);
  for (int i = 0; i < n_draws; ++i) seen[index(tree.draw(stream))] += 1;
  double statistic = 0;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    const double expected =
        static_cast<double>(tree.weights()[i]) / static_cast<double>(tree.total()) * static_cast<double>(n_draws);
    if (expected == 0) {
      CHECK(seen[i] == 0);
      continue;
    }
    REQUIRE(expected >= 5);
    statistic += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  return statistic;
}

}   // namespace

TEST_CASE("draws of a weight tree of any size pass chi-square") {
  // Critical values at 1e-4: 2 degrees of freedom 18.4, 9 degrees 33.7, 99 degrees 160.0.
  std::vector<std::int64_t> weights(100);
  std::iota(weights.begin(), weights.end(), 1);
  CHECK(chi_square(WeightTree(weights), 400000, 1) < 160.0);
  weights.resize(10);
  CHECK(chi_square(WeightTree(weights), 100000, 2) < 33.7);
  weights.resize(3);
  CHECK(chi_square(WeightTree(weights), 100000, 3) < 18.4);
  CHECK(chi_square(WeightTree(std::vector<std::int64_t>{0, 5, 0, 0, 1, 7, 0}), 100000, 4) < 18.4);
  CHECK(chi_square(WeightTree(std::vector<std::int64_t>{9}), 1000, 5) == 0);
}

TEST_CASE("what is added is drawn") {
  WeightTree tree(std::vector<std::int64_t>(10, 1));
  std::vector<WordId> ids(300);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = WordId{static_cast<std::int32_t>(i % 7)};
  tree.add(ids);
  CHECK(tree.total() == 310);
  CHECK(std::vector<std::int64_t>(tree.weights().begin(), tree.weights().end()) ==
        std::vector<std::int64_t>{44, 44, 44, 44, 44, 44, 43, 1, 1, 1});
  CHECK(chi_square(tree, 100000, 6) < 33.7);
}

TEST_CASE("the largest weights neither overflow nor lose an id") {
  const std::int64_t half = std::numeric_limits<std::int64_t>::max() / 2;
  const WeightTree tree(std::vector<std::int64_t>{half, half});
  CHECK(chi_square(tree, 100000, 7) < 15.2);   // 1 degree of freedom at 1e-4
}

TEST_CASE("weights that are none and ids that are none are refused") {
  using Weights = std::vector<std::int64_t>;
  CHECK_THROWS_WITH_AS(WeightTree(Weights{}), "weights must have a positive entry, got none", ValueError);
  CHECK_THROWS_WITH_AS(WeightTree(Weights{0, 0}), "weights must have a positive entry, got none", ValueError);
  CHECK_THROWS_WITH_AS(WeightTree(Weights{1, -1}), "weights must not be negative, got -1", ValueError);
  CHECK_THROWS_WITH_AS(WeightTree(Weights{std::numeric_limits<std::int64_t>::max(), 1}),
                       "weights must sum to below 2^63", ValueError);
  WeightTree tree(Weights{1, 1});
  CHECK_THROWS_WITH_AS(tree.add(std::vector<WordId>{WordId{0}, WordId{2}}), "ids must be at least 0 and below 2, got 2",
                       IndexError);
  CHECK_THROWS_AS(tree.add(std::vector<WordId>{WordId{-1}}), IndexError);
  CHECK(tree.total() == 2);
}
