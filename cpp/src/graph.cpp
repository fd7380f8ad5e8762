// Sorts and merges the edges of a graph, and prepares draws by weight.
#include "hogvec/graph.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>

#include "hogvec/batch.hpp"
#include "hogvec/error.hpp"

namespace hogvec {

namespace {

void check_edges(std::span<const WordId> targets, std::span<const double> weights, std::int64_t nodes) {
  for (const WordId target : targets) {
    const auto node = static_cast<std::int32_t>(target);
    if (node < 0 || node >= nodes)
      throw IndexError("indices must be at least 0 and below the number of nodes, " + std::to_string(nodes) + ", got " +
                       std::to_string(node));
  }
  if (!weights.empty() && weights.size() != targets.size())
    throw ValueError("weights must have one entry for each edge, " + std::to_string(targets.size()) + ", got " +
                     std::to_string(weights.size()));
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] >= 0 && std::isfinite(weights[i])) continue;
    char value[32];
    std::snprintf(value, sizeof value, "%g", weights[i]);
    throw ValueError(std::string("weights must be finite and not negative, got ") + value + " for edge " +
                     std::to_string(i));
  }
}

using Edge = std::pair<WordId, double>;

// Sorts the edges of one node; equal ones are added up, those of weight 0 dropped.
void tidy(std::vector<Edge>& edges) {
  const auto before = [](const Edge& a, const Edge& b) { return a.first < b.first; };
  if (!std::is_sorted(edges.begin(), edges.end(), before)) std::stable_sort(edges.begin(), edges.end(), before);
  std::size_t last = 0;   // one past the last that stays
  for (const Edge& edge : edges) {
    if (last > 0 && edges[last - 1].first == edge.first) {
      edges[last - 1].second += edge.second;
    } else if (edge.second > 0) {
      edges[last++] = edge;
    }
  }
  edges.resize(last);
}

}   // namespace

Graph::Graph(std::span<const std::int64_t> offsets, std::span<const WordId> targets, std::span<const double> weights) {
  check_offsets(offsets, targets.size(), "indptr");
  const std::size_t nodes = offsets.size() - 1;
  check_edges(targets, weights, static_cast<std::int64_t>(nodes));
  offsets_.reserve(nodes + 1);
  offsets_.push_back(0);
  targets_.reserve(targets.size());
  std::vector<double> kept;   // weights
  if (!weights.empty()) kept.reserve(weights.size());
  std::vector<Edge> edges;
  for (std::size_t v = 0; v < nodes; ++v) {
    edges.clear();
    for (auto i = static_cast<std::size_t>(offsets[v]); i < static_cast<std::size_t>(offsets[v + 1]); ++i)
      edges.emplace_back(targets[i], weights.empty() ? 1.0 : weights[i]);
    tidy(edges);
    for (const auto& [target, weight] : edges) {
      if (kept.empty() && weight != 1.0) kept.assign(targets_.size(), 1.0);   // the first that is not 1
      targets_.push_back(target);
      if (!kept.empty() || weight != 1.0) kept.push_back(weight);
    }
    offsets_.push_back(static_cast<std::int64_t>(targets_.size()));
  }
  const bool uniform = std::all_of(kept.begin(), kept.end(), [&](double weight) { return weight == kept.front(); });
  if (!uniform) make_slots(kept);
}

// M. D. Vose, "A linear algorithm for generating random numbers with a given distribution", 1991, node by node.
void Graph::make_slots(std::span<const double> weights) {
  slots_.resize(targets_.size());
  shares_.resize(targets_.size());
  std::vector<double> left;   // of the weight of each place, in units of the mean
  std::vector<std::uint32_t> small, large;
  for (std::size_t v = 0; v + 1 < offsets_.size(); ++v) {
    const auto begin = static_cast<std::size_t>(offsets_[v]);
    const auto degree = static_cast<std::size_t>(offsets_[v + 1]) - begin;
    double most = 0;
    for (std::size_t i = 0; i < degree; ++i) most = std::max(most, weights[begin + i]);
    double total = 0;   // in units of the largest: sums of large weights stay finite
    for (std::size_t i = 0; i < degree; ++i) total += weights[begin + i] / most;
    left.clear();
    small.clear();
    large.clear();
    for (std::size_t i = 0; i < degree; ++i) {
      const double share = weights[begin + i] / most / total;
      shares_[begin + i] = static_cast<float>(share);
      left.push_back(share * static_cast<double>(degree));
      (left.back() < 1 ? small : large).push_back(static_cast<std::uint32_t>(i));
    }
    while (!small.empty() && !large.empty()) {
      const std::uint32_t receiver = small.back();
      const std::uint32_t giver = large.back();
      small.pop_back();
      slots_[begin + receiver] = {static_cast<float>(left[receiver]), giver};
      left[giver] -= 1 - left[receiver];
      if (left[giver] >= 1) continue;
      large.pop_back();
      small.push_back(giver);
    }
    for (const auto* rest : {&small, &large}) {   // 1, but for rounding
      for (const std::uint32_t i : *rest) slots_[begin + i] = {1.0F, i};
    }
  }
}

std::int64_t Graph::place_of(WordId from, WordId to) const {
  const auto begin = targets_.begin() + offsets_[index(from)];
  const auto end = targets_.begin() + offsets_[index(from) + 1];
  const auto found = std::lower_bound(begin, end, to);
  return found != end && *found == to ? found - targets_.begin() : -1;
}

float Graph::share(WordId from, WordId to) const {
  const std::int64_t place = place_of(from, to);
  if (place < 0) return 0;
  return shares_.empty() ? 1.0F / static_cast<float>(degree(from)) : shares_[static_cast<std::size_t>(place)];
}

}   // namespace hogvec
