// Building word2vec's Huffman tree: leaves in falling order of count, two-pointer merge, paths from the root.
#include "hogvec/tree.hpp"

#include <algorithm>
#include <compare>
#include <limits>
#include <numeric>
#include <string>

#include "hogvec/error.hpp"

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

void check_counts(std::span<const std::int64_t> counts) {
  const auto n = counts.size();
  if (n < 2) throw ValueError("counts must have at least 2 entries, got " + std::to_string(n));
  if (n > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    throw ValueError("counts must have at most 2147483647 entries, got " + std::to_string(n));
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
Links link_nodes(std::span<const std::int64_t> counts, std::span<const std::uint32_t> order) {
  const std::size_t n = counts.size();
  Links links{std::vector<std::uint32_t>(2 * n - 2), std::vector<std::uint8_t>(2 * n - 2)};
  std::vector<Weight> inner_weight(n - 1);
  const auto leaf_weight = [&](std::size_t leaf) {
    const std::int64_t count = counts[order[leaf]];
    return Weight{count, count == 0 ? 1 : 0};
  };
  std::size_t leaves_left = n;
  std::size_t next_inner = 0;
  for (std::size_t made = 0; made < n - 1; ++made) {
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
  }
  return links;
}

// (2n - 1,): edges between each node and the root; a parent always has the higher number.
std::vector<std::uint32_t> node_depths(const Links& links) {
  std::vector<std::uint32_t> depth(links.parent.size() + 1);
  for (std::size_t node = links.parent.size(); node-- > 0;) depth[node] = depth[links.parent[node]] + 1;
  return depth;
}

}   // namespace

HuffmanTree build_huffman_tree(std::span<const std::int64_t> counts) {
  check_counts(counts);
  const std::size_t n = counts.size();
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return counts[a] > counts[b]; });

  const Links links = link_nodes(counts, order);
  const std::vector<std::uint32_t> depth = node_depths(links);
  HuffmanTree tree;
  tree.offsets.resize(n + 1);
  for (std::size_t leaf = 0; leaf < n; ++leaf) tree.offsets[order[leaf] + 1] = depth[leaf];
  std::partial_sum(tree.offsets.begin(), tree.offsets.end(), tree.offsets.begin());
  tree.points.resize(static_cast<std::size_t>(tree.offsets[n]));
  tree.codes.resize(tree.points.size());
  for (std::size_t leaf = 0; leaf < n; ++leaf) {
    auto entry = static_cast<std::size_t>(tree.offsets[order[leaf] + 1]);
    for (std::size_t node = leaf; node != 2 * n - 2; node = links.parent[node]) {
      --entry;
      tree.points[entry] = RowId{static_cast<std::uint32_t>(links.parent[node] - n)};
      tree.codes[entry] = links.turn[node];
    }
  }
  return tree;
}

}   // namespace hogvec
