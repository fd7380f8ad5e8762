// Random streams: SplitMix64's published values, keys that never share a stream, and uniform bits. All seeds are fixed.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

constexpr std::array kPurposes{Purpose::kExample, Purpose::kCandidates, Purpose::kInitialize, Purpose::kSample};
constexpr std::uint32_t kAllBits = 0xffffffffU;

bool all_distinct(std::vector<std::uint64_t>& values) {
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) == values.end();
}

// Pearson's statistic against equal probabilities.
double chi_square(const std::vector<std::uint64_t>& seen) {
  double total = 0;
  for (const std::uint64_t count : seen) total += static_cast<double>(count);
  const double expected = total / static_cast<double>(seen.size());
  double statistic = 0;
  for (const std::uint64_t count : seen) statistic += std::pow(static_cast<double>(count) - expected, 2) / expected;
  return statistic;
}

// Critical values at 1e-4 for 256 and for 1000 cells.
constexpr double kCritical255 = 347.7;
constexpr double kCritical999 = 1173.8;

}   // namespace

TEST_CASE("a stream is SplitMix64") {
  // The values that implementations of java.util.SplittableRandom's generator print for the seed 1234567.
  Stream stream(1234567);
  for (const std::uint64_t value : {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
                                    4593380528125082431ULL, 16408922859458223821ULL}) {
    CHECK(stream.next() == value);
  }
}

TEST_CASE("the counter-based function gives the stream's values in any order") {
  const std::uint64_t key = make_key(3, Purpose::kExample, 2);
  Stream stream(key);
  std::vector<std::uint64_t> values(1000);
  for (std::uint64_t& value : values) value = stream.next();
  for (std::size_t i = values.size(); i-- > 0;) REQUIRE(random_bits(key, i) == values[i]);
}

TEST_CASE("no two keys are equal") {
  std::vector<std::uint64_t> keys;
  for (const std::uint64_t seed : {0ULL, 1ULL, 2ULL, 3ULL, 42ULL, 1ULL << 32, 1ULL << 63, ~0ULL}) {
    for (const Purpose purpose : kPurposes) {
      for (std::uint64_t epoch = 0; epoch < 8; ++epoch) {
        for (std::uint64_t chunk = 0; chunk < 4096; ++chunk) keys.push_back(make_key(seed, purpose, epoch, chunk));
      }
    }
  }
  CHECK(keys.size() == 8 * 4 * 8 * 4096);
  CHECK(all_distinct(keys));
}

TEST_CASE("epoch and chunk are not interchangeable") {
  std::vector<std::uint64_t> keys;
  for (std::uint64_t a = 0; a < 1000; ++a) {
    for (std::uint64_t b = 0; b < 1000; ++b) keys.push_back(make_key(1, Purpose::kCandidates, a, b));
  }
  CHECK(all_distinct(keys));
}

TEST_CASE("no two streams are equal or shifted against each other") {
  // A stream that repeated any part of another would repeat a 64-bit value.
  std::vector<std::uint64_t> values;
  for (std::uint64_t seed = 0; seed < 8; ++seed) {
    for (const Purpose purpose : kPurposes) {
      for (std::uint64_t epoch = 0; epoch < 4; ++epoch) {
        for (std::uint64_t chunk = 0; chunk < 64; ++chunk) {
          Stream stream(make_key(seed, purpose, epoch, chunk));
          for (int i = 0; i < 256; ++i) values.push_back(stream.next());
        }
      }
    }
  }
  CHECK(values.size() == 8 * 4 * 4 * 64 * 256);
  CHECK(all_distinct(values));
}

TEST_CASE("workers that take different chunks draw different numbers") {
  // word2vec.c starts the generator of thread 0 at 0; another trainer copies one generator into every thread.
  Stream first(make_key(1, Purpose::kCandidates, 0, 0));
  Stream second(make_key(1, Purpose::kCandidates, 0, 1));
  int equal_slots = 0;
  for (int i = 0; i < 100000; ++i) {
    const std::uint32_t a = scale_bits(static_cast<std::uint32_t>(first.next() >> 32), 1000);
    const std::uint32_t b = scale_bits(static_cast<std::uint32_t>(second.next() >> 32), 1000);
    equal_slots += a == b;
  }
  CHECK(equal_slots > 60);   // 100 expected, standard deviation 10
  CHECK(equal_slots < 140);
}

TEST_CASE("seeds zero and one give unrelated streams") {
  // fastText's generator, std::minstd_rand, makes one stream of both.
  Stream zero(make_key(0, Purpose::kSample));
  Stream one(make_key(1, Purpose::kSample));
  std::int64_t equal_bits = 0;
  constexpr std::int64_t kDraws = 10000;
  for (std::int64_t i = 0; i < kDraws; ++i) equal_bits += std::popcount(~(zero.next() ^ one.next()));
  // 64 fair bits a draw: standard deviation 4 a draw, 400 in all; five of them.
  CHECK(std::abs(equal_bits - 32 * kDraws) < 2000);
}

