// Fenwick's tree: building it in linear time, adding to it, and the descent that finds the id of a place in the sum.
#include "hogvec/weight_tree.hpp"

#include <bit>
#include <limits>
#include <string>

#include "hogvec/error.hpp"

namespace hogvec {
namespace {

std::size_t lowest_bit(std::size_t i) { return i & (~i + 1); }

}   // namespace

WeightTree::WeightTree(std::span<const std::int64_t> weights)
    : weights_(weights.begin(), weights.end()),
      sums_(weights.size() + 1, 0),
      first_step_(std::bit_floor(weights.size())) {
  for (const std::int64_t weight : weights_) {
    if (weight < 0) throw ValueError("weights must not be negative, got " + std::to_string(weight));
    if (weight > std::numeric_limits<std::int64_t>::max() - total_) throw ValueError("weights must sum to below 2^63");
    total_ += weight;
  }
  if (total_ == 0) throw ValueError("weights must have a positive entry, got none");
  for (std::size_t i = 1; i < sums_.size(); ++i) {
    sums_[i] += weights_[i - 1];
    const std::size_t parent = i + lowest_bit(i);
    if (parent < sums_.size()) sums_[parent] += sums_[i];
  }
}

void WeightTree::add(std::span<const WordId> ids) {
  for (const WordId id : ids) {
    if (index(id) >= weights_.size()) {   // a negative id is a huge index
      throw IndexError("ids must be at least 0 and below " + std::to_string(weights_.size()) + ", got " +
                       std::to_string(static_cast<std::int32_t>(id)));
    }
  }
  for (const WordId id : ids) {
    ++weights_[index(id)];
    for (std::size_t i = index(id) + 1; i < sums_.size(); i += lowest_bit(i)) ++sums_[i];
  }
  total_ += static_cast<std::int64_t>(ids.size());
}

WordId WeightTree::draw(Stream& stream) const {
  // The id is the number of leading weights whose sum is at most `rest`: so one of weight zero is never the answer.
  auto rest = static_cast<std::int64_t>(scale_bits64(stream.next(), static_cast<std::uint64_t>(total_)));
  std::size_t id = 0;
  for (std::size_t step = first_step_; step > 0; step /= 2) {
    if (id + step < sums_.size() && sums_[id + step] <= rest) {
      id += step;
      rest -= sums_[id];
    }
  }
  return WordId{static_cast<std::int32_t>(id)};
}

}   // namespace hogvec
