// Binary trees over the outputs, as flat arrays: for each word the inner nodes on its path and the turn taken at each.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/types.hpp"

namespace hogvec {

// word2vec's Huffman tree (Mikolov et al. 2013; Huffman 1952): two-pointer merge of counts in falling order; inner node
// ids are 0 .. n - 2 with the root last; a path starts at the root.
struct HuffmanTree {
  std::vector<std::int64_t> offsets;   // (n_words + 1,): word w's path is [offsets[w], offsets[w + 1])
  std::vector<RowId> points;           // (n_path_entries,): inner nodes, rows of the output table
  std::vector<std::uint8_t> codes;     // (n_path_entries,): 0 or 1, the turn at that node; its label is 1 - code
};

// counts: (n,), none negative, their sum below 2^63, n at least 2 and below 2^31, any order (sorted inside, stably:
// count falling, then index). Counts of zero get codes too: those words form a balanced subtree of their own, where
// word2vec's rule for ties would chain them into paths as long as their number. Throws ValueError.
HuffmanTree build_huffman_tree(std::span<const std::int64_t> counts);

}   // namespace hogvec
