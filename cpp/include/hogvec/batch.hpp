// The contract between what builds examples and what trains on them: many groups as flat arrays.
// Nothing here knows a corpus, a loss or an instruction set.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

// Kernels may read this many floats past the end of the arrays of shared candidates.
inline constexpr std::size_t kReadableSlack = 32;

// How the scores of a hidden vector become a loss: every candidate is a yes-or-no question of its own, or all of them
// compete. With o = score - log_q, label l and weight w of a candidate, the loss is
//   logistic: sum of w (softplus(o) - l o)
//   softmax:  sum of w l (ln Z - o), Z = sum of w exp(o): a candidate of weight w stands for w equal ones.
enum class Link : std::uint8_t { kLogistic, kSoftmax };

// H hidden vectors in G groups; an empty span means the default named beside it.
struct Batch {
  // Hidden vector h is forward_scale[h] * sum of bag_weights[e] * input[bag_rows[e]] over its bag, e in
  // [bag_offsets[h], bag_offsets[h + 1]); its gradient reaches those rows times backward_scale[h].
  std::span<const std::int64_t> bag_offsets;   // (H + 1,), default: one row each
  std::span<const RowId> bag_rows;             // (n_bag_entries,)
  std::span<const float> bag_weights;          // (n_bag_entries,), default 1
  std::span<const float> forward_scale;        // (H,), default 1
  std::span<const float> backward_scale;       // (H,), default 1
  std::span<const float> weight;               // (H,), default 1: multiplies the loss of h

  // Group g scores the hidden vectors group_hidden[i], i in [group_offsets[g], group_offsets[g + 1]) ...
  std::span<const std::int64_t> group_offsets;   // (G + 1,)
  std::span<const std::uint32_t> group_hidden;   // default: i itself

  // ... against its shared candidates, whose rows are distinct within a group,
  std::span<const std::int64_t> shared_offsets;   // (G + 1,)
  std::span<const RowId> shared_rows;
  std::span<const float> shared_labels;    // with kReadableSlack
  std::span<const float> shared_weights;   // with kReadableSlack, not negative, default 1
  std::span<const float> shared_log_q;     // with kReadableSlack, subtracted from scores, default 0

  // ... and hidden vector h alone against candidates of its own.
  std::span<const std::int64_t> own_offsets;   // (H + 1,), default: none
  std::span<const RowId> own_rows;
  std::span<const float> own_labels;
  std::span<const float> own_log_q;   // default 0

  // Hidden vector h leaves out the shared candidates hit_candidates[i], i in [hit_offsets[h], hit_offsets[h + 1]):
  // accidental hits. Candidates are counted through the whole batch, and stand in a group of h.
  std::span<const std::int64_t> hit_offsets;   // (H + 1,), default: none
  std::span<const std::int64_t> hit_candidates;

  // Every group has the rows of the first, which alone shared_rows holds; labels are still one for each candidate.
  bool rows_repeat = false;
  // Every bag is one unweighted, unscaled row and the rows of a group are distinct: kernels update them in place.
  bool rows_distinct = false;

  std::size_t num_groups() const { return group_offsets.size() - 1; }
  std::size_t num_hidden() const { return bag_offsets.empty() ? bag_rows.size() : bag_offsets.size() - 1; }
};

// The arrays behind a Batch, reused from one batch to the next.
struct BatchBuffer {
  std::vector<std::int64_t> bag_offsets, group_offsets, shared_offsets, own_offsets, hit_offsets, hit_candidates;
  std::vector<RowId> bag_rows, shared_rows, own_rows;
  std::vector<float> bag_weights, forward_scale, backward_scale, weight, shared_labels, shared_weights, shared_log_q,
      own_labels, own_log_q;
  std::vector<std::uint32_t> group_hidden;
  // What groups are to predict; read by objectives, not by kernels. Group g has the outputs targets[target_offsets[g],
  // target_offsets[g + 1]), the loss of its one hidden vector being the mean over these; without offsets, one each.
  std::vector<WordId> targets;
  std::vector<std::int64_t> target_offsets;   // (G + 1,), default: none
  std::vector<WordId> draws;                  // what an objective drew, before it became candidates
  std::vector<std::uint64_t> draw_slots;      // a hash table of these
  bool rows_distinct = false;
  bool rows_repeat = false;

  void clear();
  Batch view();   // valid until the next change; adds the slack
};

// Checks that offsets start at 0, never fall and end at `last`. Throws ValueError with the name.
void check_offsets(std::span<const std::int64_t> offsets, std::size_t last, const char* name);

// Checks what a kernel relies on: offsets ascending and of the right length, arrays of equal length, ids in range.
// Throws ValueError or IndexError with the name of the array.
void validate(const Batch& batch, std::int64_t input_rows, std::int64_t output_rows);

// Puts a hand-made batch into the form kernels take: equal shared rows of a group become one candidate whose weight is
// the sum and whose label is the weighted mean (the losses are linear in weight times label, so nothing changes; a hit
// on one of them leaves out all), and groups whose bags are distinct single rows are recognised.
BatchBuffer canonical(const Batch& batch);

}   // namespace hogvec
