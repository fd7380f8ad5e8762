// An output layer over buffers of the caller's: the loss of a mini-batch of hidden vectors and its exact gradients, for
// every loss whose candidates are shared by the mini-batch, the example's own, or both. Nothing here draws: candidates
// come with the logarithms of their expected counts.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/block_kernels.hpp"
#include "hogvec/output_link.hpp"
#include "hogvec/output_panels.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// What B hidden vectors are scored against.
struct LayerCandidates {
  LinkSettings link;

  // Shared by all: distinct rows, or all of them. A candidate of weight m counts as m equal ones.
  bool all_rows = false;
  std::span<const std::int32_t> shared_rows;   // (S,), empty when all_rows
  std::span<const float> shared_weights;       // (S,), default 1
  std::span<const double> shared_log_q;        // (S,), subtracted from scores, default 0

  // The targets of each example, any number, which are candidates of its own: b's are entries
  // [target_offsets[b], target_offsets[b + 1]). Equal ones of an example are one.
  std::span<const std::int64_t> targets;
  std::span<const std::int64_t> target_offsets;   // (B + 1,), default one target each
  std::span<const float> target_weights;          // what labels are in proportion to, default 1
  std::span<const double> target_log_q;           // default 0
  bool mask_hits = true;                          // a shared candidate is none for the examples whose target it is

  // Or own candidates as they are, when own_offsets is given: no targets and no hits then.
  std::span<const std::int64_t> own_offsets;   // (B + 1,)
  std::span<const std::int64_t> own_rows;
  std::span<const float> own_labels;
  std::span<const double> own_log_q;   // default 0

  // Of every so many shared candidates, in their order, an example keeps the one with the highest score.
  std::int64_t hard_of = 1;
};

// Where gradients go: memory of the caller's.
struct LayerGradients {
  std::span<double> loss;    // (B,), times the example's weight
  std::span<float> hidden;   // (B, dim)
  std::span<float> rows;     // (T, dim), T as many as OutputLayer::rows()
  std::span<float> bias;     // (T,), or empty
};

class OutputLayer {
 public:
  // Throws ValueError for shapes that do not agree or numbers that are not finite, IndexError for rows that are none.
  // All that is referred to must outlive this. example_weights (B,), or empty for 1.
  OutputLayer(const BlockKernels& kernels, const LayerModel& model, FloatRows hidden,
              std::span<const float> example_weights, const LayerCandidates& candidates);
  OutputLayer(const OutputLayer&) = delete;   // its parts refer to one another
  OutputLayer& operator=(const OutputLayer&) = delete;

  // The rows that have a gradient, ascending.
  std::span<const std::int64_t> rows() const { return rows_; }

  // Throws ValueError if scores are not finite, StateError if keep_going said no; the results are worthless then.
  void gradients(const LayerGradients& results, int threads, const KeepGoing& keep_going);

 private:
  struct Worker;
  struct Block;

  void check() const;
  void take_own();
  void take_targets();
  void add_targets(std::size_t begin, std::size_t end);
  void find_rows();
  void find_hits();
  std::vector<float> shared_offsets() const;

  bool keeps_scores() const { return candidates_.link.link == Link::kSoftmax || candidates_.hard_of > 1; }
  template <class Phase>
  void train_blocks(std::vector<Worker>& workers, std::int64_t block_size, const LayerGradients& results,
                    const Phase& phase);
  std::int64_t fetch_panels(Worker& worker, std::int64_t first, std::int64_t count, bool packed) const;
  void score_panels(const Block& block, Worker& worker, const StopFlag& stop);
  void panel_weights(std::int64_t panel, float* weights) const;
  void mask_hits(const Block& block, std::int64_t panel, std::int64_t first, std::int64_t count, float* scores) const;
  void add_to_partition(const Block& block, std::int64_t panel, Part examples, Worker& sums) const;
  void scale_masses(const Block& block, std::int64_t panel, std::int64_t first, std::int64_t count, float* scale) const;
  void clear_own_rows(const LayerGradients& results) const;
  void keep_hardest(const Block& block, Worker& sums, Part examples);
  void prefetch_own(std::size_t example) const;
  void link_examples(const Block& block, const std::vector<Worker>& workers, Part examples,
                     const LayerGradients& results, const StopFlag& stop);
  void multiply_panels(const Block& block, Worker& worker, const LayerGradients& results, const StopFlag& stop);
  void add_own(const Block& block, Part slots, const LayerGradients& results, const StopFlag& stop) const;
  void finish_hidden(const Block& block, const std::vector<Worker>& workers, Part examples,
                     const LayerGradients& results, const StopFlag& stop) const;
  void project_rows(Part slots, const LayerGradients& results) const;

  const BlockKernels* kernels_;
  LayerModel model_;
  FloatRows hidden_;
  std::span<const float> example_weights_;
  LayerCandidates candidates_;

  // Own candidates: example b's are entries [own_offsets_[b], own_offsets_[b + 1]).
  std::vector<std::int64_t> own_offsets_, own_rows_, own_slots_;
  std::vector<OwnCandidate> own_;

  std::vector<std::int64_t> rows_;           // (T,): of shared and own candidates, ascending; a slot is an index
  std::vector<std::int64_t> shared_slots_;   // (S,), empty when all_rows: the same
  struct Hit {
    std::int32_t example, candidate;
  };
  std::vector<Hit> hits_;                   // by panel, then by example
  std::vector<std::int64_t> hits_before_;   // (panels + 1,)
  std::vector<double> shared_count_;        // (B,): shared candidates that are not masked, with their weights

  std::vector<float> offsets_;
  CandidatePanels panels_;
};

}   // namespace hogvec
