// Which output rows a group is scored against, and their labels: target -> candidates. An objective knows no corpus and
// no hidden vector; the link that turns scores into a loss is the kernel's, and the objective names it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <variant>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/tree.hpp"

namespace hogvec {

// How the scores of an objective's candidates become a loss.
struct Scoring {
  Link link = Link::kLogistic;
  float score_scale = 1;          // 1 / temperature, of the softmax link
  std::int64_t groups_each = 1;   // groups of a target, one after the other
};

// What becomes of a draw that equals the target.
enum class Hits : std::uint8_t { kRedraw, kRemove, kKeep };

// A set of noise is drawn for several groups, since most of the time of a group goes into fetching rows from memory
// that no other group has just used: of every 64 groups the first takes set 0, the second set 1, ... the ninth set 0
// again. Neighbours have other sets, so that no row is pushed in one direction many times in a row, which costs quality
// (bench/README.md has both measurements).
inline constexpr std::size_t kSetsInTurn = 8;
inline constexpr std::size_t kGroupsOfASet = 8;
// Groups that take their sets in turn before new ones are drawn.
inline constexpr std::size_t kSetGroups = kSetsInTurn * kGroupsOfASet;

// The set that a group of a batch takes, and how many sets so many groups take together.
constexpr std::size_t noise_set_of(std::size_t group) { return group / kSetGroups * kSetsInTurn + group % kSetsInTurn; }
constexpr std::size_t num_noise_sets(std::size_t groups) {
  return groups / kSetGroups * kSetsInTurn + std::min(groups % kSetGroups, kSetsInTurn);
}

// A group with several targets takes so many sets at once, if it has as many targets. With one, five draws push against
// the words of a whole window, which costs quality; with more than four there is no gain that shows (bench/README.md
// has the measurements).
inline constexpr std::size_t kMostTargetSets = 4;

// A noise distribution may be so concentrated on the target that no other word comes: then the draw is given up, and
// the group has one negative less.
inline constexpr int kMostRedraws = 64;

// The target (label 1) and a set of `negatives` draws of noise (label 0; Mikolov et al. 2013), which a window shares as
// in Ji et al. (2016), and several groups as above. Equal draws are one candidate of their number as weight; a target
// that is kept as noise, too, is one whose label is its share of being the target. With log_q, of a word each, this is
// noise-contrastive estimation (Gutmann and Hyvärinen 2010), else negative sampling.
class NegativeSamplingObjective {
 public:
  NegativeSamplingObjective(const AliasTable& noise, std::int32_t negatives, Hits hits = Hits::kRedraw,
                            std::span<const float> log_q = {})
      : noise_(&noise), negatives_(negatives), hits_(hits), log_q_(log_q) {}
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;                 // for every target of the buffer
  std::int64_t most_candidates() const { return std::int64_t{negatives_} + 1; }   // of one target
  Scoring scoring() const { return {}; }

 private:
  std::size_t add_merged(WordId target, std::span<WordId> draws, std::size_t place, BatchBuffer& buffer,
                         Stream& stream) const;
  void add_for_several(BatchBuffer& buffer, Stream& stream) const;
  void add_log_q(BatchBuffer& buffer) const;

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
  Scoring scoring() const { return {}; }
  const Tree& tree() const { return *tree_; }

 private:
  void add_for_several(BatchBuffer& buffer) const;

  const Tree* tree_;
  std::int64_t most_candidates_ = 0;
  std::vector<RowId> points_;   // (n_path_entries + excess,): the tree's, readable past the end
  std::vector<float> labels_;   // (n_path_entries + excess,)
};

// The target and `num_sampled` draws under the softmax link, drawn once for the group: with replacement, equal draws
// being one candidate of their number as weight, or distinct ones, drawn until there are enough. log_q is the logarithm
// of the expected count among the draws, the target's too (Jean et al. 2015). A draw that equals the target is left out
// or kept; kept, the target has the weight 1 + its draws, of which the label is its share.
class SampledSoftmaxObjective {
 public:
  struct Settings {
    std::int32_t num_sampled = 0;
    bool unique = true;
    bool keep_hits = false;
    float temperature = 1;
    float label_smoothing = 0;   // this share of the label is spread evenly over the target and the draws
  };
  // probability: (n,), that of each draw; it must have num_sampled positive entries for distinct draws. Throws
  // ValueError.
  SampledSoftmaxObjective(const AliasTable& noise, std::span<const double> probability, const Settings& settings);
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;
  std::int64_t most_candidates() const { return std::int64_t{settings_.num_sampled} + 1; }
  Scoring scoring() const { return {Link::kSoftmax, 1 / settings_.temperature, 1}; }

