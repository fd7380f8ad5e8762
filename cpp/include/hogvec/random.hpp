// Reproducible random numbers: a counter-based hash for what decides an example, keyed streams for draws.
// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#pragma once

#include <cstdint>

namespace hogvec {

inline constexpr std::uint64_t kGoldenGamma = 0x9e3779b97f4a7c15ULL;

// A bijection of 64 bits whose output passes for random (SplitMix64's finaliser).
constexpr std::uint64_t mix64(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

// What a key is for: two purposes never share a stream.
enum class Purpose : std::uint64_t {
  kExample = 1,
  kCandidates = 2,
  kInitialize = 3,
  kSample = 4,
  kOrder = 5,
  kWalk = 6
};

// A 64-bit key of (seed, purpose, a, b), each absorbed by a bijection so that no two keys with one differing part are
// equal.
constexpr std::uint64_t make_key(std::uint64_t seed, Purpose purpose, std::uint64_t a = 0, std::uint64_t b = 0) {
  std::uint64_t key = mix64(seed + kGoldenGamma);
  key = mix64((key ^ static_cast<std::uint64_t>(purpose)) + kGoldenGamma);
  key = mix64((key ^ a) + kGoldenGamma);
  return mix64((key ^ b) + kGoldenGamma);
}

// The counter-based function: bits number `counter` of `key`, computed from nothing else.
constexpr std::uint64_t random_bits(std::uint64_t key, std::uint64_t counter) {
  return mix64(key + (counter + 1) * kGoldenGamma);
}

// A sequence of draws from one key: a stretch of SplitMix64's single cycle of 2^64 numbers. No two keys start at one
// place; the stretches of N streams of L draws overlap anywhere with a probability below N^2 L / 2^64 (1e-5 for 10^4
// streams of 10^6 draws), and then two of them share some draws under different offsets.
class Stream {
 public:
  explicit constexpr Stream(std::uint64_t key) : state_(key) {}
  constexpr std::uint64_t next() { return mix64(state_ += kGoldenGamma); }

 private:
  std::uint64_t state_;
};

// 32 random bits -> an integer of [0, n) by multiplication; the bias is below n / 2^32.
constexpr std::uint32_t scale_bits(std::uint32_t bits, std::uint32_t n) {
  return static_cast<std::uint32_t>((std::uint64_t{bits} * n) >> 32);
}

// 64 random bits -> an integer of [0, n) by multiplication; the bias is below n / 2^64.
constexpr std::uint64_t scale_bits64(std::uint64_t bits, std::uint64_t n) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(bits) * n) >> 64);
}

// 64 random bits -> a float of [0, 1) with 24 bits.
constexpr float unit_float(std::uint64_t bits) { return static_cast<float>(bits >> 40) * 0x1p-24F; }
// 64 random bits -> a double of [0, 1) with 53 bits.
constexpr double unit_double(std::uint64_t bits) { return static_cast<double>(bits >> 11) * 0x1p-53; }
// 64 random bits -> a double of (0, 1] with 53 bits: one that has a logarithm.
constexpr double positive_unit_double(std::uint64_t bits) { return static_cast<double>((bits >> 11) + 1) * 0x1p-53; }

}   // namespace hogvec
