// Candidates of negative sampling, of noise-contrastive estimation and of hierarchical softmax.
#include "hogvec/objective.hpp"

#include <algorithm>

namespace hogvec {

namespace {

// A noise distribution may be so concentrated on the target that no other word comes: then the draw is given up, and
// the group has one negative less.
constexpr int kMostRedraws = 64;
constexpr std::size_t kCopied = 16;   // entries of a path copied at a time

// Up to this many draws are compared pair by pair; more are sorted first.
constexpr std::size_t kMostCompared = 32;

bool all_distinct(WordId target, std::span<const WordId> draws) {
  if (draws.size() > kMostCompared) return false;   // not known
  bool clash = false;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    clash |= draws[i] == target;
    for (std::size_t j = 0; j < i; ++j) clash |= draws[i] == draws[j];
  }
  return !clash;
}

}   // namespace

// The rare case: a draw equals the target or another one. Returns the place after the last candidate.
std::size_t NegativeSamplingObjective::add_merged(WordId target, std::span<WordId> draws, std::size_t place,
                                                  BatchBuffer& buffer, Stream& stream) const {
  for (WordId& draw : draws) {
    if (hits_ != Hits::kRedraw) break;
    for (int redraw = 0; draw == target && redraw < kMostRedraws; ++redraw) draw = noise_->draw(stream);
  }
  const bool sorted = draws.size() > kMostCompared;
  if (sorted) std::sort(draws.begin(), draws.end());
  const std::size_t first = place;
  const auto add_weight = [&buffer](std::size_t at) {
    buffer.shared_weights.resize(std::max(buffer.shared_weights.size(), at + 1), 1.0F);
    return buffer.shared_weights[at] += 1.0F;
  };
  for (const WordId draw : draws) {
    if (draw == target) {
      if (hits_ == Hits::kKeep) buffer.shared_labels[first - 1] = 1.0F / add_weight(first - 1);
      continue;
    }
    const RowId row = row_of(draw);
    // Equal draws are neighbours when sorted.
    const std::size_t from = sorted && place > first ? place - 1 : first;
    const auto begin = buffer.shared_rows.begin();
    const auto same = static_cast<std::size_t>(
        std::find(begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(place), row) - begin);
    if (same == place) {
      buffer.shared_rows[place++] = row;
      continue;
    }
    add_weight(same);
  }
  return place;
}

void NegativeSamplingObjective::add_candidates(BatchBuffer& buffer, Stream& stream) const {
  const auto negatives = static_cast<std::size_t>(negatives_);
  // All draws of the batch in one loop, so that the cache misses of the sampler's table overlap.
  buffer.draws.resize(buffer.targets.size() * negatives);
  noise_->draw(stream, buffer.draws);

  // Room for all, cut at the end: a store costs less than a push that may grow.
  const std::size_t groups = buffer.targets.size();
  buffer.shared_rows.resize(groups * (negatives + 1));
  buffer.shared_labels.assign(groups * (negatives + 1), 0.0F);
  buffer.shared_offsets.resize(groups + 1);
  buffer.shared_offsets[0] = 0;
  std::size_t place = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const WordId target = buffer.targets[g];
    const std::span<WordId> draws = std::span(buffer.draws).subspan(g * negatives, negatives);
    buffer.shared_labels[place] = 1.0F;
    buffer.shared_rows[place++] = row_of(target);
    if (all_distinct(target, draws)) {
      for (const WordId draw : draws) buffer.shared_rows[place++] = row_of(draw);
    } else {
      place = add_merged(target, draws, place, buffer, stream);
    }
    buffer.shared_offsets[g + 1] = static_cast<std::int64_t>(place);
  }
  buffer.shared_rows.resize(place);
  buffer.shared_labels.resize(place);
  if (!buffer.shared_weights.empty()) buffer.shared_weights.resize(place, 1.0F);
  if (log_q_.empty()) return;
  buffer.shared_log_q.resize(place);
  for (std::size_t t = 0; t < place; ++t) buffer.shared_log_q[t] = log_q_[index(buffer.shared_rows[t])];
}

HierarchicalSoftmaxObjective::HierarchicalSoftmaxObjective(const Tree& tree) : tree_(&tree) {
  points_.reserve(tree.points.size() + kCopied);
  points_.assign(tree.points.begin(), tree.points.end());
  points_.resize(tree.points.size() + kCopied);
  labels_.reserve(tree.codes.size() + kCopied);
  for (const std::uint8_t code : tree.codes) labels_.push_back(code == 0 ? 1.0F : 0.0F);
  labels_.resize(tree.codes.size() + kCopied);
}

void HierarchicalSoftmaxObjective::add_candidates(BatchBuffer& buffer, Stream&) const {
  const std::vector<std::int64_t>& offsets = tree_->offsets;
  const std::size_t groups = buffer.targets.size();
  buffer.shared_offsets.resize(groups + 1);
  buffer.shared_offsets[0] = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t target = index(buffer.targets[g]);
    buffer.shared_offsets[g + 1] = buffer.shared_offsets[g] + offsets[target + 1] - offsets[target];
  }
  // Paths are copied in whole blocks, each overwritten where the next begins: their number seldom changes, so that
  // few branches are mispredicted. Room for the last block's excess is cut off again.
  const auto total = static_cast<std::size_t>(buffer.shared_offsets[groups]);
  buffer.shared_rows.resize(total + kCopied);
  buffer.shared_labels.resize(total + kCopied);
  for (std::size_t g = 0; g < groups; ++g) {
    const auto from = static_cast<std::size_t>(offsets[index(buffer.targets[g])]);
    const auto to = static_cast<std::size_t>(buffer.shared_offsets[g]);
    const auto size = static_cast<std::size_t>(buffer.shared_offsets[g + 1]) - to;
    for (std::size_t i = 0; i < size; i += kCopied) {
      std::copy_n(points_.data() + from + i, kCopied, buffer.shared_rows.data() + to + i);
      std::copy_n(labels_.data() + from + i, kCopied, buffer.shared_labels.data() + to + i);
    }
  }
  buffer.shared_rows.resize(total);
  buffer.shared_labels.resize(total);
}

}   // namespace hogvec