  // Settings::unique: ln(1 - (1 - p)^num_tries) of a word, its expected count among the distinct words of so many
  // draws.
  float log_expected_count(WordId word, double num_tries, double log_num_tries) const;

 private:
  // A word is not among n draws with the probability exp(-n * rate).
  struct Rate {
    float rate, log_rate;
  };
  struct Sample;

  void add_group(BatchBuffer& buffer, std::span<const WordId> draws, Sample& sample) const;
  double add_distinct(BatchBuffer& buffer, Stream& stream, Sample& sample) const;
  double complete(BatchBuffer& buffer, Stream& stream, Sample& sample) const;
  void add_labels(BatchBuffer& buffer, const Sample& sample) const;

  const AliasTable* noise_;
  Settings settings_;
  std::size_t num_sampled_;
  std::vector<double> probability_;   // (n,), for distinct draws
  std::vector<Rate> rates_;           // (n,), for distinct draws
  std::vector<float> log_q_;          // (n,), for draws with replacement
};

// All rows, label 1 at the target: the softmax itself, or a yes-or-no question for each (Rifkin and Klautau 2004). Of
// several targets each has its share of that label or, if `every_target`, the answer to each of them is yes.
class AllRowsObjective {
 public:
  AllRowsObjective(std::int64_t num_rows, Link link, float temperature = 1, float label_smoothing = 0,
                   bool every_target = false)
      : num_rows_(num_rows),
        link_(link),
        temperature_(temperature),
        label_smoothing_(label_smoothing),
        every_target_(every_target) {}
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;
  std::int64_t most_candidates() const { return num_rows_; }
  Scoring scoring() const { return {link_, 1 / temperature_, 1}; }

 private:
  std::int64_t num_rows_;
  Link link_;
  float temperature_, label_smoothing_;
  bool every_target_;
};

// Words in classes, class after class.
struct ClassArrays {
  std::vector<std::int32_t> class_of;   // (n_words,)
  std::vector<std::int64_t> offsets;    // (n_classes + 1,): class c is members[offsets[c], offsets[c + 1])
  std::vector<WordId> members;          // (n_words,)

  std::int64_t num_classes() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
};

// The classes of words 0 .. n - 1. Throws ValueError for a negative class or one without a member.
ClassArrays make_classes(std::span<const std::int32_t> class_of);

// Two softmaxes for a target, in a group each: the classes, then the members of the target's class (Goodman 2001).
// Rows of the output table: the classes, then the words.
class TwoLevelSoftmaxObjective {
 public:
  explicit TwoLevelSoftmaxObjective(const ClassArrays& classes);
  void add_candidates(BatchBuffer& buffer, Stream& stream) const;
  std::int64_t most_candidates() const { return most_candidates_; }
  Scoring scoring() const { return {Link::kSoftmax, 1, 2}; }

 private:
  const ClassArrays* classes_;
  std::vector<RowId> rows_;              // (n_classes + n_words,): the classes, then the members of each
  std::vector<std::int32_t> place_of_;   // (n_words,): of a word among the members of its class
  std::int64_t most_candidates_ = 0;
};

using Objective = std::variant<NegativeSamplingObjective, HierarchicalSoftmaxObjective, SampledSoftmaxObjective,
                               AllRowsObjective, TwoLevelSoftmaxObjective>;

// Whether groups may have several targets: those objectives whose losses of one hidden vector, added up, are again one
// loss over one set of candidates. The group then takes one set of draws, each of them noise for every target.
inline bool takes_several_targets(const Objective& objective) {
  return !std::holds_alternative<SampledSoftmaxObjective>(objective) &&
         !std::holds_alternative<TwoLevelSoftmaxObjective>(objective);
}

}   // namespace hogvec
