// Building trees: Huffman's by a two-pointer merge of leaves in falling order of count, the balanced one by halving,
// and any other from its paths, which are checked.
#include "hogvec/tree.hpp"

#include <algorithm>
#include <bit>
#include <compare>
#include <limits>
#include <numeric>
#include <string>
#include <utility>

#include "hogvec/error.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {
namespace {

// Nodes that hold no count at all are ordered by their leaves, so that many words of count zero do not make a chain.
struct Weight {
  std::int64_t count;
  std::int64_t empty_leaves;   // 0 as soon as count is positive: from there on word2vec's rule alone decides
  auto operator<=>(const Weight&) const = default;
};

Weight merge(const Weight& a, const Weight& b) {
  const std::int64_t count = a.count + b.count;
  return {count, count == 0 ? a.empty_leaves + b.empty_leaves : 0};
}

// Nodes 0 .. n - 1 are leaves in falling order of count, n .. 2n - 2 inner nodes in the order of their making.
struct Links {
  std::vector<std::uint32_t> parent;   // (2n - 2,): all but the root
  std::vector<std::uint8_t> turn;      // (2n - 2,)
};

constexpr std::int64_t kMostLeaves = std::numeric_limits<std::int32_t>::max();

void check_counts(std::span<const std::int64_t> counts) {
  const auto n = counts.size();
  if (n < 2) throw ValueError("counts must have at least 2 entries, got " + std::to_string(n));
  if (n > static_cast<std::size_t>(kMostLeaves)) {
    throw ValueError("counts must have at most " + std::to_string(kMostLeaves) + " entries, got " + std::to_string(n));
  }
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) {
    if (counts[i] < 0) {
      throw ValueError("counts must not be negative, got " + std::to_string(counts[i]) + " at index " +
                       std::to_string(i));
    }
    if (counts[i] > std::numeric_limits<std::int64_t>::max() - sum) {
      throw ValueError("counts must sum to less than 2^63, got more at index " + std::to_string(i));
    }
    sum += counts[i];
  }
}

// Both queues, the leaves from the last one back and the inner nodes from the first one on, rise in weight: the two
// lightest nodes are at their fronts.
Links link_nodes(std::span<const std::int64_t> counts, std::span<const std::uint32_t> order, Pulse* pulse) {
  const std::size_t n = counts.size();
  Links links{std::vector<std::uint32_t>(2 * n - 2), std::vector<std::uint8_t>(2 * n - 2)};
  std::vector<Weight> inner_weight(n - 1);
  const auto leaf_weight = [&](std::size_t leaf) {
    const std::int64_t count = counts[order[leaf]];
    return Weight{count, count == 0 ? 1 : 0};
  };
  std::size_t leaves_left = n;
  std::size_t next_inner = 0;
  const auto make = [&](std::size_t made) {
    const auto take_lightest = [&](std::uint8_t turn) {
      // A leaf goes first only when strictly lighter, as in word2vec: equal weights take the inner node.
      const bool leaf =
          leaves_left > 0 && (next_inner == made || leaf_weight(leaves_left - 1) < inner_weight[next_inner]);
      const std::size_t node = leaf ? --leaves_left : n + next_inner++;
      links.parent[node] = static_cast<std::uint32_t>(n + made);
      links.turn[node] = turn;
      return leaf ? leaf_weight(node) : inner_weight[node - n];
    };
    const Weight lightest = take_lightest(0);
    const Weight second = take_lightest(1);
    inner_weight[made] = merge(lightest, second);
  };
  for_each(n - 1, pulse, make);
  return links;
}

// (2n - 1,): edges between each node and the root; a parent always has the higher number.
std::vector<std::uint32_t> node_depths(const Links& links, Pulse* pulse) {
  const std::size_t n = links.parent.size();
  std::vector<std::uint32_t> depth(n + 1);
  for_each(n, pulse, [&](std::size_t i) { depth[n - 1 - i] = depth[links.parent[n - 1 - i]] + 1; });
  return depth;
}

// A child that no path has named yet; words are below 2^31 - 1, so that none has this number.
constexpr std::int32_t kNoChild = std::numeric_limits<std::int32_t>::min();

// Resizes a vector that may be so large that its memory takes seconds to come.
template <class T>
void resize(std::vector<T>& values, std::size_t size, Pulse* pulse) {
  constexpr std::size_t kBetweenBeats = std::size_t{1} << 20;
  values.reserve(size);
  while (values.size() < size) {
    if (pulse != nullptr) pulse->beat();
    values.resize(std::min(size, values.size() + kBetweenBeats));
  }
}

std::string inner_node(std::int64_t node) { return "inner node " + std::to_string(node); }
std::string on_path_of(std::size_t word) { return " on the path of id " + std::to_string(word); }

