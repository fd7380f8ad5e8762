// Noise distributions over word ids, drawn in constant time by Walker's alias method.
// Walker, "An efficient method for generating discrete random variables with general distributions", ACM TOMS 3 (1977);
// Vose's construction: IEEE Transactions on Software Engineering 17 (1991).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

// The probability of drawing an id is its share of the weights to within 2^-32; an id of weight zero is never drawn.
class AliasTable {
 public:
  // weights: (n,), finite, not negative, at least one positive; n below 2^31. Throws ValueError.
  explicit AliasTable(std::span<const double> weights);

  WordId draw(Stream& stream) const { return decide(stream.next()); }

  // As many draws as there is room for, the same as one by one. Large tables lie far from the processor: their slots
  // are asked for some draws ahead.
  void draw(Stream& stream, std::span<WordId> draws) const {
    constexpr std::size_t kAhead = 32;
    std::uint64_t bits[kAhead];
    const auto ask = [&](std::size_t i) {
      bits[i % kAhead] = stream.next();
      __builtin_prefetch(&slots_[slot_of(bits[i % kAhead])]);
    };
    const std::size_t n = draws.size();
    for (std::size_t i = 0; i < n && i < kAhead; ++i) ask(i);
    for (std::size_t i = 0; i < n; ++i) {
      draws[i] = decide(bits[i % kAhead]);
      if (i + kAhead < n) ask(i + kAhead);
    }
  }

  std::size_t size() const { return slots_.size(); }

  // (n,): the probability with which draw() returns each id, read off the table itself.
  std::vector<double> probabilities() const;

 private:
  struct Slot {
    std::uint32_t threshold;   // keep the slot when 32 random bits are below it
    std::uint32_t alias;       // else take this one: the slot itself when it is always kept
  };

  std::uint32_t slot_of(std::uint64_t bits) const {
    return scale_bits(static_cast<std::uint32_t>(bits >> 32), static_cast<std::uint32_t>(slots_.size()));
  }
  WordId decide(std::uint64_t bits) const {
    const std::uint32_t slot = slot_of(bits);
    const Slot& s = slots_[slot];
    // Which of the two is a coin toss that a branch would mispredict.
    const std::uint32_t keep = -static_cast<std::uint32_t>(static_cast<std::uint32_t>(bits) < s.threshold);
    return WordId{static_cast<std::int32_t>(s.alias ^ ((s.alias ^ slot) & keep))};
  }

  std::vector<Slot> slots_;
};

// counts[i]^power, scaled so that the largest weight is 1, for any finite power: 0 draws uniformly from what occurs,
// negative powers favour the rare. A count of zero has weight zero. Throws ValueError.
// Mikolov et al. 2013 (arXiv 1310.4546) use 0.75; Caselles-Dupré et al. 2018 (arXiv 1804.04212) negative powers.
std::vector<double> unigram_weights(std::span<const std::int64_t> counts, double power);

}   // namespace hogvec
