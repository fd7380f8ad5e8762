// Sums over all outputs in blocks of hidden vectors; each worker takes a part of the panels and the parts are joined.
#include "hogvec/output_scores.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/layer_checks.hpp"
#include "hogvec/math.hpp"

namespace hogvec {
namespace {

constexpr std::int64_t kBlock = 1008;           // hidden vectors taken at a time
constexpr std::int64_t kKeptBytes = 64 << 20;   // of the best outputs of a block, if its hidden vectors have so few

void check(const OutputScores& scores, FloatRows hidden) {
  const LayerModel& model = scores.model;
  check_hidden(hidden, model.weights);
  if (!model.bias.empty()) check_bias(model.bias, model.weights);
  if (!scores.log_offsets.empty())
    check_size("log_offsets must have an entry for each row of weights", model.weights.rows,
               std::ssize(scores.log_offsets));
}

// What is added to the products of every row.
std::vector<float> offsets_of(const OutputScores& scores) {
  const LayerModel& model = scores.model;
  std::vector<float> offsets(static_cast<std::size_t>(model.weights.rows));
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    double offset = scores.log_offsets.empty() ? 0.0 : scores.log_offsets[i];
    if (!model.bias.empty()) offset += double{model.bias[i]} / model.temperature;
    offsets[i] = static_cast<float>(offset);
  }
  return offsets;
}

// An output that may be among the best: the better one first, then the lower id.
struct Entry {
  float score;
  std::int32_t id;
};
bool is_better(const Entry& a, const Entry& b) { return a.score != b.score ? a.score > b.score : a.id < b.id; }

// What a worker has seen of its panels, for every hidden vector of a block.
struct Seen {
  AlignedFloats largest, sum;             // (count,), (count, lanes)
  std::vector<double> softplus_sum;       // (count,)
  std::vector<std::vector<Entry>> best;   // (count,), each a heap of at most k whose top is its worst
  bool finite = true;
};

// The excluded outputs of a block of hidden vectors, by panel.
class Masks {
 public:
  Masks(const ExcludedOutputs& excluded, std::int64_t first, std::int64_t count, std::int64_t panels) {
    if (excluded.offsets.empty()) return;
    begins_.assign(static_cast<std::size_t>(panels) + 1, 0);
    const auto at = [&](std::int64_t b) { return excluded.offsets[static_cast<std::size_t>(first + b)]; };
    const auto panel_of = [&](std::int64_t i) {
      return static_cast<std::size_t>(excluded.ids[static_cast<std::size_t>(i)] / kPanel);
    };
    for (std::int64_t i = at(0); i < at(count); ++i) ++begins_[panel_of(i) + 1];
    for (std::size_t p = 1; p < begins_.size(); ++p) begins_[p] += begins_[p - 1];
    places_.resize(begins_.back());
    std::vector<std::size_t> next(begins_.begin(), begins_.end() - 1);
    for (std::int64_t b = 0; b < count; ++b) {
      for (std::int64_t i = at(b); i < at(b + 1); ++i)
        places_[next[panel_of(i)]++] =
            static_cast<std::int32_t>(b * kPanel + excluded.ids[static_cast<std::size_t>(i)] % kPanel);
    }
  }

  void apply(std::int64_t panel, float* scores) const {   // (count, kPanel)
    if (begins_.empty()) return;
    const auto p = static_cast<std::size_t>(panel);
    for (std::size_t i = begins_[p]; i < begins_[p + 1]; ++i) scores[places_[i]] = kMaskedScore;
  }

 private:
  std::vector<std::size_t> begins_;    // (panels + 1,)
  std::vector<std::int32_t> places_;   // in a block of scores
};

class Pass {
 public:
  Pass(const BlockKernels& kernels, const OutputScores& scores, std::int64_t k, const ExcludedOutputs& excluded)
      : kernels_(&kernels),
        scores_(&scores),
        k_(k),
        excluded_(excluded),
        offsets_(offsets_of(scores)),
        panels_(scores.model, {}, true, offsets_) {}
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  std::int64_t panels() const { return panels_.panels(); }

