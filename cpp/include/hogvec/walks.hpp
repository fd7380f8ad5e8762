// Random walks over a graph, each computed from its number alone.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "hogvec/graph.hpp"
#include "hogvec/types.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// With p = q = 1 a step goes to a neighbour in proportion to the weight of the edge (Perozzi, Al-Rfou and Skiena 2014,
// "DeepWalk"). Otherwise an edge back to the node before weighs 1 / p, one to a neighbour of that node 1, and any other
// 1 / q times as much (Grover and Leskovec 2016, "node2vec").
struct WalkSettings {
  std::int64_t num_walks = 10;   // from every node that has an edge
  std::int64_t length = 80;      // nodes of a walk, at most: it ends at a node without an edge
  double p = 1, q = 1;
  std::uint64_t seed = 1;
};

inline constexpr std::int64_t kMostWalkLength = 1'000'000;

// Walks of one epoch. Walk i is a function of (graph, settings, epoch, i); walks [r n, (r + 1) n) begin once at each of
// the n nodes that have an edge, in an order of their own.
class Walker {
 public:
  Walker(const Graph& graph, const WalkSettings& settings);   // the graph must outlive it

  std::int64_t size() const { return settings_.num_walks * static_cast<std::int64_t>(starts_.size()); }
  const WalkSettings& settings() const { return settings_; }
  const Graph& graph() const { return *graph_; }
  // Writes the nodes of walk `number` to `to` (length,) and returns how many there are, at least 2.
  std::size_t walk(std::int64_t epoch, std::int64_t number, std::span<WordId> to) const;

 private:
  WordId second_step(WordId before, WordId node, Stream& stream) const;
  WordId weighed_step(WordId before, WordId node, Stream& stream) const;
  float factor(WordId before, WordId next) const;

  const Graph* graph_;
  WalkSettings settings_;
  std::vector<WordId> starts_;   // nodes that have an edge
  float back_, far_;             // the factors 1 / p and 1 / q
  float most_, least_;           // the larger of 1 and 1 / q, the least of all three factors
  float excess_;                 // by how much 1 / p exceeds most_, or 0
};

// Walks [first, first + count) of an epoch end to end, walk w being ids[offsets[w], offsets[w + 1]).
struct WalkTokens {
  std::vector<WordId> ids;
  std::vector<std::int64_t> offsets;   // (count + 1,)
};
void write_walks(const Walker& walker, std::int64_t epoch, std::int64_t first, std::int64_t count, WalkTokens& to);

// The same by so many threads; throws StateError if keep_going says no.
WalkTokens write_walks(const Walker& walker, std::int64_t epoch, std::int64_t first, std::int64_t count, int threads,
                       const KeepGoing& keep_going);

// How often each node stands in the walks of an epoch, (n_nodes,). No walk is stored.
std::vector<std::int64_t> count_nodes(const Walker& walker, std::int64_t epoch, int threads,
                                      const KeepGoing& keep_going);

}   // namespace hogvec
