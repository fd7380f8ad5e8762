// A set of ids by open addressing, and the race of exponential arrival times.
#include "hogvec/distinct_ids.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"

namespace hogvec {
namespace {

constexpr WordId kNoId{-1};
constexpr double kMaxTries = 1e308;

struct Arrival {
  double log_time;
  WordId id;
};

// Independent draws that miss something of probability `mass` before the first that meets it.
double draw_failures(double mass, std::uint64_t bits) {
  if (mass >= 1) return 0;
  return std::floor(std::log(positive_unit_double(bits)) / std::log1p(-mass));
}

}   // namespace

DistinctIds::DistinctIds(std::size_t num_wanted)
    : num_wanted_(num_wanted),
      slots_(std::bit_ceil(2 * num_wanted + 2), kNoId),
      shift_(64 - std::countr_zero(slots_.size())) {
  ids_.reserve(num_wanted);
}

bool DistinctIds::insert(WordId id) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t slot = (static_cast<std::uint64_t>(id) * kGoldenGamma) >> shift_;
  for (; slots_[slot] != kNoId; slot = (slot + 1) & mask) {
    if (slots_[slot] == id) return false;
  }
  slots_[slot] = id;
  return true;
}

bool DistinctIds::add(std::span<const WordId> draws) {
  for (const WordId id : draws) {
    if (ids_.size() == num_wanted_) break;
    num_tries_ += 1;
    if (insert(id)) ids_.push_back(id);
  }
  return ids_.size() == num_wanted_;
}

void DistinctIds::complete(std::span<const double> probability, std::uint64_t key) {
  std::vector<bool> seen(probability.size(), false);
  for (const WordId id : ids_) {
    if (index(id) >= seen.size()) throw IndexError("an id was drawn that has no probability");
    seen[index(id)] = true;
  }
  Stream stream(key);
  std::vector<Arrival> arrivals;
  for (std::size_t i = 0; i < probability.size(); ++i) {
    if (seen[i] || !(probability[i] > 0)) continue;
    // Logarithms: the time of an id of probability 1e-310 is no number.
    const double log_time = std::log(-std::log(positive_unit_double(stream.next()))) - std::log(probability[i]);
    arrivals.push_back({log_time, WordId{static_cast<std::int32_t>(i)}});
  }
  const std::size_t num_missing = num_wanted_ - ids_.size();
  if (arrivals.size() < num_missing) {
    throw ValueError("n must be at most " + std::to_string(ids_.size() + arrivals.size()) +
                     ", the number of ids with positive probability, got " + std::to_string(num_wanted_));
  }
  const auto earlier = [](const Arrival& a, const Arrival& b) { return a.log_time < b.log_time; };
  const auto last = arrivals.begin() + static_cast<std::ptrdiff_t>(num_missing);
  if (last != arrivals.end()) std::nth_element(arrivals.begin(), last, arrivals.end(), earlier);
  std::sort(arrivals.begin(), last, earlier);

  double unseen = 0;   // mass, summed from the last arrival to the first: nothing small is lost in a difference
  for (std::size_t i = arrivals.size(); i-- > 0;) {
    unseen += probability[index(arrivals[i].id)];
    if (i < num_missing) num_tries_ += 1 + draw_failures(unseen, stream.next());
  }
  num_tries_ = std::min(num_tries_, kMaxTries);
  for (auto arrival = arrivals.begin(); arrival != last; ++arrival) ids_.push_back(arrival->id);
}

}   // namespace hogvec