  Masks masks(std::int64_t first, std::int64_t count) const { return {excluded_, first, count, panels()}; }

  void see(const PackedHidden& hidden, const Masks& masks, Part part, const StopFlag& stop, Seen& seen) const {
    const std::int64_t count = hidden.count();
    const std::int64_t dim = scores_->model.weights.dim;
    const std::int64_t stride = padded_stride(dim);
    const auto sums = static_cast<std::size_t>(count * kernels_->lanes);
    seen.largest = AlignedFloats(static_cast<std::size_t>(count));
    seen.sum = AlignedFloats(sums);
    std::fill_n(seen.largest.data(), count, kMaskedScore);
    std::fill_n(seen.sum.data(), sums, 0.0F);
    seen.softplus_sum.assign(static_cast<std::size_t>(count), 0.0);
    seen.best.assign(k_ > 0 ? static_cast<std::size_t>(count) : 0, {});
    AlignedFloats rows(static_cast<std::size_t>(kPanel * stride));
    AlignedFloats panel(static_cast<std::size_t>(kPanel * dim));
    AlignedFloats block(static_cast<std::size_t>(count * kPanel));
    AlignedFloats references(static_cast<std::size_t>(count));
    alignas(64) float offsets[kPanel];
    for (std::int64_t p = part.begin; p < part.end; ++p) {
      if (stop.load(std::memory_order_relaxed)) return;
      seen.finite &= panels_.gather(p, 1, rows.data());
      kernels_->pack_panel(rows.data(), stride, dim, panel.data());
      panels_.offsets(p, offsets);
      kernels_->score_panel(hidden.packed(0), count, dim, panel.data(), offsets, block.data());
      const std::int64_t size = std::min<std::int64_t>(kPanel, panels_.size() - p * kPanel);
      if (k_ > 0) {
        masks.apply(p, block.data());
        keep_best(block.data(), count, p * kPanel, size, seen);
      }
      if (scores_->normalizer == Normalizer::kSoftmax) {
        kernels_->exponentiate_panel(block.data(), count, seen.largest.data(), seen.sum.data(), references.data());
      } else if (k_ == 0) {
        add_softplus(block.data(), count, size, seen);
      }
    }
  }

 private:
  static void add_softplus(const float* block, std::int64_t count, std::int64_t size, Seen& seen) {
    for (std::int64_t b = 0; b < count; ++b) {
      for (std::int64_t t = 0; t < size; ++t)
        seen.softplus_sum[static_cast<std::size_t>(b)] += softplus(double{block[b * kPanel + t]});
    }
  }

  void keep_best(const float* block, std::int64_t count, std::int64_t first, std::int64_t size, Seen& seen) const {
    const bool excludes = !excluded_.offsets.empty();
    for (std::int64_t b = 0; b < count; ++b) {
      std::vector<Entry>& best = seen.best[static_cast<std::size_t>(b)];
      const float* const row = block + b * kPanel;
      const bool full = static_cast<std::int64_t>(best.size()) == k_;
      float most = row[0];
      bool finite = true;
      for (std::int64_t t = 0; t < size; ++t) {
        most = std::max(most, row[t]);
        finite &= std::isfinite(row[t]);
      }
      seen.finite &= finite;
      if (!finite || (full && most <= best.front().score)) continue;   // an equal one later has a higher id
      for (std::int64_t t = 0; t < size; ++t) {
        if (excludes && row[t] < kLeastScore) continue;
        const Entry entry{row[t], static_cast<std::int32_t>(first + t)};
        if (static_cast<std::int64_t>(best.size()) < k_) {
          best.push_back(entry);
          std::push_heap(best.begin(), best.end(), is_better);
        } else if (is_better(entry, best.front())) {
          std::pop_heap(best.begin(), best.end(), is_better);
          best.back() = entry;
          std::push_heap(best.begin(), best.end(), is_better);
        }
      }
    }
  }

