// Alias tables against their weights, read off the table and by draws; uniform and log-uniform ids; the weights of the
// powered unigram distribution; word2vec's table against the program's own loop.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"

using namespace hogvec;

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double largest_error(const std::vector<double>& weights) {
  const AliasTable table(weights);
  const std::vector<double> drawn = table.probabilities();
  const double scale = *std::max_element(weights.begin(), weights.end());
  double total = 0;
  for (const double w : weights) total += w / scale;
  double error = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    error = std::max(error, std::abs(drawn[i] - weights[i] / scale / total));
    if (weights[i] == 0) CHECK(drawn[i] == 0);
  }
  return error;
}

std::vector<double> zipf(std::size_t n, double exponent) {
  std::vector<double> weights(n);
  for (std::size_t i = 0; i < n; ++i) weights[i] = std::pow(static_cast<double>(i + 1), -exponent);
  return weights;
}

// Pearson's statistic of n_draws draws; every expected count must be at least 5.
template <class Distribution>
double chi_square_of(const Distribution& table, const std::vector<double>& weights, int n_draws, std::uint64_t seed) {
  Stream stream(make_key(seed, Purpose::kSample));
  std::vector<double> seen(weights.size(), 0.0);
  for (int i = 0; i < n_draws; ++i) seen[index(table.draw(stream))] += 1;
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double statistic = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = weights[i] / total * n_draws;
    if (weights[i] == 0) {
      CHECK(seen[i] == 0);
      continue;
    }
    REQUIRE(expected >= 5);
    statistic += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  return statistic;
}

double chi_square(const std::vector<double>& weights, int n_draws, std::uint64_t seed) {
  return chi_square_of(AliasTable(weights), weights, n_draws, seed);
}

// The slots of word2vec.c's InitUnigramTable, slot by slot.
std::vector<std::int64_t> fill_table(const std::vector<std::int64_t>& counts, double power, int table_size) {
  double total = 0;
  for (const std::int64_t count : counts) total += std::pow(static_cast<double>(count), power);
  std::vector<std::int64_t> slots(counts.size(), 0);
  std::size_t i = 0;
  double share = std::pow(static_cast<double>(counts[i]), power) / total;
  for (int a = 0; a < table_size; ++a) {
    ++slots[i];
    if (a / static_cast<double>(table_size) > share && i + 1 < counts.size()) {
      ++i;
      share += std::pow(static_cast<double>(counts[i]), power) / total;
    }
  }
  return slots;
}

}   // namespace

TEST_CASE("the table's distribution matches the weights to 2^-32") {
  // 1e-15: rounding of the comparison itself.
  constexpr double kResolution = 0x1p-32 + 1e-15;
  CHECK(largest_error({3.5}) == 0);
  CHECK(largest_error({1, 1}) < kResolution);
  CHECK(largest_error({0, 1, 0}) == 0);
  CHECK(largest_error({1, 2, 3, 4, 5, 6, 7}) < kResolution);
  CHECK(largest_error({1e-300, 1e300, 1e300}) < kResolution);
  CHECK(largest_error({5e-324, 1e-323, 0}) < kResolution);
  CHECK(largest_error({std::numeric_limits<double>::max(), std::numeric_limits<double>::max(), 0}) < kResolution);
  for (const double exponent : {0.0, 0.5, 0.75, 1.0, 2.0, 10.0, -0.75, -3.0}) {
    for (const std::size_t n : {2U, 3U, 255U, 256U, 1000U, 65537U})
      CHECK(largest_error(zipf(n, exponent)) < kResolution);
  }
  std::vector<double> mostly_zero(10007, 0.0);
  for (std::size_t i = 0; i < mostly_zero.size(); i += 100) mostly_zero[i] = static_cast<double>(i + 1);
  CHECK(largest_error(mostly_zero) < kResolution);
}

TEST_CASE("the table's probabilities sum to one") {
  const std::vector<double> p = AliasTable(zipf(100003, 0.75)).probabilities();
  CHECK(std::abs(std::accumulate(p.begin(), p.end(), 0.0) - 1) < 1e-11);   // 1e5 additions of 2^-53
}

TEST_CASE("a weight of zero is never drawn wherever it stands") {
  for (const std::vector<double>& weights :
       {std::vector<double>{0, 1}, {1, 0}, {0, 0, 1e-300, 0}, {0, 1, 1, 1, 0, 7, 0}}) {
    const AliasTable table(weights);
    Stream stream(7);
    for (int i = 0; i < 20000; ++i) REQUIRE(weights[index(table.draw(stream))] > 0);
  }
}

