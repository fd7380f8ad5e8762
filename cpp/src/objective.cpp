// Candidates of negative sampling and of hierarchical softmax.
#include "hogvec/objective.hpp"

#include <algorithm>

namespace hogvec {

namespace {
// A noise distribution may be so concentrated on the target that no other word comes: then the draw is given up, and
// the group has one negative less.
constexpr int kMostRedraws = 64;
}  // namespace

void NegativeSamplingObjective::add_candidates(BatchBuffer& buffer, Stream& stream) const {
  buffer.shared_offsets.push_back(0);
  for (const WordId target : buffer.targets) {
    const std::size_t first = buffer.shared_rows.size();
    buffer.shared_rows.push_back(row_of(target));
    buffer.shared_labels.push_back(1.0F);
    for (std::int32_t k = 0; k < negatives_; ++k) {
      WordId draw = noise_->draw(stream);
      for (int redraw = 0; draw == target && redraw < kMostRedraws; ++redraw) draw = noise_->draw(stream);
      if (draw == target) continue;
      const RowId row = row_of(draw);
      const auto begin = buffer.shared_rows.begin() + static_cast<std::ptrdiff_t>(first);
      const auto same = std::find(begin, buffer.shared_rows.end(), row);
      if (same == buffer.shared_rows.end()) {
        buffer.shared_rows.push_back(row);
        buffer.shared_labels.push_back(0.0F);
        continue;
      }
      const auto place = static_cast<std::size_t>(same - buffer.shared_rows.begin());
      buffer.shared_weights.resize(std::max(buffer.shared_weights.size(), place + 1), 1.0F);
      buffer.shared_weights[place] += 1.0F;
    }
    buffer.shared_offsets.push_back(static_cast<std::int64_t>(buffer.shared_rows.size()));
  }
  if (!buffer.shared_weights.empty()) buffer.shared_weights.resize(buffer.shared_rows.size(), 1.0F);
}

HierarchicalSoftmaxObjective::HierarchicalSoftmaxObjective(const HuffmanTree& tree) : tree_(&tree) {
  labels_.reserve(tree.codes.size());
  for (const std::uint8_t code : tree.codes) labels_.push_back(code == 0 ? 1.0F : 0.0F);
}

void HierarchicalSoftmaxObjective::add_candidates(BatchBuffer& buffer, Stream&) const {
  buffer.shared_offsets.push_back(0);
  for (const WordId target : buffer.targets) {
    const auto begin = static_cast<std::ptrdiff_t>(tree_->offsets[index(target)]);
    const auto end = static_cast<std::ptrdiff_t>(tree_->offsets[index(target) + 1]);
    buffer.shared_rows.insert(buffer.shared_rows.end(), tree_->points.begin() + begin, tree_->points.begin() + end);
    buffer.shared_labels.insert(buffer.shared_labels.end(), labels_.begin() + begin, labels_.begin() + end);
    buffer.shared_offsets.push_back(static_cast<std::int64_t>(buffer.shared_rows.size()));
  }
}

}  // namespace hogvec
