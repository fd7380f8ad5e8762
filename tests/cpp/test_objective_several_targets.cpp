// Groups with several targets: their candidates carry the mean of the targets' losses.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/tree.hpp"

using namespace hogvec;

namespace {

// What a row adds to the loss: weight * softplus(o) - yes * o.
struct Candidate {
  double weight = 0, yes = 0;
};
using Candidates = std::map<std::size_t, Candidate>;

BatchBuffer with_targets(const std::vector<std::vector<std::int32_t>>& groups) {
  BatchBuffer buffer;
  buffer.target_offsets.push_back(0);
  for (const auto& targets : groups) {
    for (const std::int32_t target : targets) buffer.targets.push_back(WordId{target});
    buffer.target_offsets.push_back(static_cast<std::int64_t>(buffer.targets.size()));
  }
  return buffer;
}

Candidates candidates_of(const BatchBuffer& buffer, std::size_t g) {
  Candidates candidates;
  for (auto t = static_cast<std::size_t>(buffer.shared_offsets[g]);
       t < static_cast<std::size_t>(buffer.shared_offsets[g + 1]); ++t) {
    const std::size_t row =
        buffer.rows_repeat ? t - static_cast<std::size_t>(buffer.shared_offsets[g]) : index(buffer.shared_rows[t]);
    REQUIRE(candidates.count(row) == 0);   // distinct
    const double weight = buffer.shared_weights.empty() ? 1.0 : double{buffer.shared_weights[t]};
    candidates[row] = {weight, weight * double{buffer.shared_labels[t]}};
  }
  return candidates;
}

const std::vector<std::vector<std::int32_t>> kGroups = {{3},          {1, 2}, {4, 4, 4},
                                                        {0, 5, 0, 7}, {2, 2}, {6, 5, 4, 3, 2, 1}};

// The mean over the targets of a group of candidates that each has alone.
void check_mean(const BatchBuffer& several, const BatchBuffer& single) {
  std::size_t target = 0;
  for (std::size_t g = 0; g < kGroups.size(); ++g) {
    CAPTURE(g);
    Candidates expected;
    const auto size = static_cast<double>(kGroups[g].size());
    for (std::size_t i = 0; i < kGroups[g].size(); ++i) {
      for (const auto& [row, candidate] : candidates_of(single, target)) {
        expected[row].weight += candidate.weight / size;
        expected[row].yes += candidate.yes / size;
      }
      ++target;
    }
    const Candidates found = candidates_of(several, g);
    REQUIRE(found.size() == expected.size());
    for (const auto& [row, candidate] : found) {
      CAPTURE(row);
      CHECK(candidate.weight == doctest::Approx(expected[row].weight).epsilon(1e-6));
      CHECK(candidate.yes == doctest::Approx(expected[row].yes).epsilon(1e-6));
    }
  }
}

BatchBuffer one_by_one() {
  BatchBuffer buffer;
  for (const auto& targets : kGroups) {
    for (const std::int32_t target : targets) buffer.targets.push_back(WordId{target});
  }
  return buffer;
}

void check_mean(const Objective& objective) {
  REQUIRE(takes_several_targets(objective));
  Stream stream(make_key(1, Purpose::kCandidates));
  BatchBuffer several = with_targets(kGroups);
  BatchBuffer single = one_by_one();
  std::visit([&](const auto& o) { o.add_candidates(several, stream); }, objective);
  std::visit([&](const auto& o) { o.add_candidates(single, stream); }, objective);
  check_mean(several, single);
}

}   // namespace

TEST_CASE("paths of several targets are added up") {
  const std::vector<std::int64_t> counts = {90, 70, 50, 30, 20, 10, 5, 2};
  const Tree tree = build_huffman_tree(counts);
  check_mean(HierarchicalSoftmaxObjective(tree));
}

TEST_CASE("labels of all rows are shared by several targets") {
  check_mean(AllRowsObjective(8, Link::kLogistic));
  check_mean(AllRowsObjective(8, Link::kSoftmax, 0.5F, 0.1F));
}

TEST_CASE("a group shares a set of draws for each of four targets, noise for those that they do not equal") {
  const AliasTable noise(std::vector<double>(8, 1.0));
  const std::vector<float> log_q = {0, 1, 2, 3, 4, 5, 6, 7};
  for (const int negatives : {1, 5, 40}) {
    for (const Hits hits : {Hits::kRedraw, Hits::kRemove, Hits::kKeep}) {
      CAPTURE(negatives);
      BatchBuffer buffer = with_targets(kGroups);
      Stream stream(make_key(2, Purpose::kCandidates));
      NegativeSamplingObjective(noise, negatives, hits, log_q).add_candidates(buffer, stream);
      for (std::size_t g = 0; g < kGroups.size(); ++g) {
        CAPTURE(g);
        std::map<std::size_t, double> share;   // of the targets
        for (const std::int32_t target : kGroups[g])
          share[static_cast<std::size_t>(target)] += 1.0 / static_cast<double>(kGroups[g].size());
        const auto sets = static_cast<double>(std::min<std::size_t>(4, kGroups[g].size()));
        double draws = 0;
        for (const auto& [row, candidate] : candidates_of(buffer, g)) {
          CHECK(candidate.yes == doctest::Approx(share[row]).epsilon(1e-6));
          const double of_each = hits == Hits::kKeep ? 1 : 1 - share[row];   // of a draw
          const double noise_weight = candidate.weight - candidate.yes;
          const double times = of_each > 1e-6 ? noise_weight / of_each : 0;
          CHECK(sets * times == doctest::Approx(std::round(sets * times)).epsilon(1e-5));
          draws += times;
        }
        if (hits == Hits::kRemove) {
          CHECK(draws < negatives + 0.01);
        } else {
          CHECK(draws == doctest::Approx(negatives).epsilon(1e-5));
        }
      }
      for (std::size_t t = 0; t < buffer.shared_rows.size(); ++t)
        REQUIRE(buffer.shared_log_q[t] == log_q[index(buffer.shared_rows[t])]);
    }
  }
}

TEST_CASE("noise that is always the only target is given up") {
  std::vector<double> weights(8, 0.0);
  weights[4] = 1;
  const AliasTable noise(weights);
  BatchBuffer buffer = with_targets(kGroups);
  Stream stream(make_key(3, Purpose::kCandidates));
  NegativeSamplingObjective(noise, 5).add_candidates(buffer, stream);
  CHECK(candidates_of(buffer, 2).size() == 1);
  CHECK(candidates_of(buffer, 0).size() == 2);
}

TEST_CASE("draws of their own for every target are not shared") {
  const AliasTable noise(std::vector<double>(8, 1.0));
  const ClassArrays classes = make_classes(std::vector<std::int32_t>{0, 0, 1, 1});
  CHECK(!takes_several_targets(TwoLevelSoftmaxObjective(classes)));
  CHECK(!takes_several_targets(SampledSoftmaxObjective(noise, std::vector<double>(8, 1.0), {3, true, false})));
}