  const BlockKernels* kernels_;
  const OutputScores* scores_;
  std::int64_t k_;
  ExcludedOutputs excluded_;
  std::vector<float> offsets_;
  CandidatePanels panels_;
};

// ln of the sum over all workers and lanes.
double log_partition(const std::vector<Seen>& seen, std::int64_t b, std::int64_t lanes) {
  double most = double{kLeastScore};
  for (const Seen& part : seen) most = std::max(most, double{part.largest[static_cast<std::size_t>(b)]});
  double total = 0;
  for (const Seen& part : seen) {
    const double largest = double{part.largest[static_cast<std::size_t>(b)]};
    if (largest < double{kLeastScore}) continue;
    double mass = 0;
    for (std::int64_t i = b * lanes; i < (b + 1) * lanes; ++i) mass += double{part.sum.data()[i]};
    total += mass * std::exp(largest - most);
  }
  return most + std::log(total);
}

// Calls finish(seen, first, count) after every block of hidden vectors.
template <class Finish>
void for_every_block(const BlockKernels& kernels, const OutputScores& scores, FloatRows hidden, std::int64_t k,
                     const ExcludedOutputs& excluded, int threads, const KeepGoing& keep_going, const Finish& finish) {
  check(scores, hidden);
  if (hidden.rows == 0) return;
  const Pass pass(kernels, scores, k, excluded);
  const bool small = static_cast<double>(hidden.rows) * static_cast<double>(scores.model.weights.rows) *
                         static_cast<double>(hidden.dim) <
                     kSmallWork;
  const int count = small ? 1 : static_cast<int>(std::clamp<std::int64_t>(pass.panels(), 1, threads));
  const std::int64_t kept = std::int64_t{sizeof(Entry)} * std::max(k, std::int64_t{1}) * count;
  const std::int64_t block = std::clamp<std::int64_t>(kKeptBytes / kept, 1, kBlock);
  WorkerRounds rounds(count, keep_going);
  for (std::int64_t first = 0; first < hidden.rows; first += block) {
    const PackedHidden packed(kernels, scores.model, hidden, first, std::min(block, hidden.rows - first));
    const Masks masks = pass.masks(first, packed.count());
    std::vector<Seen> seen(static_cast<std::size_t>(count));
    const auto see = [&](int w, const StopFlag& stop) {
      pass.see(packed, masks, part_of(pass.panels(), w, count), stop, seen[static_cast<std::size_t>(w)]);
    };
    if (small)
      run_small(see);
    else
      rounds.run(see);
    if (!std::all_of(seen.begin(), seen.end(), [](const Seen& part) { return part.finite; }))
      throw_not_finite(scores.model, {});
    finish(seen, first, packed.count());
  }
}

}   // namespace