TEST_CASE("equal weights always keep their slot") {
  // 3 does not divide 2^32: the slots' shares of 32 random bits differ by one and the table evens them out.
  const AliasTable table(std::vector<double>{2, 2, 2});
  for (const double p : table.probabilities()) CHECK(std::abs(p - 1.0 / 3) < 0x1p-33);
  const AliasTable single(std::vector<double>{1e-9});
  Stream stream(1);
  for (int i = 0; i < 100; ++i) CHECK(index(single.draw(stream)) == 0);
}

TEST_CASE("draws pass chi-square for several shapes of weights") {
  // Critical values at 1e-4: 9 degrees of freedom 33.7, 99 degrees 160.0.
  std::vector<double> with_zeros = zipf(20, 1.0);
  for (std::size_t i = 1; i < 20; i += 2) with_zeros[i] = 0;   // leaves 10 classes
  CHECK(chi_square(std::vector<double>(10, 1.0), 200000, 1) < 33.7);
  CHECK(chi_square(zipf(10, 0.75), 200000, 2) < 33.7);
  CHECK(chi_square(zipf(10, -2.0), 200000, 3) < 33.7);
  CHECK(chi_square(with_zeros, 200000, 4) < 33.7);
  CHECK(chi_square(zipf(100, 1.0), 400000, 5) < 160.0);
  CHECK(chi_square(std::vector<double>(100, 1.0), 400000, 6) < 160.0);
}

TEST_CASE("uniform and log-uniform ids pass chi-square") {
  std::vector<double> log_uniform(100);
  for (std::size_t i = 0; i < 100; ++i) log_uniform[i] = std::log1p(1 / static_cast<double>(i + 1));
  CHECK(chi_square_of(UniformIds(100), std::vector<double>(100, 1.0), 400000, 7) < 160.0);
  CHECK(chi_square_of(LogUniformIds(100), log_uniform, 400000, 8) < 160.0);
  log_uniform.resize(10);
  CHECK(chi_square_of(LogUniformIds(10), log_uniform, 200000, 9) < 33.7);
}

TEST_CASE("uniform and log-uniform ids stay in their range") {
  for (const std::uint32_t size : {1U, 2U, 3U, 1000U, 0x7fffffffU}) {
    const UniformIds uniform(size);
    const LogUniformIds log_uniform(size);
    Stream stream(3);
    for (int i = 0; i < 20000; ++i) {
      REQUIRE(index(uniform.draw(stream)) < size);
      REQUIRE(index(log_uniform.draw(stream)) < size);
    }
  }
}

TEST_CASE("word2vec's table has the slots of the program's own loop") {
  std::vector<std::int64_t> counts(200);
  for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = static_cast<std::int64_t>(5000 / (i + 1));
  const std::vector<std::vector<std::int64_t>> all{
      counts, {7}, {3, 2}, {1, 1, 1}, {1, 5, 2}, {1000000, 1, 1, 1, 1}, {4, 0, 0, 4}, {1, 1, 1, 1, 1000000}};
  for (const auto& some : all) {
    for (const double power : {0.0, 0.5, 0.75, 1.0, 3.0}) {
      for (const int table_size : {1, 2, 3, 10, 199, 1000, 12345}) {
        const std::vector<std::int64_t> slots = word2vec_table_slots(some, power, table_size);
        CHECK(slots == fill_table(some, power, table_size));
        CHECK(std::accumulate(slots.begin(), slots.end(), std::int64_t{0}) == table_size);
      }
    }
  }
}

TEST_CASE("a table of slots that cannot be filled is refused") {
  using Counts = std::vector<std::int64_t>;
  CHECK_THROWS_WITH_AS(word2vec_table_slots(Counts{}, 0.75, 10), "counts must not be empty", ValueError);
  CHECK_THROWS_WITH_AS(word2vec_table_slots(Counts{1}, 0.75, 0), "table_size must be at least 1, got 0", ValueError);
  CHECK_THROWS_WITH_AS(word2vec_table_slots(Counts{3, -2}, 0.75, 10), "counts must not be negative, got -2",
                       ValueError);
  CHECK_THROWS_AS(word2vec_table_slots(Counts{0, 0}, 0.75, 10), ValueError);
  CHECK_THROWS_AS(word2vec_table_slots(Counts{10, 10}, 1000, 10), ValueError);
}

