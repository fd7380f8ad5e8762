// Candidates: the target with draws of noise, or the nodes on the target's path.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <set>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/tree.hpp"

using namespace hogvec;

namespace {

std::vector<double> zipf(std::size_t n) {
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i) weights[i] = std::pow(static_cast<double>(i + 1), -0.75);
  return weights;
}

BatchBuffer with_targets(const std::vector<std::int32_t>& targets) {
  BatchBuffer buffer;
  for (const std::int32_t target : targets) buffer.targets.push_back(WordId{target});
  return buffer;
}

struct Candidate {
  std::size_t row;
  float label, weight;
};

std::vector<Candidate> candidates_of(const BatchBuffer& buffer, std::size_t g) {
  std::vector<Candidate> candidates;
  for (auto t = static_cast<std::size_t>(buffer.shared_offsets[g]);
       t < static_cast<std::size_t>(buffer.shared_offsets[g + 1]); ++t)
    candidates.push_back({index(buffer.shared_rows[t]), buffer.shared_labels[t],
                          buffer.shared_weights.empty() ? 1.0F : buffer.shared_weights[t]});
  return candidates;
}

std::vector<std::int32_t> every_target(std::size_t n, int rounds) {
  std::vector<std::int32_t> targets;
  for (int i = 0; i < rounds; ++i) {
    for (std::size_t w = 0; w < n; ++w) targets.push_back(static_cast<std::int32_t>(w));
  }
  return targets;
}

}   // namespace

TEST_CASE("a target comes first, with distinct negatives whose weights sum to the number drawn") {
  for (const std::size_t n : {2U, 3U, 6U, 50U, 5000U}) {
    const AliasTable noise(zipf(n));
    for (const int negatives : {1, 2, 5, 6, 20, 32, 33, 100}) {
      CAPTURE(n);
      CAPTURE(negatives);
      const std::vector<std::int32_t> targets = every_target(std::min<std::size_t>(n, 60), 3);
      BatchBuffer buffer = with_targets(targets);
      Stream stream(make_key(1, Purpose::kCandidates));
      NegativeSamplingObjective(noise, negatives).add_candidates(buffer, stream);
      REQUIRE(buffer.shared_offsets.size() == targets.size() + 1);
      REQUIRE(buffer.shared_labels.size() == buffer.shared_rows.size());
      if (!buffer.shared_weights.empty()) REQUIRE(buffer.shared_weights.size() == buffer.shared_rows.size());
      for (std::size_t g = 0; g < targets.size(); ++g) {
        const std::vector<Candidate> candidates = candidates_of(buffer, g);
        REQUIRE(!candidates.empty());
        REQUIRE(candidates[0].row == static_cast<std::size_t>(targets[g]));
        REQUIRE(candidates[0].label == 1);
        REQUIRE(candidates[0].weight == 1);
        std::set<std::size_t> rows;
        double weight = 0;
        for (std::size_t t = 1; t < candidates.size(); ++t) {
          REQUIRE(candidates[t].row != candidates[0].row);
          REQUIRE(candidates[t].row < n);
          REQUIRE(candidates[t].label == 0);
          rows.insert(candidates[t].row);
          weight += double{candidates[t].weight};
        }
        REQUIRE(rows.size() == candidates.size() - 1);
        REQUIRE(weight == negatives);
      }
    }
  }
}

TEST_CASE("negatives follow the noise without the target") {
  // The noise among the words that are not the target: 18 degrees of freedom, critical value 49.2 at 1e-4.
  const std::vector<double> weights = zipf(20);
  const AliasTable noise(weights);
  for (const std::size_t target : {0U, 7U}) {
    for (const int negatives : {5, 40}) {
      CAPTURE(target);
      CAPTURE(negatives);
      const int rounds = 200000 / negatives;
      BatchBuffer buffer =
          with_targets(std::vector<std::int32_t>(static_cast<std::size_t>(rounds), static_cast<std::int32_t>(target)));
      Stream stream(make_key(2, Purpose::kCandidates));
      NegativeSamplingObjective(noise, negatives).add_candidates(buffer, stream);
      std::vector<double> seen(20);
      for (std::size_t g = 0; g < buffer.targets.size(); ++g) {
        for (const Candidate& candidate : candidates_of(buffer, g)) {
          if (candidate.label == 0) seen[candidate.row] += double{candidate.weight};
        }
      }
      CHECK(seen[target] == 0);
      const double others = std::accumulate(weights.begin(), weights.end(), 0.0) - weights[target];
      double statistic = 0;
      for (std::size_t w = 0; w < 20; ++w) {
        if (w == target) continue;
        const double expected = weights[w] / others * rounds * negatives;
        statistic += (seen[w] - expected) * (seen[w] - expected) / expected;
      }
      CHECK(statistic < 49.2);
    }
  }
}

