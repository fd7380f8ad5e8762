// Which output rows a group is scored against, and their labels: target -> candidates. An objective knows no corpus and
// no hidden vector; the link that turns scores into a loss is the kernel's.
#pragma once

#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/tree.hpp"

namespace hogvec {

// What becomes of a draw that equals the target.
enum class Hits : std::uint8_t { kRedraw, kRemove, kKeep };

// The target (label 1) and `negatives` draws of noise (label 0), drawn once for the group (Mikolov et al. 2013; shared
// by a window as in Ji et al. 2016). Equal draws are one candidate of their number as weight; a target that is kept as
// noise, too, is one whose label is its share of being the target. With log_q, of a word each, this is
// noise-contrastive estimation (Gutmann and Hyvärinen 2010), else negative sampling.
class NegativeSamplingObjective {
 public:
  NegativeSamplingObjective(const AliasTable& noise, std::int32_t negatives, Hits hits = Hits::kRedraw,
                            std::span<const float> log_q = {})
      : noise_(&noise), negatives_(negatives), hits_(hits), log_q_(log_q) {}
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;                 // for every target of the buffer
  std::int64_t most_candidates() const { return std::int64_t{negatives_} + 1; }   // of one target

 private:
  std::size_t add_merged(WordId target, std::span<WordId> draws, std::size_t place, BatchBuffer& buffer,
                         Stream& stream) const;

  const AliasTable* noise_;
  std::int32_t negatives_;
  Hits hits_;
  std::span<const float> log_q_;   // (n_words,) or none
};

// The inner nodes on the target's path, label 1 - code (Morin and Bengio 2005; Mikolov et al. 2013).
class HierarchicalSoftmaxObjective {
 public:
  explicit HierarchicalSoftmaxObjective(const Tree& tree);
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;
  std::int64_t most_candidates() const { return most_candidates_; }

 private:
  const Tree* tree_;
  std::int64_t most_candidates_ = 0;
  std::vector<RowId> points_;   // (n_path_entries + excess,): the tree's, readable past the end
  std::vector<float> labels_;   // (n_path_entries + excess,)
};

using Objective = std::variant<NegativeSamplingObjective, HierarchicalSoftmaxObjective>;

}   // namespace hogvec
