// The first half of an output layer's gradients: scores of a block of hidden vectors, the sums over them that a softmax
// needs, and the link, example by example.
#include <algorithm>
#include <cmath>

#include "hogvec/math.hpp"
#include "hogvec/output_block.hpp"
#include "hogvec/output_layer.hpp"

namespace hogvec {

// How many equal candidates each of a panel stands for.
void OutputLayer::panel_weights(std::int64_t panel, float* weights) const {
  const std::span<const float> all = candidates_.shared_weights;
  for (std::size_t t = 0; t < static_cast<std::size_t>(kPanel); ++t) {
    const auto i = static_cast<std::size_t>(panel * kPanel) + t;
    weights[t] = i < all.size() ? all[i] : 1.0F;
  }
}

// Masks the hits of examples [first, first + count) of the block in their scores against a panel.
void OutputLayer::mask_hits(const Block& block, std::int64_t panel, std::int64_t first, std::int64_t count,
                            float* scores) const {
  const auto begin = hits_.begin() + hits_before_[static_cast<std::size_t>(panel)];
  const auto end = hits_.begin() + hits_before_[static_cast<std::size_t>(panel) + 1];
  const std::int64_t from = block.first + first;
  const auto earlier = [](const Hit& hit, std::int64_t example) { return hit.example < example; };
  for (auto hit = std::lower_bound(begin, end, from, earlier); hit != end && hit->example < from + count; ++hit)
    scores[(hit->example - from) * kPanel + hit->candidate % kPanel] = kMaskedScore;
}

// Sees to it that the rows of panels [first, first + count) of the worker's part, and if asked the packed panels, are
// in its memory. Returns which of the panels there the first is.
std::int64_t OutputLayer::fetch_panels(Worker& worker, std::int64_t first, std::int64_t count, bool packed) const {
  const std::int64_t at = worker.keeps ? first - worker.part.begin : 0;
  if (worker.keeps && first + count <= worker.gathered) return at;
  const std::int64_t stride = padded_stride(hidden_.dim);
  float* const rows = worker.rows.data() + at * kPanel * stride;
  worker.finite &= panels_.gather(first, count, rows);
  for (std::int64_t p = 0; p < count && packed; ++p)
    kernels_->pack_panel(rows + p * kPanel * stride, stride, hidden_.dim,
                         worker.panels.data() + (at + p) * kPanel * stride);
  worker.gathered = first + count;
  return at;
}

void OutputLayer::score_panels(const Block& block, Worker& worker, const StopFlag& stop) {
  const std::int64_t stride = padded_stride(hidden_.dim);
  const std::int64_t count = block.hidden.count();
  const bool softmax = candidates_.link.link == Link::kSoftmax;
  std::fill_n(worker.largest.data(), count, kMaskedScore);
  std::fill_n(worker.sum.data(), count * kernels_->lanes, 0.0F);
  std::fill_n(worker.score_sum.data(), count, 0.0);
  alignas(64) float offsets[kPanel];
  for (std::int64_t p = worker.part.begin; p < worker.part.end; ++p) {
    if (stop.load(std::memory_order_relaxed)) return;
    const float* const panel = worker.panels.data() + fetch_panels(worker, p, 1, true) * kPanel * stride;
    panels_.offsets(p, offsets);
    float* const scores = block.panel_scores(p, 0);
    kernels_->score_panel(block.hidden.packed(0), count, hidden_.dim, panel, offsets, scores);
    mask_hits(block, p, 0, count, scores);
    if (softmax && candidates_.hard_of == 1) add_to_partition(block, p, {0, count}, worker);
  }
}

// Turns scores of a panel into masses and adds them up; where labels are smoothed, the scores before that, too.
void OutputLayer::add_to_partition(const Block& block, std::int64_t panel, Part examples, Worker& sums) const {
  const std::int64_t first = examples.begin;
  float* const scores = block.panel_scores(panel, first);
  const std::int64_t count = examples.end - first;
  if (candidates_.link.label_smoothing > 0) {
    float weights[kPanel];
    panel_weights(panel, weights);
    for (std::int64_t b = 0; b < count; ++b) {
      for (std::int64_t t = 0; t < kPanel; ++t) {
        const double m = double{weights[t]};
        const float s = scores[b * kPanel + t];
        if (!(s < kLeastScore)) sums.score_sum[static_cast<std::size_t>(first + b)] += m * (double{s} - std::log(m));
      }
    }
  }
  kernels_->exponentiate_panel(scores, count, sums.largest.data() + first, sums.sum.data() + first * kernels_->lanes,
                               block.panel_references(panel, first));
}

// Of every hard_of candidates, masks all but the one with the highest score, for the examples of a part; then sums up
// what is left, into sums that are still empty.
void OutputLayer::keep_hardest(const Block& block, Worker& sums, Part examples) {
  const std::int64_t size = panels_.size();
  const auto at = [&](std::int64_t i, std::int64_t b) -> float& {
    return block.panel_scores(i / kPanel, b)[i % kPanel];
  };
  for (std::int64_t b = examples.begin; b < examples.end; ++b) {
    double kept = 0;
    for (std::int64_t begin = 0; begin < size; begin += candidates_.hard_of) {
      const std::int64_t end = std::min(begin + candidates_.hard_of, size);
      std::int64_t best = begin;
      for (std::int64_t i = begin + 1; i < end; ++i) {
        // Without the correction: what the model finds most likely.
        const auto log_q = [&](std::int64_t j) {
          return candidates_.shared_log_q.empty() ? 0.0 : candidates_.shared_log_q[static_cast<std::size_t>(j)];
        };
        if (at(i, b) < kLeastScore) continue;
        if (at(best, b) < kLeastScore || double{at(i, b)} + log_q(i) > double{at(best, b)} + log_q(best)) best = i;
      }
      kept += at(best, b) < kLeastScore ? 0.0 : 1.0;
      for (std::int64_t i = begin; i < end; ++i) {
        if (i != best) at(i, b) = kMaskedScore;
      }
    }
    shared_count_[static_cast<std::size_t>(block.first + b)] = kept;
  }
  if (candidates_.link.link != Link::kSoftmax) return;
  for (std::int64_t p = 0; p < panels_.panels(); ++p) add_to_partition(block, p, examples, sums);
}

// Own candidates' rows can lie anywhere: all lines of the next example's are waited for at once.
void OutputLayer::prefetch_own(std::size_t example) const {
  for (std::int64_t t = own_offsets_[example]; t < own_offsets_[example + 1]; ++t) {
    const float* const row = model_.weights.row(own_rows_[static_cast<std::size_t>(t)]);
    for (std::int64_t d = 0; d < hidden_.dim; d += 16) __builtin_prefetch(row + d);
  }
}

void OutputLayer::link_examples(const Block& block, const std::vector<Worker>& workers, Part examples,
                                const LayerGradients& results, const StopFlag& stop) {
  const LinkSettings& link = candidates_.link;
  const bool softmax = link.link == Link::kSoftmax;
  const std::int64_t lanes = kernels_->lanes;
  const double inverse_temperature = 1 / model_.temperature;
  for (std::int64_t b = examples.begin; b < examples.end; ++b) {
    if (stop.load(std::memory_order_relaxed)) return;
    const auto example = static_cast<std::size_t>(block.first + b);
    const double weight = example_weights_.empty() ? 1.0 : double{example_weights_[example]};
    const auto begin = static_cast<std::size_t>(own_offsets_[example]);
    const std::span<OwnCandidate> own(own_.data() + begin, static_cast<std::size_t>(own_offsets_[example + 1]) - begin);
    if (b + 1 < examples.end) prefetch_own(example + 1);
    for (std::size_t t = 0; t < own.size(); ++t)
      own[t].score = score(model_, hidden_.row(block.first + b), own_rows_[begin + t]);
    SharedCoefficients shared{0, weight, 0};
    if (!softmax) {
      results.loss[example] = link_logistic(weight, own);
    } else {
      SharedSum sum{-kInfinity, 0, shared_count_[example]};
      double most = double{kLeastScore};
      for (const Worker& worker : workers) most = std::max(most, double{worker.largest[static_cast<std::size_t>(b)]});
      double total = 0;
      for (const Worker& worker : workers) {
        const float largest = worker.largest[static_cast<std::size_t>(b)];
        if (largest < kLeastScore) continue;
        double part = 0;
        for (std::int64_t i = b * lanes; i < (b + 1) * lanes; ++i) part += double{worker.sum.data()[i]};
        total += part * std::exp(double{largest} - most);
        sum.sum += worker.score_sum[static_cast<std::size_t>(b)];
      }
      if (total != 0) sum.log_sum = most + std::log(total);
      results.loss[example] = link_softmax(link, weight, sum, own, shared);
      // Nothing shared has mass where nothing is unmasked.
      if (sum.log_sum == -kInfinity) shared.log_z = 0;
    }
    block.log_z.data()[b] = static_cast<float>(shared.log_z);
    block.scale.data()[b] = static_cast<float>(shared.scale * inverse_temperature);
    block.floor.data()[b] = static_cast<float>(shared.floor * inverse_temperature);
  }
}

}   // namespace hogvec
