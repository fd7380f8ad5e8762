// A graph: for every node its neighbours in ascending order, with draws of one by the weight of its edge in constant
// time. It knows no walk.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/types.hpp"

namespace hogvec {

// 4 bytes an edge without weights; 16 with them, for a table of Walker's for each node (A. J. Walker, "An efficient
// method for generating discrete random variables with general distributions", 1977).
class Graph {
 public:
  // The edges of node v go to targets[offsets[v], offsets[v + 1]), in any order; equal ones become one whose weight is
  // their sum, and those of weight 0 are left out. Without weights every edge has weight 1. Throws ValueError on
  // offsets that do not ascend from 0 to the number of edges and on a weight that is negative or not finite, IndexError
  // on a target that is no node.
  Graph(std::span<const std::int64_t> offsets, std::span<const WordId> targets, std::span<const double> weights);

  std::int64_t num_nodes() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  std::int64_t num_edges() const { return static_cast<std::int64_t>(targets_.size()); }
  bool is_weighted() const { return !slots_.empty(); }
  std::int64_t degree(WordId node) const { return offsets_[index(node) + 1] - offsets_[index(node)]; }
  std::span<const std::int64_t> offsets() const { return offsets_; }   // (n_nodes + 1,)
  std::span<const WordId> targets() const { return targets_; }         // (n_edges,)
  std::span<const float> shares() const { return shares_; }            // (n_edges,) of their node's weight; or none

  bool has_edge(WordId from, WordId to) const { return place_of(from, to) >= 0; }
  // The share of an edge in the weight of all edges of its node; 0 if there is none.
  float share(WordId from, WordId to) const;
  // A neighbour in proportion to the weights of edges; the node must have one.
  WordId draw(WordId node, std::uint64_t bits) const {
    const std::int64_t begin = offsets_[index(node)];
    const auto degree = static_cast<std::uint32_t>(offsets_[index(node) + 1] - begin);
    auto place = static_cast<std::size_t>(begin + scale_bits(static_cast<std::uint32_t>(bits >> 32), degree));
    if (!slots_.empty()) {
      const Slot& slot = slots_[place];
      if (static_cast<float>(bits & 0xffffffU) * 0x1p-24F >= slot.keep)
        place = static_cast<std::size_t>(begin) + slot.other;
    }
    return targets_[place];
  }

 private:
  // A place keeps a draw with this probability, or hands it to another place of the node.
  struct Slot {
    float keep;
    std::uint32_t other;
  };

  std::int64_t place_of(WordId from, WordId to) const;   // of the edge; -1 if there is none
  void make_slots(std::span<const double> weights);

  std::vector<std::int64_t> offsets_;
  std::vector<WordId> targets_;
  std::vector<Slot> slots_;     // of a weighted graph
  std::vector<float> shares_;   // of a weighted graph
};

}   // namespace hogvec
