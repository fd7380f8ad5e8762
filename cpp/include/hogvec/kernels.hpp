// The kernels behind one table of functions, chosen once from what the processor can do (or HOGVEC_ISA says).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/block_kernels.hpp"
#include "hogvec/optimizer.hpp"
#include "hogvec/table.hpp"

namespace hogvec {

// Loss of the groups that were measured, before their update.
struct LossSum {
  double loss = 0;     // weighted sum over hidden vectors
  double weight = 0;   // sum of the hidden vectors' weights
};

// Memory a kernel works in, one per worker, so that kernels allocate nothing.
class Scratch {
 public:
  // Before every call of a kernel.
  void reserve(const Batch& batch, std::int64_t stride, OptimizerKind optimizer = OptimizerKind::kSgd);

  float* scores = nullptr;             // (max hidden of a group, padded candidates), then coefficients in place
  float* losses = nullptr;             // (padded candidates,); for the softmax link: what is subtracted from scores
  float* own_coefficients = nullptr;   // (most own candidates of a group,); for the softmax link scores at first

  float** hidden_rows = nullptr;     // (max hidden,): rows that bags are encoded to
  float** gradient_rows = nullptr;   // (max hidden,): rows where their gradients gather
  float** zero_rows = nullptr;       // (max hidden,): each the same row of zeros
  float** named_rows = nullptr;      // (max hidden,)

  // The rows that the batch names, and those of them to prefetch.
  float **input_rows = nullptr, **wanted_inputs = nullptr;     // (n_bag_entries + some,)
  float **output_rows = nullptr, **wanted_outputs = nullptr;   // (n_shared + some,)
  long *inputs_before = nullptr, *outputs_before = nullptr;    // (n_bag_entries + 1,), (n_shared + 1,)

  // For optimizers with state.
  float** candidate_gradient_rows = nullptr;   // (max candidates,)
  unsigned* sum_ids = nullptr;                 // (most rows of a table in a group,)
  float* sum_rows = nullptr;                   // (most rows of a table in a group, stride)
  int* sum_cells = nullptr;                    // (cells,), each -1
  long cells = 0;

  long* weighted_before = nullptr;   // (H + 1,): of the first h hidden vectors, how many have a weight other than 1

 private:
  struct Free {
    void operator()(void* p) const;
  };
  std::unique_ptr<void, Free> memory_;
  std::size_t bytes_ = 0;
};

// Rows [first, first + count) of the output table that are trained elsewhere: copies of one worker, row after row, and
// how often each was a candidate. The last number of `uses` counts all other rows.
struct ReplicaView {
  std::int64_t first = 0;
  std::int64_t count = 0;
  float* rows = nullptr;           // (count, stride), 64-byte aligned
  std::uint32_t* uses = nullptr;   // (count + 1,)
};

struct GroupSettings {
  float learning_rate = 0;
  OptimizerSettings optimizer;
  std::uint32_t first_step = 0;   // groups before the batch's first
  std::int64_t first_group = 0;   // number of the batch's first group in its chunk
  std::int64_t loss_every = 1;    // measure groups whose number is a multiple of this
  // Of the softmax link: so many groups in turn, the same hidden vectors in each, are one example. They are measured
  // together, and it is examples whose numbers are multiples.
  std::int64_t groups_each = 1;
  float score_scale = 1;   // of the softmax link: what scores are multiplied by before log_q is subtracted
  ReplicaView replicas;    // of shared candidates, with the optimizer SGD
};

// A Batch as plain pointers, nullptr for an empty span: kernels call no function of the standard library, whose
// out-of-line copies would carry a kernel's instruction set into the rest of the program.
struct BatchArrays {
  explicit BatchArrays(const Batch& batch);

  const std::int64_t* bag_offsets;
  const RowId* bag_rows;
  std::int64_t num_bag_rows;
  const float *bag_weights, *forward_scale, *backward_scale, *weight;
  std::int64_t num_hidden;
  std::int64_t num_groups;
  const std::int64_t* group_offsets;
  const std::uint32_t* group_hidden;
  const std::int64_t* shared_offsets;
  const RowId* shared_rows;
  std::int64_t num_shared_rows;
  const float *shared_labels, *shared_weights, *shared_log_q;
  const std::int64_t* own_offsets;
  const RowId* own_rows;
  const float *own_labels, *own_log_q;
  const std::int64_t *hit_offsets, *hit_candidates;
  bool rows_distinct, rows_repeat;
};

struct Kernels {
  // Trains on the groups in order. Rows of both tables may race with other workers.
  using Train = void (*)(const BatchArrays&, const GroupSettings&, const TrainedTable& input,
                         const TrainedTable& output, Scratch&, LossSum&);

  const char* instruction_set;
  Train train_logistic, train_softmax;
  void (*sigmoid)(const float* x, float* y, long n);    // 1 / (1 + exp(-x))
  void (*softplus)(const float* x, float* y, long n);   // log(1 + exp(x))
  // row += share * (copy - before); copy = before = row. Rows of `stride` floats, 64-byte aligned; `row` may race.
  void (*merge_row)(float* row, float* copy, float* before, float share, long stride);
  BlockKernels blocks;

  Train train(Link link) const { return link == Link::kSoftmax ? train_softmax : train_logistic; }
};

// Kernels of a named level, or nullptr when this build or this processor has none.
const Kernels* find_kernels(const std::string& instruction_set);
std::vector<std::string> available_instruction_sets();   // slowest first
// The level named by HOGVEC_ISA, else the fastest available. Throws ValueError for a name that is not available.
const Kernels& active_kernels();

}   // namespace hogvec
