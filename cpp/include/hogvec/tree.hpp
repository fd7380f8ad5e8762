// Binary trees over the outputs, as flat arrays: for each word the inner nodes on its path and the turn taken at each.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

class Pulse;

// A full binary tree of at least two leaves, as the functions below make it: n words and n - 1 inner nodes, each with
// two children and, but for the root, one parent. Every path starts at the root.
struct Tree {
  std::vector<std::int64_t> offsets;   // (n_words + 1,): word w's path is [offsets[w], offsets[w + 1])
  std::vector<RowId> points;           // (n_path_entries,): inner nodes, rows of the output table
  std::vector<std::uint8_t> codes;     // (n_path_entries,): 0 or 1, the turn at that node; its label is 1 - code
  std::vector<std::int32_t>
      children;   // (2 * n_inner,): where turns 0 and 1 at a node lead: a node i as i, word w as ~w

  std::int64_t num_leaves() const { return static_cast<std::int64_t>(offsets.size()) - 1; }
  std::int64_t num_inner() const { return static_cast<std::int64_t>(children.size() / 2); }
  RowId root() const { return points.front(); }
};

// word2vec's Huffman tree (Mikolov et al. 2013; Huffman 1952): two-pointer merge of counts in falling order; inner node
// ids are 0 .. n - 2 with the root last.
// counts: (n,), none negative, their sum below 2^63, n at least 2 and below 2^31, any order (sorted inside, stably:
// count falling, then index). Counts of zero get codes too: those words form a balanced subtree of their own, where
// word2vec's rule for ties would chain them into paths as long as their number. Throws ValueError.
Tree build_huffman_tree(std::span<const std::int64_t> counts, Pulse* pulse = nullptr);

// Words in order from left to right, every range of them halved, the first half the larger of unequal ones: paths are
// floor(log2 n) or ceil(log2 n) long. Inner node i parts the words up to i from those after it; turn 0 is to the first.
// Throws ValueError.
Tree build_balanced_tree(std::int64_t num_leaves, Pulse* pulse = nullptr);

// The tree that its paths describe. Throws ValueError with what is wrong if they describe none.
Tree tree_of_paths(std::span<const std::int64_t> offsets, std::span<const std::int32_t> points,
                   std::span<const std::uint8_t> codes, Pulse* pulse = nullptr);

}   // namespace hogvec