TEST_CASE("neighbouring keys change half of the bits") {
  std::int64_t changed = 0;
  constexpr std::uint64_t kKeys = 10000;
  for (std::uint64_t chunk = 0; chunk < kKeys; ++chunk) {
    changed +=
        std::popcount(make_key(1, Purpose::kCandidates, 0, chunk) ^ make_key(1, Purpose::kCandidates, 0, chunk + 1));
  }
  CHECK(std::abs(changed - 32 * static_cast<std::int64_t>(kKeys)) < 2000);
}

TEST_CASE("every byte of consecutive counters is uniform") {
  for (const std::uint64_t key :
       {std::uint64_t{0}, make_key(1, Purpose::kExample), make_key(2, Purpose::kExample, 7)}) {
    std::array<std::vector<std::uint64_t>, 8> seen;
    seen.fill(std::vector<std::uint64_t>(256));
    for (std::uint64_t counter = 0; counter < 200000; ++counter) {
      const std::uint64_t bits = random_bits(key, counter);
      for (std::size_t byte = 0; byte < 8; ++byte) ++seen[byte][(bits >> (8 * byte)) & 0xff];
    }
    for (const auto& byte : seen) CHECK(chi_square(byte) < kCritical255);
  }
}

TEST_CASE("the two halves of a draw are uniform and independent") {
  // An alias draw takes its slot from the high half and the decision to keep it from the low half.
  std::vector<std::uint64_t> tops(256);
  std::vector<std::uint64_t> bottoms(256);
  std::vector<std::uint64_t> next(256);
  Stream stream(make_key(5, Purpose::kCandidates));
  std::uint64_t previous = stream.next();
  for (int i = 0; i < 400000; ++i) {
    const std::uint64_t bits = stream.next();
    ++tops[(bits >> 60) * 16 + ((bits >> 28) & 15)];
    ++bottoms[((bits >> 32) & 15) * 16 + (bits & 15)];
    ++next[(previous >> 60) * 16 + (bits >> 60)];
    previous = bits;
  }
  CHECK(chi_square(tops) < kCritical255);
  CHECK(chi_square(bottoms) < kCritical255);
  CHECK(chi_square(next) < kCritical255);
}

TEST_CASE("counters at equal strides are uniform") {
  // Positions a sequence length apart decide on first words: they must not walk in step with the generator.
  for (const std::uint64_t stride : {2ULL, 1000ULL, 1ULL << 16, 1ULL << 32}) {
    std::vector<std::uint64_t> seen(256);
    for (std::uint64_t i = 0; i < 200000; ++i) ++seen[random_bits(make_key(1, Purpose::kExample), i * stride) >> 56];
    CHECK(chi_square(seen) < kCritical255);
  }
}

TEST_CASE("scaled bits cover their range evenly") {
  std::vector<std::uint64_t> seen(1000);
  Stream stream(make_key(1, Purpose::kSample));
  for (int i = 0; i < 1000000; ++i) ++seen[scale_bits(static_cast<std::uint32_t>(stream.next()), 1000)];
  CHECK(chi_square(seen) < kCritical999);
  for (const std::uint32_t n : {1U, 2U, 3U, 5U, 1000U, 65537U, 0x7fffffffU, kAllBits}) {
    CHECK(scale_bits(0, n) == 0);
    CHECK(scale_bits(kAllBits, n) == n - 1);
  }
  CHECK(scale_bits(0x55555555U, 3) == 0);   // the thirds of 2^32 begin at 0, 0x55555556 and 0xaaaaaaab
  CHECK(scale_bits(0x55555556U, 3) == 1);
  CHECK(scale_bits(0xaaaaaaaaU, 3) == 1);
  CHECK(scale_bits(0xaaaaaaabU, 3) == 2);
}

TEST_CASE("64 bits scale to integers at the same fractions as 32") {
  constexpr std::uint64_t kAll = ~std::uint64_t{0};
  for (const std::uint64_t n : {std::uint64_t{1}, std::uint64_t{3}, std::uint64_t{1} << 40, kAll}) {
    CHECK(scale_bits64(0, n) == 0);
    CHECK(scale_bits64(kAll, n) == n - 1);
  }
  CHECK(scale_bits64(0x5555555555555555ULL, 3) == 0);
  CHECK(scale_bits64(0x5555555555555556ULL, 3) == 1);
  CHECK(scale_bits64(0xaaaaaaaaaaaaaaabULL, 3) == 2);
}

TEST_CASE("a positive unit double is never zero and may be one") {
  CHECK(positive_unit_double(0) == 0x1p-53);
  CHECK(positive_unit_double(~std::uint64_t{0}) == 1);
}

TEST_CASE("unit numbers lie in the half-open interval and are uniform") {
  CHECK(unit_float(0) == 0.0F);
  CHECK(unit_double(0) == 0.0);
  CHECK(unit_float(~0ULL) == 1.0F - 0x1p-24F);
  CHECK(unit_double(~0ULL) == 1.0 - 0x1p-53);
  std::vector<std::uint64_t> floats(256);
  std::vector<std::uint64_t> doubles(256);
  Stream stream(make_key(1, Purpose::kInitialize));
  for (int i = 0; i < 200000; ++i) {
    ++floats[static_cast<std::size_t>(unit_float(stream.next()) * 256)];
    ++doubles[static_cast<std::size_t>(unit_double(stream.next()) * 256)];
  }
  CHECK(chi_square(floats) < kCritical255);
  CHECK(chi_square(doubles) < kCritical255);
}
