// Candidates: the target with draws of noise, distinct ones too, the nodes on the target's path, all rows, classes.
// Longer than others, since all cases read candidates through the same helpers.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
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
      // So few groups at a time that each has draws of its own.
      const int calls = 200000 / negatives / static_cast<int>(kSetsInTurn);
      const int rounds = calls * static_cast<int>(kSetsInTurn);
      Stream stream(make_key(2, Purpose::kCandidates));
      std::vector<double> seen(20);
      for (int call = 0; call < calls; ++call) {
        BatchBuffer buffer = with_targets(std::vector<std::int32_t>(kSetsInTurn, static_cast<std::int32_t>(target)));
        NegativeSamplingObjective(noise, negatives).add_candidates(buffer, stream);
        for (std::size_t g = 0; g < buffer.targets.size(); ++g) {
          for (const Candidate& candidate : candidates_of(buffer, g)) {
            if (candidate.label == 0) seen[candidate.row] += double{candidate.weight};
          }
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

TEST_CASE("groups take their sets of noise in turn") {
  const AliasTable noise(std::vector<double>(100'000, 1.0));   // so many words that sets hardly meet
  const std::size_t block = kSetsInTurn * kGroupsOfASet;
  BatchBuffer buffer = with_targets(std::vector<std::int32_t>(2 * block + 5, 7));
  Stream stream(make_key(3, Purpose::kCandidates));
  NegativeSamplingObjective(noise, 4).add_candidates(buffer, stream);
  std::map<std::vector<std::size_t>, std::vector<std::size_t>> groups_of;   // by the rows of their negatives
  for (std::size_t g = 0; g < buffer.targets.size(); ++g) {
    std::vector<std::size_t> rows;
    for (const Candidate& candidate : candidates_of(buffer, g)) {
      if (candidate.label == 0) rows.push_back(candidate.row);
    }
    groups_of[rows].push_back(g);
  }
  CHECK(groups_of.size() == 2 * kSetsInTurn + 5);
  for (const auto& [rows, groups] : groups_of) {
    for (const std::size_t g : groups) {
      CHECK(g / block == groups[0] / block);
      CHECK(g % kSetsInTurn == groups[0] % kSetsInTurn);
    }
  }
}

TEST_CASE("a batch draws as many sets of noise as its groups take") {
  const AliasTable noise(std::vector<double>(1000, 1.0));
  for (const std::size_t groups : {1U, 3U, 8U, 9U, 63U, 64U, 65U, 70U, 128U, 139U}) {
    CAPTURE(groups);
    std::set<std::size_t> sets;
    for (std::size_t g = 0; g < groups; ++g) sets.insert(noise_set_of(g));
    CHECK(*sets.rbegin() == sets.size() - 1);
    CHECK(num_noise_sets(groups) == sets.size());
    const std::vector<std::int32_t> targets(groups, 7);
    for (const bool several : {false, true}) {
      BatchBuffer buffer = with_targets(targets);
      for (std::size_t g = 0; several && g <= groups; ++g)
        buffer.target_offsets.push_back(static_cast<std::int64_t>(g));
      Stream stream(3), expected(3);
      NegativeSamplingObjective(noise, 4, Hits::kKeep).add_candidates(buffer, stream);
      const std::size_t draws = 4 * sets.size() * (several ? kMostTargetSets : 1);
      for (std::size_t i = 0; i < draws; ++i) expected.next();
      CHECK(stream.next() == expected.next());
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

namespace {

SampledSoftmaxObjective::Settings sampled(std::int32_t n, bool unique, bool keep_hits = false, float smoothing = 0) {
  return {n, unique, keep_hits, 1, smoothing};
}

std::vector<double> shares_of(const std::vector<double>& weights) {
  std::vector<double> shares = weights;
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& share : shares) share /= total;
  return shares;
}

// What the label of a candidate counts as.
double label_mass(const std::vector<Candidate>& candidates) {
  double sum = 0;
  for (const Candidate& candidate : candidates) sum += double{candidate.label} * double{candidate.weight};
  return sum;
}

}   // namespace

TEST_CASE("a sampled softmax has the target first and its draws once each, hits left out or kept") {
  for (const std::size_t n : {3U, 20U, 5000U}) {
    const std::vector<double> weights = zipf(n);
    const AliasTable noise(weights);
    for (const bool unique : {true, false}) {
      for (const bool keep : {true, false}) {
        for (const std::int32_t samples : {1, 2, 3, 20, 100}) {
          if (unique && static_cast<std::size_t>(samples) > n) continue;
          CAPTURE(n);
          CAPTURE(unique);
          CAPTURE(keep);
          CAPTURE(samples);
          const std::vector<std::int32_t> targets = every_target(std::min<std::size_t>(n, 60), 3);
          BatchBuffer buffer = with_targets(targets);
          Stream stream(make_key(1, Purpose::kCandidates));
          const SampledSoftmaxObjective objective(noise, weights, sampled(samples, unique, keep));
          objective.add_candidates(buffer, stream);
          REQUIRE(buffer.shared_labels.size() == buffer.shared_rows.size());
          REQUIRE(buffer.shared_log_q.size() == buffer.shared_rows.size());
          REQUIRE(buffer.shared_offsets.back() == static_cast<std::int64_t>(buffer.shared_rows.size()));
          if (!buffer.shared_weights.empty()) REQUIRE(buffer.shared_weights.size() == buffer.shared_rows.size());
          bool any_hit = false;
          for (std::size_t g = 0; g < targets.size(); ++g) {
            const std::vector<Candidate> candidates = candidates_of(buffer, g);
            REQUIRE(candidates.size() <= static_cast<std::size_t>(objective.most_candidates()));
            REQUIRE(candidates[0].row == static_cast<std::size_t>(targets[g]));
            REQUIRE(label_mass(candidates) == doctest::Approx(1).epsilon(1e-6));
            std::set<std::size_t> rows;
            double weight = 0;
            for (const Candidate& candidate : candidates) {
              rows.insert(candidate.row);
              weight += double{candidate.weight};
              if (candidate.row != candidates[0].row) REQUIRE(candidate.label == 0);
              if (unique && candidate.row != candidates[0].row) REQUIRE(candidate.weight == 1);
            }
            REQUIRE(rows.size() == candidates.size());
            if (keep) {
              REQUIRE(weight == 1 + samples);
              any_hit = any_hit || candidates[0].weight > 1;
            } else {
              REQUIRE(weight <= 1 + samples);
              any_hit = any_hit || weight < 1 + samples;
              REQUIRE(candidates[0].weight == 1);
            }
          }
          if (n == 3 && samples == 3 && unique) REQUIRE(any_hit);
        }
      }
    }
  }
}

TEST_CASE("the log_q of a sampled softmax is the logarithm of the expected count") {
  std::vector<double> weights = zipf(300);
  weights[0] = 1e4;     // nearly always drawn
  weights[9] = 1e-12;   // hardly ever
  const std::vector<double> shares = shares_of(weights);
  const AliasTable noise(weights);
  for (const bool unique : {true, false}) {
    const SampledSoftmaxObjective objective(noise, weights, sampled(40, unique));
    if (unique) {
      for (const double tries : {1.0, 2.0, 40.0, 77.0, 1e4, 1e9, 1e15, 1e308}) {
        for (std::size_t w = 0; w < shares.size(); ++w) {
          const double truth = std::log(-std::expm1(tries * std::log1p(-shares[w])));
          const float found =
              objective.log_expected_count(WordId{static_cast<std::int32_t>(w)}, tries, std::log(tries));
          CAPTURE(tries);
          CAPTURE(shares[w]);
          CHECK(std::abs(double{found} - truth) <= 1e-6 * std::max(1.0, std::abs(truth)));
        }
      }
      continue;
    }
    BatchBuffer buffer = with_targets(every_target(300, 1));
    Stream stream(1);
    objective.add_candidates(buffer, stream);
    for (std::size_t t = 0; t < buffer.shared_rows.size(); ++t)
      REQUIRE(double{buffer.shared_log_q[t]} ==
              doctest::Approx(std::log(40 * shares[index(buffer.shared_rows[t])])).epsilon(1e-6));
  }
}

TEST_CASE("a word that has all the noise to itself is expected once among distinct draws") {
  const std::vector<double> weights = {0, 5, 0};
  const AliasTable noise(weights);
  const SampledSoftmaxObjective objective(noise, weights, sampled(1, true));
  CHECK(objective.log_expected_count(WordId{1}, 1, 0) == 0);
  CHECK(objective.log_expected_count(WordId{0}, 1, 0) == -std::numeric_limits<float>::infinity());
}

TEST_CASE("draws of a sampled softmax follow the noise, the target among them") {
  // 19 degrees of freedom, critical value 50.8 at 1e-4. Distinct draws of one are single draws.
  const std::vector<double> weights = zipf(20);
  const std::vector<double> shares = shares_of(weights);
  const AliasTable noise(weights);
  for (const bool unique : {true, false}) {
    const int samples = unique ? 1 : 7;
    const int rounds = 140000 / samples;
    BatchBuffer buffer = with_targets(std::vector<std::int32_t>(static_cast<std::size_t>(rounds), 3));
    Stream stream(make_key(4, Purpose::kCandidates));
    SampledSoftmaxObjective(noise, weights, sampled(samples, unique, true)).add_candidates(buffer, stream);
    std::vector<double> seen(20);
    for (std::size_t g = 0; g < buffer.targets.size(); ++g) {
      for (const Candidate& candidate : candidates_of(buffer, g)) seen[candidate.row] += double{candidate.weight};
    }
    seen[3] -= rounds;   // the target itself
    double statistic = 0;
    for (std::size_t w = 0; w < 20; ++w) {
      const double expected = shares[w] * rounds * samples;
      statistic += (seen[w] - expected) * (seen[w] - expected) / expected;
    }
    CHECK(statistic < 50.8);
  }
}

TEST_CASE("sets of distinct draws have the law of drawing until there are enough") {
  // Two of four words: P({a, b}) = p_a p_b (1 / (1 - p_a) + 1 / (1 - p_b)). 5 degrees of freedom, 25.7 at 1e-4. The
  // second noise is so concentrated that many samples are completed at once.
  for (const std::vector<double>& weights : {std::vector<double>{4, 3, 2, 1}, std::vector<double>{100, 1, 2, 3}}) {
    const std::vector<double> p = shares_of(weights);
    const AliasTable noise(weights);
    constexpr int kRounds = 60000;
    BatchBuffer buffer = with_targets(std::vector<std::int32_t>(kRounds, 0));
    Stream stream(make_key(5, Purpose::kCandidates));
    SampledSoftmaxObjective(noise, weights, sampled(2, true, true)).add_candidates(buffer, stream);
    double seen[4][4] = {};
    for (std::size_t g = 0; g < kRounds; ++g) {
      std::vector<std::size_t> drawn;
      for (const Candidate& candidate : candidates_of(buffer, g)) {
        if (candidate.row != 0 || candidate.weight == 2) drawn.push_back(candidate.row);
      }
      REQUIRE(drawn.size() == 2);
      seen[std::min(drawn[0], drawn[1])][std::max(drawn[0], drawn[1])] += 1;
    }
    double statistic = 0;
    for (std::size_t a = 0; a < 4; ++a) {
      for (std::size_t b = a + 1; b < 4; ++b) {
        const double expected = kRounds * p[a] * p[b] * (1 / (1 - p[a]) + 1 / (1 - p[b]));
        statistic += (seen[a][b] - expected) * (seen[a][b] - expected) / expected;
      }
    }
    CHECK(statistic < 25.7);
  }
}

TEST_CASE("distinct draws end however unlikely the last word is, or are refused") {
  std::vector<double> weights(50, 1e-290);
  weights[7] = 1;
  weights[8] = 0;
  const AliasTable noise(weights);
  BatchBuffer buffer = with_targets({7, 3});
  Stream stream(1);
  SampledSoftmaxObjective(noise, weights, sampled(49, true, true)).add_candidates(buffer, stream);
  CHECK(candidates_of(buffer, 0).size() == 49);
  CHECK(candidates_of(buffer, 1).size() == 49);
  for (const float log_q : buffer.shared_log_q) CHECK(std::isfinite(log_q));
  CHECK_THROWS_WITH(SampledSoftmaxObjective(noise, weights, sampled(50, true)),
                    "num_sampled must be at most 49, the number of ids with positive probability, with unique=True, "
                    "got 50");
}

TEST_CASE("smoothed labels are spread over the target and the draws that are left") {
  const std::vector<double> weights = {3, 2, 1};
  const AliasTable noise(weights);
  for (const bool unique : {true, false}) {
    for (const bool keep : {true, false}) {
      BatchBuffer buffer = with_targets(std::vector<std::int32_t>(50, 1));
      Stream stream(1);
      SampledSoftmaxObjective(noise, weights, sampled(3, unique, keep, 0.3F)).add_candidates(buffer, stream);
      for (std::size_t g = 0; g < 50; ++g) {
        const std::vector<Candidate> candidates = candidates_of(buffer, g);
        double weight = 0;
        for (const Candidate& candidate : candidates) weight += double{candidate.weight};
        CHECK(label_mass(candidates) == doctest::Approx(1).epsilon(1e-6));
        for (std::size_t t = 1; t < candidates.size(); ++t)
          CHECK(double{candidates[t].label} == doctest::Approx(0.3 / weight).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("all rows are listed once for all targets") {
  for (const Link link : {Link::kLogistic, Link::kSoftmax}) {
    const AllRowsObjective objective(5, link, 2, 0.5F);
    CHECK(objective.scoring().link == link);
    CHECK(objective.scoring().score_scale == 0.5F);
    BatchBuffer buffer;
    for (int round = 0; round < 2; ++round) {
      buffer.clear();
      buffer.targets = {WordId{4}, WordId{0}, WordId{4}};
      Stream stream(1);
      objective.add_candidates(buffer, stream);
      CHECK(buffer.rows_repeat);
      CHECK(buffer.shared_rows == std::vector<RowId>{RowId{0}, RowId{1}, RowId{2}, RowId{3}, RowId{4}});
      CHECK(buffer.shared_offsets == std::vector<std::int64_t>{0, 5, 10, 15});
      REQUIRE(buffer.shared_labels.size() == 15);
      for (std::size_t t = 0; t < 15; ++t)
        CHECK(buffer.shared_labels[t] == (t == 4 || t == 5 || t == 14 ? 0.6F : 0.1F));
      CHECK(stream.next() == Stream(1).next());   // nothing was drawn
    }
  }
}

TEST_CASE("a softmax of two levels asks for the class, then for the member") {
  const std::vector<std::int32_t> class_of = {1, 0, 1, 2, 1};
  const ClassArrays classes = make_classes(class_of);
  const TwoLevelSoftmaxObjective objective(classes);
  CHECK(objective.most_candidates() == 6);
  CHECK(objective.scoring().groups_each == 2);
  BatchBuffer buffer = with_targets({2, 3, 1});
  buffer.group_offsets = {0, 2, 2, 5};
  Stream stream(1);
  objective.add_candidates(buffer, stream);
  CHECK(buffer.group_offsets == std::vector<std::int64_t>{0, 2, 4, 4, 4, 7, 10});
  CHECK(buffer.group_hidden == std::vector<std::uint32_t>{0, 1, 0, 1, 2, 3, 4, 2, 3, 4});
  std::vector<std::size_t> rows;
  for (const RowId row : buffer.shared_rows) rows.push_back(index(row));
  // Rows 0 to 2 are the classes, row 3 + w is word w.
  CHECK(rows == std::vector<std::size_t>{0, 1, 2, 3, 5, 7, 0, 1, 2, 6, 0, 1, 2, 4});
  CHECK(buffer.shared_offsets == std::vector<std::int64_t>{0, 3, 6, 9, 10, 13, 14});
  CHECK(buffer.shared_labels == std::vector<float>{0, 1, 0, 0, 1, 0, 0, 0, 1, 1, 1, 0, 0, 1});
}

TEST_CASE("classes must be numbered without a gap") {
  CHECK_THROWS_WITH(make_classes({}), "class_of must not be empty");
  CHECK_THROWS_WITH(make_classes(std::vector<std::int32_t>{0, -1}),
                    "class_of must be at least 0 and below the number of ids, got -1");
  CHECK_THROWS_WITH(make_classes(std::vector<std::int32_t>{0, 2}),
                    "class_of must be at least 0 and below the number of ids, got 2");
  CHECK_THROWS_WITH(make_classes(std::vector<std::int32_t>{0, 2, 2}),
                    "class_of must name every class, got no id in class 1");
}
