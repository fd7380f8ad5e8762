// Exact log probabilities of outputs under a tree: a path's probability is the product of its decisions (Morin and
// Bengio 2005), so that those of all outputs sum to 1. For evaluation and retrieval; training goes through kernels.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/table.hpp"
#include "hogvec/tree.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// At an inner node with the score s = hidden . weights[node] + bias[node], turn 0 has the probability sigmoid(s) and
// turn 1 sigmoid(-s).
struct TreeModel {
  const Tree* tree = nullptr;
  FloatRows weights;             // (n_inner, dim)
  std::span<const float> bias;   // (n_inner,), or empty for none
};

// result[b] = ln P(targets[b] | hidden row b). Throws ValueError for shapes that do not agree and numbers that are not
// finite, IndexError for targets that are no leaves.
void tree_log_likelihood(const TreeModel& model, FloatRows hidden, std::span<const std::int64_t> targets,
                         std::span<double> result, int threads, const KeepGoing& keep_going);

// The k most probable outputs of every hidden row, best first and equal ones by id, with their log probabilities; both
// results are (B, k). Best-first search: a node is as good as its best leaf could be, so that leaves come out in order
// and most of the tree is never scored. k of [1, n_leaves]. Throws as above.
void tree_top_k(const TreeModel& model, FloatRows hidden, std::int64_t k, std::span<std::int32_t> ids,
                std::span<double> log_probabilities, int threads, const KeepGoing& keep_going);

}   // namespace hogvec
