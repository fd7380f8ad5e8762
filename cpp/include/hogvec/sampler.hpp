// Noise distributions over word ids, each drawn in constant time: any weights by Walker's alias method, uniform and
// log-uniform without a table.
// Walker, "An efficient method for generating discrete random variables with general distributions", ACM TOMS 3 (1977);
// Vose's construction: IEEE Transactions on Software Engineering 17 (1991).
#pragma once

#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

class Pulse;

// The probability of drawing an id is its share of the weights to within 2^-32; an id of weight zero is never drawn.
class AliasTable {
 public:
  // weights: (n,), finite, not negative, at least one positive; n below 2^31. Throws ValueError.
  explicit AliasTable(std::span<const double> weights, Pulse* pulse = nullptr);

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

// Every id of [0, size) alike, to within 2^-64.
class UniformIds {
 public:
  explicit UniformIds(std::uint32_t size) : size_(size) {}   // size: at least 1 and below 2^31

  WordId draw(Stream& stream) const { return WordId{static_cast<std::int32_t>(scale_bits64(stream.next(), size_))}; }

 private:
  std::uint64_t size_;
};

// p(i) = ln((i + 2) / (i + 1)) / ln(size + 1) for ids of [0, size): close to the share of the i-th most frequent word
// of a text. Drawn by the inverse of the distribution function (i + 1 <= (size + 1)^u), as TensorFlow's sampler is.
class LogUniformIds {
 public:
  explicit LogUniformIds(std::uint32_t size) : log_range_(std::log1p(size)), size_(size) {}   // as above

  WordId draw(Stream& stream) const {
    const auto id = static_cast<std::int64_t>(std::exp(unit_double(stream.next()) * log_range_)) - 1;
    return WordId{static_cast<std::int32_t>(id < size_ ? id : 0)};   // the last number below 1 may round up to size
  }

 private:
  double log_range_;
  std::int64_t size_;
};

// counts[i]^power, scaled so that the largest weight is 1, for any finite power: 0 draws uniformly from what occurs,
// negative powers favour the rare. A count of zero has weight zero. Throws ValueError.
// Mikolov et al. 2013 (arXiv 1310.4546) use 0.75; Caselles-Dupré et al. 2018 (arXiv 1804.04212) negative powers.
std::vector<double> unigram_weights(std::span<const std::int64_t> counts, double power, Pulse* pulse = nullptr);

// (n,): how many of the table_size slots of word2vec's table of noise words each id gets, in the order of the ids. The
// program's rule: a slot goes to id i, and the next slot to i + 1 once slot / table_size exceeds the share of the ids
// up to i. So every id gets a slot until none is left, and the last ids may get none. Throws ValueError.
std::vector<std::int64_t> word2vec_table_slots(std::span<const std::int64_t> counts, double power,
                                               std::int64_t table_size);

}   // namespace hogvec