// Checks what must hold of each number alone.
void check_path_arrays(std::span<const std::int64_t> offsets, std::span<const std::int32_t> points,
                       std::span<const std::uint8_t> codes, Pulse* pulse) {
  if (offsets.size() < 3) {
    throw ValueError("offsets must have at least 3 entries, the ends of 2 paths, got " +
                     std::to_string(offsets.size()));
  }
  const std::size_t n = offsets.size() - 1;
  if (n > static_cast<std::size_t>(kMostLeaves)) {
    throw ValueError("offsets must have at most " + std::to_string(kMostLeaves + 1) + " entries, got " +
                     std::to_string(offsets.size()));
  }
  if (offsets[0] != 0) throw ValueError("offsets must start at 0, got " + std::to_string(offsets[0]));
  for (std::size_t word = 0; word < n; ++word) {
    if (offsets[word + 1] <= offsets[word]) {
      throw ValueError("offsets must rise, since no path is empty, got " + std::to_string(offsets[word + 1]) +
                       " after " + std::to_string(offsets[word]) + " at id " + std::to_string(word));
    }
  }
  const std::string length = std::to_string(points.size());
  if (offsets[n] != static_cast<std::int64_t>(points.size()))
    throw ValueError("offsets must end at the length of points, " + length + ", got " + std::to_string(offsets[n]));
  if (codes.size() != points.size())
    throw ValueError("codes must have the length of points, " + length + ", got " + std::to_string(codes.size()));
  for_each(n, pulse, [&](std::size_t word) {
    for (auto e = static_cast<std::size_t>(offsets[word]); e < static_cast<std::size_t>(offsets[word + 1]); ++e) {
      if (points[e] < 0)
        throw ValueError("points must not be negative, got " + std::to_string(points[e]) + on_path_of(word));
      if (static_cast<std::size_t>(points[e]) >= points.size()) {   // more nodes than could be on the paths
        throw ValueError("points must be numbered from 0 with none left out, got " + std::to_string(points[e]) +
                         on_path_of(word));
      }
      if (codes[e] > 1) throw ValueError("codes must be 0 or 1, got " + std::to_string(codes[e]) + on_path_of(word));
    }
  });
}

// Gathers children and parents from the turns of paths, and finds where two paths disagree.
class PathLinks {
 public:
  PathLinks(std::size_t n_inner, std::int32_t root)
      : children_(2 * n_inner, kNoChild), parent_turn_(n_inner, kNoParent), root_(root) {}

  // Turn `turn` at inner node `node` leads to `child`: an inner node i as i, a word w as ~w.
  void add(std::int32_t node, std::uint8_t turn, std::int32_t child) {
    const std::uint32_t place = 2 * static_cast<std::uint32_t>(node) + turn;
    std::int32_t& known = children_[place];
    if (known == child) return;
    if (known != kNoChild) fail_with_two_children(place, known, child);
    known = child;
    if (child < 0) return;
    if (child == root_) {
      throw ValueError("the root, " + inner_node(root_) + ", must have no parent, got " + inner_node(node));
    }
    std::uint32_t& parent = parent_turn_[static_cast<std::size_t>(child)];
    if (parent != kNoParent) {
      throw ValueError(inner_node(child) + " must have one parent, got " + turn_at(parent) + " and " + turn_at(place));
    }
    parent = place;
  }

  // The children, of which none may be missing.
  std::vector<std::int32_t> finish() && {
    for (std::size_t place = 0; place < children_.size(); ++place) {
      if (children_[place] != kNoChild) continue;
      const std::string node = inner_node(static_cast<std::int64_t>(place / 2));
      if (children_[place ^ 1] == kNoChild) throw ValueError(node + " must be on a path, got it on none");
      throw ValueError(node + " must have two children, got no path with turn " + std::to_string(place % 2) + " there");
    }
    return std::move(children_);
  }

 private:
  static constexpr std::uint32_t kNoParent = std::numeric_limits<std::uint32_t>::max();

  static std::string turn_at(std::uint32_t place) {
    return "turn " + std::to_string(place % 2) + " at " + inner_node(place / 2);
  }

  [[noreturn]] static void fail_with_two_children(std::uint32_t place, std::int32_t known, std::int32_t child) {
    if (known >= 0 && child >= 0) {
      throw ValueError(turn_at(place) + " must lead to one node, got " + inner_node(known) + " and " +
                       inner_node(child));
    }
    if (known < 0 && child < 0) {
      throw ValueError("ids must have different paths, got the same one for ids " + std::to_string(~known) + " and " +
                       std::to_string(~child));
    }
    throw ValueError("a path must not go on where another ends, got " + inner_node(std::max(known, child)) + " after " +
                     turn_at(place) + ", where id " + std::to_string(~std::min(known, child)) + " is");
  }

  std::vector<std::int32_t> children_;       // (2 * n_inner,)
  std::vector<std::uint32_t> parent_turn_;   // (n_inner,): the place in children_ that names this node
  std::int32_t root_;
};

