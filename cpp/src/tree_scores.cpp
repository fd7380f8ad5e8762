// Scores of inner nodes in double precision, sums of their logarithms along paths, and best-first search.
#include "hogvec/tree_scores.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/layer_checks.hpp"
#include "hogvec/math.hpp"

namespace hogvec {
namespace {

double score(const TreeModel& model, const float* hidden, std::int64_t node) {
  double s = dot(hidden, model.weights.row(node), model.weights.dim);
  if (!model.bias.empty()) s += double{model.bias[static_cast<std::size_t>(node)]};
  if (!std::isfinite(s)) {
    throw ValueError("weights and bias must be finite, got a score of " + std::to_string(s) + " at inner node " +
                     std::to_string(node));
  }
  return s;
}

void check_model(const TreeModel& model, FloatRows hidden, int threads) {
  const std::int64_t nodes = model.tree->num_inner();
  check_size("weights must have a row for each inner node", nodes, model.weights.rows);
  check_columns(hidden, model.weights);
  if (!model.bias.empty()) check_size("bias must have an entry for each inner node", nodes, std::ssize(model.bias));
  if (threads < 1) throw ValueError("threads must be at least 1, got " + std::to_string(threads));
}

// Calls a function that make_worker(stop) returns, one for each thread, for every row of hidden.
template <class MakeWorker>
void for_every_row(const TreeModel& model, FloatRows hidden, int threads, const KeepGoing& keep_going,
                   const MakeWorker& make_worker) {
  const std::int64_t rows = hidden.rows;
  // Rows taken at a time: few enough to share the work evenly, many enough to seldom meet at the counter.
  const std::int64_t block = std::clamp<std::int64_t>(rows / (std::int64_t{8} * threads), 1, 256);
  const std::int64_t workers_needed = std::min<std::int64_t>(threads, (rows + block - 1) / block);
  std::atomic<std::int64_t> next_row{0};
  const auto work = [&](int, const StopFlag& stop) {
    auto worker = make_worker(stop);
    for (;;) {
      const std::int64_t begin = next_row.fetch_add(block, std::memory_order_relaxed);
      for (std::int64_t row = begin; row < std::min(begin + block, rows); ++row) {
        if (stop.load(std::memory_order_relaxed)) return;
        worker(row);
      }
      if (begin + block >= rows) return;
    }
  };
  // No row asks for more than all nodes.
  if (static_cast<double>(rows) * static_cast<double>(model.weights.rows) * static_cast<double>(hidden.dim) <
      kSmallWork)
    run_small(work);
  else
    run_workers_to_the_end(static_cast<int>(workers_needed), keep_going, work);
}

// A subtree or a leaf that the search has not opened, named as in Tree::children.
struct Branch {
  double log_probability;
  std::int32_t node;
};

// The order of a heap whose top is best. Of equal branches inner nodes come first, so that every leaf as good as the
// best is there before one comes out; then the lower number.
bool is_worse(const Branch& a, const Branch& b) {
  if (a.log_probability != b.log_probability) return a.log_probability < b.log_probability;
  if ((a.node < 0) != (b.node < 0)) return a.node < 0;
  return a.node < 0 ? a.node < b.node : a.node > b.node;   // ~word falls as word rises
}

class BestFirst {
 public:
  BestFirst(const TreeModel& model, const StopFlag& stop) : model_(model), stop_(stop) {}

  void search(const float* hidden, std::span<std::int32_t> ids, std::span<double> log_probabilities) {
    branches_.assign(1, {0.0, static_cast<std::int32_t>(index(model_.tree->root()))});
    std::size_t found = 0;
    for (std::int64_t step = 1; found < ids.size(); ++step) {
      if (step % 1024 == 0 && stop_.load(std::memory_order_relaxed)) return;
      std::pop_heap(branches_.begin(), branches_.end(), is_worse);
      const Branch best = branches_.back();
      branches_.pop_back();
      if (best.node < 0) {
        ids[found] = ~best.node;
        log_probabilities[found++] = best.log_probability;
        continue;
      }
      const double s = score(model_, hidden, best.node);
      const auto turns = 2 * static_cast<std::size_t>(best.node);
      push({best.log_probability + log_sigmoid(s), model_.tree->children[turns]});
      push({best.log_probability + log_sigmoid(-s), model_.tree->children[turns + 1]});
    }
  }

 private:
  void push(Branch branch) {
    branches_.push_back(branch);
    std::push_heap(branches_.begin(), branches_.end(), is_worse);
  }

  const TreeModel& model_;
  const StopFlag& stop_;
  std::vector<Branch> branches_;
};

}   // namespace

void tree_log_likelihood(const TreeModel& model, FloatRows hidden, std::span<const std::int64_t> targets,
                         std::span<double> result, int threads, const KeepGoing& keep_going) {
  check_model(model, hidden, threads);
  const Tree& tree = *model.tree;
  if (static_cast<std::int64_t>(targets.size()) != hidden.rows || result.size() != targets.size()) {
    throw ValueError("targets must have an entry for each row of hidden, " + std::to_string(hidden.rows) + ", got " +
                     std::to_string(targets.size()));
  }
  for (const std::int64_t target : targets) {
    if (target < 0 || target >= tree.num_leaves()) {
      throw IndexError("targets must be at least 0 and below " + std::to_string(tree.num_leaves()) + ", got " +
                       std::to_string(target));
    }
  }
  for_every_row(model, hidden, threads, keep_going, [&](const StopFlag&) {
    return [&](std::int64_t row) {
      check_finite(hidden, row, "hidden");
      const auto target = static_cast<std::size_t>(targets[static_cast<std::size_t>(row)]);
      double log_probability = 0;
      for (auto e = static_cast<std::size_t>(tree.offsets[target]);
           e < static_cast<std::size_t>(tree.offsets[target + 1]); ++e) {
        const double s = score(model, hidden.row(row), static_cast<std::int64_t>(index(tree.points[e])));
        log_probability += log_sigmoid(tree.codes[e] == 0 ? s : -s);
      }
      result[static_cast<std::size_t>(row)] = log_probability;
    };
  });
}

void tree_top_k(const TreeModel& model, FloatRows hidden, std::int64_t k, std::span<std::int32_t> ids,
                std::span<double> log_probabilities, int threads, const KeepGoing& keep_going) {
  check_model(model, hidden, threads);
  if (k < 1 || k > model.tree->num_leaves()) {
    throw ValueError("k must be at least 1 and at most the number of leaves, " +
                     std::to_string(model.tree->num_leaves()) + ", got " + std::to_string(k));
  }
  const auto entries = static_cast<std::size_t>(hidden.rows * k);
  if (ids.size() != entries || log_probabilities.size() != entries)
    throw ValueError("ids and log_probabilities must have k entries for each row of hidden");
  for_every_row(model, hidden, threads, keep_going, [&](const StopFlag& stop) {
    return [&, search = BestFirst(model, stop)](std::int64_t row) mutable {
      check_finite(hidden, row, "hidden");
      const auto begin = static_cast<std::size_t>(row * k);
      const auto size = static_cast<std::size_t>(k);
      search.search(hidden.row(row), ids.subspan(begin, size), log_probabilities.subspan(begin, size));
    };
  });
}

}   // namespace hogvec