TEST_CASE("consecutive draws are independent") {
  // Pairs of neighbours over 8 x 8 cells of unequal probability: 63 degrees of freedom, critical value 113.5 at 1e-4.
  const std::vector<double> weights = zipf(8, 0.75);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  const AliasTable table(weights);
  Stream stream(make_key(9, Purpose::kCandidates, 3, 4));
  std::vector<double> seen(64, 0.0);
  constexpr int kPairs = 200000;
  for (int i = 0; i < kPairs; ++i) {
    const std::size_t first = index(table.draw(stream));
    seen[8 * first + index(table.draw(stream))] += 1;
  }
  double statistic = 0;
  for (std::size_t cell = 0; cell < 64; ++cell) {
    const double expected = kPairs * weights[cell / 8] * weights[cell % 8] / total / total;
    statistic += (seen[cell] - expected) * (seen[cell] - expected) / expected;
  }
  CHECK(statistic < 113.5);
}

TEST_CASE("draws depend on the weights' ratios alone") {
  std::vector<double> weights = zipf(1000, 0.75);
  const AliasTable table(weights);
  for (double& w : weights) w *= 0x1p40;
  const AliasTable scaled(weights);
  Stream a(5);
  Stream b(5);
  for (int i = 0; i < 10000; ++i) REQUIRE(table.draw(a) == scaled.draw(b));
}

TEST_CASE("weights that are no distribution are refused") {
  CHECK_THROWS_WITH_AS(AliasTable(std::vector<double>{}), "weights must not be empty", ValueError);
  CHECK_THROWS_WITH_AS(AliasTable(std::vector<double>{0, 0}), "weights must have a positive entry, got only zeros",
                       ValueError);
  CHECK_THROWS_WITH_AS(AliasTable(std::vector<double>{1, -0.5}),
                       "weights must be finite and not negative, got -0.5 at index 1", ValueError);
  CHECK_THROWS_AS(AliasTable(std::vector<double>{1, kNan}), ValueError);
  CHECK_THROWS_AS(AliasTable(std::vector<double>{kInfinity, 1}), ValueError);
  const double one = 1;
  const std::span<const double> too_many(&one, std::size_t{1} << 31);   // refused before anything is read
  CHECK_THROWS_AS(AliasTable{too_many}, ValueError);
}

TEST_CASE("unigram weights are powers of the counts relative to the largest") {
  const std::vector<std::int64_t> counts{16, 1, 0, 81};
  const auto check = [&](double power, std::vector<double> expected) {
    const std::vector<double> weights = unigram_weights(counts, power);
    for (std::size_t i = 0; i < counts.size(); ++i) CHECK(weights[i] == doctest::Approx(expected[i]).epsilon(1e-14));
  };
  check(0.75, {8.0 / 27, 1.0 / 27, 0, 1});
  check(1, {16.0 / 81, 1.0 / 81, 0, 1});
  check(0, {1, 1, 0, 1});
  check(-0.5, {0.25, 1, 0, 1.0 / 9});
}

TEST_CASE("unigram weights neither overflow nor vanish for huge counts and powers") {
  const std::vector<std::int64_t> counts{std::int64_t{1} << 62, 1, 1000000007, 0};
  for (const double power : {-1e308, -50.0, -3.0, -1.0, 0.0, 0.75, 5.0, 50.0, 1e308}) {
    const std::vector<double> weights = unigram_weights(counts, power);
    CHECK(*std::max_element(weights.begin(), weights.end()) == 1);
    CHECK(weights[3] == 0);
    for (const double w : weights) CHECK((w >= 0 && w <= 1));
    CHECK_NOTHROW(AliasTable{weights});
  }
  const std::vector<double> cubes = unigram_weights(counts, -3);
  CHECK(cubes[0] == 0x1p-186);
  CHECK(unigram_weights(counts, 5)[1] == 0x1p-310);
}

TEST_CASE("counts and powers without a meaning are refused") {
  using Counts = std::vector<std::int64_t>;
  CHECK_THROWS_WITH_AS(unigram_weights(Counts{}, 0.75), "counts must not be empty", ValueError);
  CHECK_THROWS_WITH_AS(unigram_weights(Counts{3, -2}, 0.75), "counts must not be negative, got -2 at index 1",
                       ValueError);
  CHECK_THROWS_WITH_AS(unigram_weights(Counts{0, 0}, -1), "counts must have a positive entry, got only zeros",
                       ValueError);
  CHECK_THROWS_WITH_AS(unigram_weights(Counts{1}, kNan), "power must be finite, got nan", ValueError);
  CHECK_THROWS_AS(unigram_weights(Counts{1}, -kInfinity), ValueError);
}