TEST_CASE("a target that has all the noise to itself keeps no negatives") {
  const AliasTable noise(std::vector<double>{0, 1, 0});
  for (const int negatives : {1, 5, 40}) {
    BatchBuffer buffer = with_targets({1, 0, 1});
    Stream stream(1);
    NegativeSamplingObjective(noise, negatives).add_candidates(buffer, stream);
    CHECK(candidates_of(buffer, 0).size() == 1);
    CHECK(candidates_of(buffer, 2).size() == 1);
    REQUIRE(candidates_of(buffer, 1).size() == 2);
    CHECK(candidates_of(buffer, 1)[1].row == 1);
    CHECK(candidates_of(buffer, 1)[1].weight == static_cast<float>(negatives));
  }
}

TEST_CASE("streams of other chunks and epochs draw other negatives") {
  const AliasTable noise(zipf(10000));
  const NegativeSamplingObjective objective(noise, 5);
  std::set<std::vector<std::size_t>> drawn;
  for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
    for (std::uint64_t chunk = 0; chunk < 4; ++chunk) {
      BatchBuffer buffer = with_targets({3, 4, 5});
      Stream stream(make_key(1, Purpose::kCandidates, epoch, chunk));
      objective.add_candidates(buffer, stream);
      std::vector<std::size_t> rows;
      for (const RowId row : buffer.shared_rows) rows.push_back(index(row));
      drawn.insert(rows);
    }
  }
  CHECK(drawn.size() == 16);
}

TEST_CASE("a buffer is filled again as if it were new") {
  const AliasTable noise(zipf(8));
  const NegativeSamplingObjective objective(noise, 7);
  BatchBuffer used;
  for (std::uint64_t round = 0; round < 5; ++round) {
    const std::vector<std::int32_t> targets = every_target(8 - round, 2);
    used.clear();
    BatchBuffer fresh = with_targets(targets);
    used.targets = fresh.targets;
    Stream first(round), second(round);
    objective.add_candidates(used, first);
    objective.add_candidates(fresh, second);
    CHECK(used.shared_rows == fresh.shared_rows);
    CHECK(used.shared_labels == fresh.shared_labels);
    CHECK(used.shared_weights == fresh.shared_weights);
    CHECK(used.shared_offsets == fresh.shared_offsets);
  }
}

TEST_CASE("hierarchical softmax asks the questions on the target's path") {
  std::vector<std::int64_t> counts;
  for (std::int64_t i = 0; i < 100; ++i) counts.push_back(1000 / (i + 1));
  const Tree tree = build_huffman_tree(counts);
  const std::vector<std::int32_t> targets = every_target(100, 2);
  BatchBuffer buffer = with_targets(targets);
  Stream stream(1);
  HierarchicalSoftmaxObjective(tree).add_candidates(buffer, stream);
  for (std::size_t g = 0; g < targets.size(); ++g) {
    const std::vector<Candidate> candidates = candidates_of(buffer, g);
    const auto word = static_cast<std::size_t>(targets[g]);
    const auto begin = static_cast<std::size_t>(tree.offsets[word]);
    REQUIRE(candidates.size() == static_cast<std::size_t>(tree.offsets[word + 1]) - begin);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      REQUIRE(candidates[i].row == index(tree.points[begin + i]));
      REQUIRE(candidates[i].label == 1 - static_cast<float>(tree.codes[begin + i]));
      REQUIRE(candidates[i].weight == 1);
    }
  }
  CHECK(buffer.shared_weights.empty());
  CHECK(stream.next() == Stream(1).next());   // nothing was drawn
}