void output_log_likelihood(const BlockKernels& kernels, const OutputScores& scores, FloatRows hidden,
                           std::span<const std::int64_t> targets, std::int64_t per_example, std::span<double> result,
                           int threads, const KeepGoing& keep_going) {
  const LayerModel& model = scores.model;
  if (static_cast<std::int64_t>(targets.size()) != hidden.rows * per_example) {
    throw ValueError(
        "targets must have a row for each row of hidden, " + std::to_string(hidden.rows) + ", got " +
        std::to_string(static_cast<std::int64_t>(targets.size()) / std::max(per_example, std::int64_t{1})));
  }
  for (const std::int64_t target : targets) {
    if (target < 0 || target >= model.weights.rows)
      throw IndexError("targets must be at least 0 and below " + std::to_string(model.weights.rows) + ", got " +
                       std::to_string(target));
  }
  const auto n = static_cast<std::size_t>(per_example);
  for_every_block(
      kernels, scores, hidden, 0, {}, threads, keep_going,
      [&](const std::vector<Seen>& seen, std::int64_t first, std::int64_t count) {
        for (std::int64_t b = 0; b < count; ++b) {
          const std::span<const std::int64_t> own = targets.subspan(static_cast<std::size_t>(first + b) * n, n);
          double& total = result[static_cast<std::size_t>(first + b)];
          total = 0;
          if (scores.normalizer == Normalizer::kSoftmax) {
            const double log_z = log_partition(seen, b, kernels.lanes);
            for (const std::int64_t target : own) {
              const double offset =
                  scores.log_offsets.empty() ? 0.0 : scores.log_offsets[static_cast<std::size_t>(target)];
              total += (score(model, hidden.row(first + b), target) + offset - log_z) / static_cast<double>(n);
            }
          } else {
            for (const Seen& part : seen) total -= part.softplus_sum[static_cast<std::size_t>(b)];
            for (std::size_t i = 0; i < n; ++i) {
              if (std::find(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(i), own[i]) !=
                  own.begin() + static_cast<std::ptrdiff_t>(i))
                continue;
              total += score(model, hidden.row(first + b), own[i]);   // ln sigmoid(s) - ln sigmoid(-s) = s
            }
          }
          if (!std::isfinite(total)) throw_not_finite(model, {});
        }
      });
}

namespace {

void check(const ExcludedOutputs& excluded, std::int64_t hidden, std::int64_t outputs) {
  if (excluded.offsets.empty()) return;
  check_size("excluded offsets must have an entry more than hidden has rows", hidden + 1, std::ssize(excluded.offsets));
  if (excluded.offsets.front() != 0 || !std::is_sorted(excluded.offsets.begin(), excluded.offsets.end()))
    throw ValueError("excluded offsets must start at 0 and never fall");
  check_size("excluded ids must have as many entries as their offsets say", excluded.offsets.back(),
             std::ssize(excluded.ids));
  for (const std::int32_t id : excluded.ids) {
    if (id < 0 || id >= outputs)
      throw IndexError("excluded ids must be at least 0 and below the rows of weights, " + std::to_string(outputs) +
                       ", got " + std::to_string(id));
  }
}

}   // namespace

void output_top_k(const BlockKernels& kernels, const OutputScores& scores, FloatRows hidden, std::int64_t k,
                  const ExcludedOutputs& excluded, std::span<std::int32_t> ids, std::span<double> log_probabilities,
                  int threads, const KeepGoing& keep_going) {
  if (k < 1 || k > scores.model.weights.rows) {
    throw ValueError("k must be at least 1 and at most the number of outputs, " +
                     std::to_string(scores.model.weights.rows) + ", got " + std::to_string(k));
  }
  check(excluded, hidden.rows, scores.model.weights.rows);
  for_every_block(
      kernels, scores, hidden, k, excluded, threads, keep_going,
      [&](std::vector<Seen>& seen, std::int64_t first, std::int64_t count) {
        std::vector<Entry> best;
        for (std::int64_t b = 0; b < count; ++b) {
          best.clear();
          for (const Seen& part : seen) {
            const std::vector<Entry>& more = part.best[static_cast<std::size_t>(b)];
            best.insert(best.end(), more.begin(), more.end());
          }
          const auto found = std::min(static_cast<std::size_t>(k), best.size());
          std::partial_sort(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(found), best.end(), is_better);
          const bool softmax = scores.normalizer == Normalizer::kSoftmax;
          const double log_z = softmax ? log_partition(seen, b, kernels.lanes) : 0;
          const auto begin = static_cast<std::size_t>((first + b) * k);
          for (std::size_t i = 0; i < static_cast<std::size_t>(k); ++i) {
            ids[begin + i] = i < found ? best[i].id : -1;
            const double s = i < found ? double{best[i].score} : -kInfinity;
            log_probabilities[begin + i] = scores.normalizer == Normalizer::kSigmoid ? log_sigmoid(s) : s - log_z;
          }
        }
      });
}

}   // namespace hogvec
