// Building alias tables in exact integer arithmetic, the weights of the powered unigram distribution, word2vec's table.
#include "hogvec/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {
namespace {

// The table shares out 2^63 units of mass: integers, so that what one slot gives and another takes is never rounded.
constexpr double kTotalMass = 0x1p63;

void check_size(std::size_t n, const char* name) {
  constexpr auto kMaxSize = static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max());
  if (n == 0) throw ValueError(std::string(name) + " must not be empty");
  if (n > kMaxSize) {
    throw ValueError(std::string(name) + " must have at most 2147483647 entries, got " + std::to_string(n));
  }
}

// How many of the 2^32 values of 32 random bits scale_bits sends to this slot: two neighbours may differ by one.
std::uint64_t slot_width(std::size_t slot, std::size_t n) {
  const auto first_bits = [n](std::uint64_t s) { return ((s << 32) + n - 1) / n; };
  return first_bits(slot + 1) - first_bits(slot);
}

// Kahan and Babuska's sum in Neumaier's form, of values of [0, 1].
double accurate_sum(std::span<const double> values, double scale) {
  double sum = 0;
  double lost = 0;
  for (const double value : values) {
    const double term = value / scale;
    const double next = sum + term;
    lost += sum >= term ? (sum - next) + term : (term - next) + sum;
    sum = next;
  }
  return sum + lost;
}

// (n,): each weight's integer share of the mass; the shares sum to exactly 2^63.
std::vector<std::uint64_t> share_mass(std::span<const double> weights) {
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!(std::isfinite(weights[i]) && weights[i] >= 0)) {
      std::ostringstream message;
      message << "weights must be finite and not negative, got " << weights[i] << " at index " << i;
      throw ValueError(message.str());
    }
  }
  const auto largest = std::max_element(weights.begin(), weights.end());
  if (*largest == 0) throw ValueError("weights must have a positive entry, got only zeros");
  const double total = accurate_sum(weights, *largest);   // relative to the largest: nothing overflows
  std::vector<std::uint64_t> mass(weights.size());
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    mass[i] = static_cast<std::uint64_t>(weights[i] / *largest / total * kTotalMass);
    sum += mass[i];
  }
  // Truncation and the rounding of doubles leave at most n + 2^12 units (either sign; unsigned arithmetic wraps), which
  // the largest share of at least 2^63 / n can take.
  mass[static_cast<std::size_t>(largest - weights.begin())] += (std::uint64_t{1} << 63) - sum;
  return mass;
}

}   // namespace

AliasTable::AliasTable(std::span<const double> weights, Pulse* pulse) {
  const std::size_t n = weights.size();
  check_size(n, "weights");
  std::vector<std::uint64_t> mass = share_mass(weights);
  slots_.resize(n);
  for (std::size_t i = 0; i < n; ++i) slots_[i] = {0, static_cast<std::uint32_t>(i)};   // always kept

  // Fill every slot that has less mass than its width from a donor that has more. All masses together are all
  // capacities together, so a donor is there whenever it is needed; a mass never grows, so the search for one only
  // moves forward.
  std::size_t donor = 0;
  const auto capacity = [n](std::size_t slot) { return slot_width(slot, n) << 31; };
  for_each(n, pulse, [&](std::size_t scan) {
    std::size_t slot = scan;
    while (mass[slot] < capacity(slot)) {
      while (mass[donor] <= capacity(donor)) ++donor;
      const std::uint64_t width = slot_width(slot, n);
      const std::uint64_t threshold = (2 * mass[slot] + width / 2) / width;   // 2^32 mass / capacity, to the nearest
      if (threshold <= std::numeric_limits<std::uint32_t>::max()) {           // 2^32 means: always kept
        slots_[slot] = {static_cast<std::uint32_t>(threshold), static_cast<std::uint32_t>(donor)};
      }
      mass[donor] -= capacity(slot) - mass[slot];
      mass[slot] = capacity(slot);
      if (donor < scan) slot = donor;   // it may now lack mass itself, and the scan has passed it
    }
  });
}

std::vector<double> AliasTable::probabilities() const {
  const std::size_t n = slots_.size();
  std::vector<double> result(n, 0.0);
  for (std::size_t i = 0; i < n; ++i) {
    const double width = static_cast<double>(slot_width(i, n)) * 0x1p-32;
    const double kept = static_cast<double>(slots_[i].threshold) * 0x1p-32;
    result[i] += width * kept;
    result[slots_[i].alias] += width * (1 - kept);
  }
  return result;
}

std::vector<double> unigram_weights(std::span<const std::int64_t> counts, double power, Pulse* pulse) {
  check_size(counts.size(), "counts");
  if (!std::isfinite(power)) throw ValueError("power must be finite, got " + std::to_string(power));
  std::int64_t heaviest = 0;   // the count of the largest weight
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const std::int64_t count = counts[i];
    if (count < 0) {
      throw ValueError("counts must not be negative, got " + std::to_string(count) + " at index " + std::to_string(i));
    }
    if (count > 0 && (heaviest == 0 || (power < 0 ? count < heaviest : count > heaviest))) heaviest = count;
  }
  if (heaviest == 0) throw ValueError("counts must have a positive entry, got only zeros");
  std::vector<double> weights(counts.size());
  for_each(counts.size(), pulse, [&](std::size_t i) {
    const double ratio = static_cast<double>(counts[i]) / static_cast<double>(heaviest);
    weights[i] = counts[i] == 0 ? 0 : std::pow(ratio, power);
  });
  return weights;
}

std::vector<std::int64_t> word2vec_table_slots(std::span<const std::int64_t> counts, double power,
                                               std::int64_t table_size) {
  check_size(counts.size(), "counts");
  if (table_size < 1) throw ValueError("table_size must be at least 1, got " + std::to_string(table_size));
  const auto weight = [&](std::int64_t count) { return std::pow(static_cast<double>(count), power); };
  double total = 0;   // added up in the program's order, so that the slots are the program's
  for (const std::int64_t count : counts) {
    if (count < 0) throw ValueError("counts must not be negative, got " + std::to_string(count));
    total += weight(count);
  }
  if (!(total > 0 && std::isfinite(total))) {
    throw ValueError("the sum of counts ** power must be positive and finite, got " + std::to_string(total));
  }
  const auto size = static_cast<double>(table_size);
  const auto exceeds = [size](std::int64_t slot, double share) { return static_cast<double>(slot) / size > share; };
  std::vector<std::int64_t> slots(counts.size(), 0);
  std::int64_t begin = 0;
  double share = 0;   // of the ids up to this one
  for (std::size_t i = 0; i < counts.size() && begin < table_size; ++i) {
    share += weight(counts[i]) / total;
    std::int64_t end = table_size;   // of the last id
    if (i + 1 < counts.size()) {
      // The first slot from `begin` that exceeds the share is this id's last: one or two from where arithmetic puts it.
      std::int64_t last = std::clamp(static_cast<std::int64_t>(std::min(share, 1.0) * size), begin, table_size - 1);
      while (last > begin && exceeds(last - 1, share)) --last;
      while (last + 1 < table_size && !exceeds(last, share)) ++last;
      end = last + 1;
    }
    slots[i] = end - begin;
    begin = end;
  }
  return slots;
}

}   // namespace hogvec