// What turn leads to the words [begin, end) of a balanced tree: their inner node, or the word itself.
std::int32_t balanced_node(std::size_t begin, std::size_t end) {
  const std::size_t last_of_first_half = begin + (end - begin + 1) / 2 - 1;
  return end - begin == 1 ? ~static_cast<std::int32_t>(begin) : static_cast<std::int32_t>(last_of_first_half);
}

}   // namespace

Tree build_huffman_tree(std::span<const std::int64_t> counts, Pulse* pulse) {
  check_counts(counts);
  const std::size_t n = counts.size();
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::uint32_t comparisons = 0;
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if (pulse != nullptr && ++comparisons % 65536 == 0) pulse->beat();   // numbers: nothing is lost if it throws
    return counts[a] > counts[b];
  });

  const Links links = link_nodes(counts, order, pulse);
  const std::vector<std::uint32_t> depth = node_depths(links, pulse);
  Tree tree;
  tree.children.resize(2 * (n - 1));
  for_each(2 * n - 2, pulse, [&](std::size_t node) {
    const std::size_t place = 2 * (links.parent[node] - n) + links.turn[node];
    tree.children[place] = node < n ? ~static_cast<std::int32_t>(order[node]) : static_cast<std::int32_t>(node - n);
  });
  tree.offsets.resize(n + 1);
  for (std::size_t leaf = 0; leaf < n; ++leaf) tree.offsets[order[leaf] + 1] = depth[leaf];
  std::partial_sum(tree.offsets.begin(), tree.offsets.end(), tree.offsets.begin());
  resize(tree.points, static_cast<std::size_t>(tree.offsets[n]), pulse);
  resize(tree.codes, tree.points.size(), pulse);
  for_each(n, pulse, [&](std::size_t leaf) {
    auto entry = static_cast<std::size_t>(tree.offsets[order[leaf] + 1]);
    for (std::size_t node = leaf; node != 2 * n - 2; node = links.parent[node]) {
      --entry;
      tree.points[entry] = RowId{static_cast<std::uint32_t>(links.parent[node] - n)};
      tree.codes[entry] = links.turn[node];
    }
  });
  return tree;
}

Tree build_balanced_tree(std::int64_t num_leaves, Pulse* pulse) {
  if (num_leaves < 2) throw ValueError("num_leaves must be at least 2, got " + std::to_string(num_leaves));
  if (num_leaves > kMostLeaves) {
    throw ValueError("num_leaves must be at most " + std::to_string(kMostLeaves) + ", got " +
                     std::to_string(num_leaves));
  }
  const auto n = static_cast<std::size_t>(num_leaves);
  const auto depth = static_cast<std::size_t>(std::bit_width(n - 1));   // ceil(log2 n)
  Tree tree;
  tree.offsets.reserve(n + 1);
  tree.points.reserve(n * depth);
  tree.codes.reserve(n * depth);
  tree.children.resize(2 * (n - 1));
  tree.offsets.push_back(0);
  for_each(n, pulse, [&](std::size_t word) {
    std::size_t begin = 0;
    std::size_t end = n;
    while (end - begin > 1) {
      const auto node = static_cast<std::uint32_t>(balanced_node(begin, end));
      const bool second_half = word > node;
      (second_half ? begin : end) = node + std::size_t{1};
      tree.points.push_back(RowId{node});
      tree.codes.push_back(second_half);
      tree.children[2 * std::size_t{node} + second_half] = balanced_node(begin, end);
    }
    tree.offsets.push_back(static_cast<std::int64_t>(tree.points.size()));
  });
  return tree;
}

Tree tree_of_paths(std::span<const std::int64_t> offsets, std::span<const std::int32_t> points,
                   std::span<const std::uint8_t> codes, Pulse* pulse) {
  check_path_arrays(offsets, points, codes, pulse);
  const std::size_t n = offsets.size() - 1;
  const auto n_inner = static_cast<std::size_t>(*std::max_element(points.begin(), points.end())) + 1;
  PathLinks links(n_inner, points[0]);
  for_each(n, pulse, [&](std::size_t word) {
    const auto begin = static_cast<std::size_t>(offsets[word]);
    const auto last = static_cast<std::size_t>(offsets[word + 1]) - 1;
    if (points[begin] != points[0]) {
      throw ValueError("paths must start at one root, got " + inner_node(points[0]) + " for id 0 and " +
                       inner_node(points[begin]) + " for id " + std::to_string(word));
    }
    for (std::size_t e = begin; e < last; ++e) links.add(points[e], codes[e], points[e + 1]);
    links.add(points[last], codes[last], ~static_cast<std::int32_t>(word));
  });
  Tree tree;
  tree.children = std::move(links).finish();
  tree.offsets.assign(offsets.begin(), offsets.end());
  tree.points.reserve(points.size());
  tree.codes.reserve(points.size());
  for_each(points.size(), pulse, [&](std::size_t e) {
    tree.points.push_back(RowId{static_cast<std::uint32_t>(points[e])});
    tree.codes.push_back(codes[e]);
  });
  return tree;
}

}   // namespace hogvec
