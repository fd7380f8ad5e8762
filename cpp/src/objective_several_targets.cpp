// Candidates of groups with several targets: the losses of one hidden vector, added up, are one loss in which equal
// candidates are one of their total weight, whose label is the share of that weight that asks for a yes.
#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/candidate_places.hpp"
#include "hogvec/objective.hpp"

namespace hogvec {

namespace {

std::span<const WordId> targets_of(const BatchBuffer& buffer, std::size_t group) {
  const auto begin = static_cast<std::size_t>(buffer.target_offsets[group]);
  return std::span(buffer.targets).subspan(begin, static_cast<std::size_t>(buffer.target_offsets[group + 1]) - begin);
}

// The candidates of one group while they are added up.
class CandidateSums {
 public:
  // most: candidates of a group, equal ones counted each.
  CandidateSums(BatchBuffer& buffer, std::size_t most) : buffer_(&buffer), places_(buffer, most) {
    buffer.shared_offsets.assign(1, 0);
  }

  void start() {
    first_ = buffer_->shared_rows.size();
    places_.start(first_);
  }
  // The place of a row, a new one with no weight if it is new.
  std::size_t find_or_add(RowId row) {
    const std::size_t last = buffer_->shared_rows.size();
    const std::size_t place = places_.find_or_add(row, last);
    if (place == last) {
      buffer_->shared_rows.push_back(row);
      buffer_->shared_weights.push_back(0);
      buffer_->shared_labels.push_back(0);
    }
    return place;
  }
  void add(std::size_t place, float weight, float label) {
    buffer_->shared_weights[place] += weight;
    buffer_->shared_labels[place] += weight * label;
  }
  // Ends the group: weights become those of the mean over its targets, and labels shares of their weights.
  void finish(std::size_t num_targets) {
    const float share = 1.0F / static_cast<float>(num_targets);
    for (std::size_t place = first_; place < buffer_->shared_rows.size(); ++place) {
      float& weight = buffer_->shared_weights[place];
      if (weight > 0) buffer_->shared_labels[place] /= weight;
      weight *= share;
    }
    buffer_->shared_offsets.push_back(static_cast<std::int64_t>(buffer_->shared_rows.size()));
  }

 private:
  BatchBuffer* buffer_;
  CandidatePlaces places_;
  std::size_t first_ = 0;
};

}   // namespace

// A set of draws for each target up to kMostTargetSets of them, which all targets share in equal parts. A draw is noise
// for the targets that it does not equal; one that equals all of them is what a hit is to a single target.
void NegativeSamplingObjective::add_for_several(BatchBuffer& buffer, Stream& stream) const {
  const auto negatives = static_cast<std::size_t>(negatives_);
  const std::size_t groups = buffer.target_offsets.size() - 1;
  buffer.draws.resize(num_noise_sets(groups) * kMostTargetSets * negatives);
  noise_->draw(stream, buffer.draws);
  std::size_t most = 0;
  for (std::size_t g = 0; g < groups; ++g)
    most = std::max(most, targets_of(buffer, g).size() + kMostTargetSets * negatives);

  CandidateSums sums(buffer, most);
  for (std::size_t g = 0; g < groups; ++g) {
    const std::span<const WordId> targets = targets_of(buffer, g);
    const auto num_targets = static_cast<float>(targets.size());
    const auto num_equal = [&](WordId draw) {
      return static_cast<float>(std::count(targets.begin(), targets.end(), draw));
    };
    sums.start();
    for (const WordId target : targets) sums.add(sums.find_or_add(row_of(target)), 1, 1);
    const std::size_t num_sets = std::min(targets.size(), kMostTargetSets);
    const float share = 1.0F / static_cast<float>(num_sets);
    for (WordId draw :
         std::span(buffer.draws).subspan(noise_set_of(g) * kMostTargetSets * negatives, num_sets * negatives)) {
      float equal = num_equal(draw);
      for (int redraw = 0; hits_ == Hits::kRedraw && equal == num_targets && redraw < kMostRedraws; ++redraw) {
        draw = noise_->draw(stream);
        equal = num_equal(draw);
      }
      const float weight = hits_ == Hits::kKeep ? num_targets : num_targets - equal;
      if (weight > 0) sums.add(sums.find_or_add(row_of(draw)), share * weight, 0);
    }
    sums.finish(targets.size());
  }
  add_log_q(buffer);
}

// The inner nodes on any of the paths.
void HierarchicalSoftmaxObjective::add_for_several(BatchBuffer& buffer) const {
  const std::vector<std::int64_t>& offsets = tree_->offsets;
  const auto path_begin = [&](WordId word) { return static_cast<std::size_t>(offsets[index(word)]); };
  const auto path_end = [&](WordId word) { return static_cast<std::size_t>(offsets[index(word) + 1]); };
  const std::size_t groups = buffer.target_offsets.size() - 1;
  std::size_t most = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    std::size_t nodes = 0;
    for (const WordId target : targets_of(buffer, g)) nodes += path_end(target) - path_begin(target);
    most = std::max(most, nodes);
  }
  CandidateSums sums(buffer, most);
  for (std::size_t g = 0; g < groups; ++g) {
    const std::span<const WordId> targets = targets_of(buffer, g);
    sums.start();
    for (const WordId target : targets) {
      for (std::size_t i = path_begin(target); i < path_end(target); ++i)
        sums.add(sums.find_or_add(points_[i]), 1, labels_[i]);
    }
    sums.finish(targets.size());
  }
}

}   // namespace hogvec
