// The gradients of an output layer. Hidden vectors are taken in blocks whose scores fit into a bounded memory; within a
// block every worker owns a part of the panels of candidates, so that each row's gradient has one writer:
//   1. scores of every panel, and the sums over them that a softmax needs (with the logistic link only for hard_of),
//   2. the link, example by example,
//   3. coefficients of every panel, and both products with them,
//   4. own candidates, and the sum of the workers' hidden gradients.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hogvec/math.hpp"
#include "hogvec/output_layer.hpp"

namespace hogvec {
namespace {

constexpr std::int64_t kScoreFloats = std::int64_t{16} << 20;   // of a block's scores, if 14 hidden vectors have so few
// A worker's candidates are gathered once where they are at most so many floats; blocks are then so small that their
// scores stay in the cache, too.
constexpr std::int64_t kKeptFloats = std::int64_t{1} << 19;
constexpr std::int64_t kCachedScoreFloats = std::int64_t{1} << 19;
constexpr std::int64_t kMostBlock = 4032;                    // hidden vectors of a block
constexpr std::int64_t kChunk = 4;                           // panels whose coefficients a worker holds at once
constexpr std::int64_t kBlockFloats = kBlockRows * kPanel;   // coefficients of a panel

// Work below this many products of two floats is done on the calling thread: a thread costs more than it saves, and
// nobody waits so long that a Ctrl-C mattered.
constexpr double kSmallWork = 2e6;

}   // namespace

// Hidden vectors [first, first + hidden.count()) of the batch.
struct OutputLayer::Block {
  std::int64_t first;
  PackedHidden hidden;
  AlignedFloats scores;       // (panels, count, kPanel) where they are kept; under the softmax link masses in the end
  AlignedFloats references;   // (panels, count): the scores that masses refer to
  AlignedFloats log_z, scale, floor;   // (count,): of the shared candidates' coefficients

  bool is_first() const { return first == 0; }
  float* panel_scores(std::int64_t panel, std::int64_t b) const {
    return scores.data() + (panel * hidden.count() + b) * kPanel;
  }
  float* panel_references(std::int64_t panel, std::int64_t b) const {
    return references.data() + panel * hidden.count() + b;
  }
};

// What one worker works in.
struct OutputLayer::Worker {
  Worker(Part panels_part, bool keeps_all, std::int64_t block_size, std::int64_t dim, long lanes)
      : Worker(panels_part, keeps_all, static_cast<std::size_t>(block_size),
               static_cast<std::size_t>(padded_stride(dim)), static_cast<std::size_t>(lanes)) {}
  Worker(Part panels_part, bool keeps_all, std::size_t block_size, std::size_t stride, std::size_t lanes)
      : part(panels_part),
        keeps(keeps_all),
        gathered(part.begin),
        largest(block_size),
        sum(block_size * lanes),
        score_sum(block_size),
        hidden_gradient(block_size * stride),
        rows(static_cast<std::size_t>(held() * kPanel) * stride),
        panels(static_cast<std::size_t>(held() * kPanel) * stride),
        coefficients(kChunk * kBlockFloats),
        losses(kBlockRows * lanes),
        row_gradient(kChunk * kPanel * stride) {}

  std::int64_t held() const { return keeps ? part.end - part.begin : kChunk; }   // panels in memory at once

  Part part;    // of the panels
  bool keeps;   // the whole part, of which the panels before `gathered` are in memory
  std::int64_t gathered;
  AlignedFloats largest, sum;           // (count,), (count, lanes): of a partition function
  std::vector<double> score_sum;        // (count,): of what is in it, where labels are smoothed
  AlignedFloats hidden_gradient;        // (count, stride)
  std::vector<double> loss;             // (count,): of the logistic link
  AlignedFloats rows, panels;           // (held() kPanel, stride), (held(), dim, kPanel)
  AlignedFloats coefficients, losses;   // (kChunk, kBlockRows, kPanel), (kBlockRows, lanes)
  AlignedFloats row_gradient;           // (kChunk kPanel, stride)
  bool finite = true;                   // all rows so far
};

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

// How many equal candidates each of a panel stands for.
void OutputLayer::panel_weights(std::int64_t panel, float* weights) const {
  const std::span<const float> all = candidates_.shared_weights;
  for (std::size_t t = 0; t < static_cast<std::size_t>(kPanel); ++t) {
    const auto i = static_cast<std::size_t>(panel * kPanel) + t;
    weights[t] = i < all.size() ? all[i] : 1.0F;
  }
}

// What the masses of a panel must be multiplied by: scale exp(reference - log_z).
void OutputLayer::scale_masses(const Block& block, std::int64_t panel, std::int64_t first, std::int64_t count,
                               float* scale) const {
  const float* const reference = block.panel_references(panel, first);
  for (std::int64_t b = 0; b < count; ++b) scale[b] = reference[b] - block.log_z.data()[first + b];
  kernels_->exponential(scale, scale, count);
  for (std::int64_t b = 0; b < count; ++b) scale[b] *= block.scale.data()[first + b];
}

void OutputLayer::multiply_panels(const Block& block, Worker& worker, const LayerGradients& results,
                                  const StopFlag& stop) {
  const Part panels = worker.part;
  const std::int64_t count = block.hidden.count();
  const std::int64_t dim = hidden_.dim;
  const std::int64_t stride = padded_stride(dim);
  const std::int64_t lanes = kernels_->lanes;
  const bool softmax = candidates_.link.link == Link::kSoftmax;
  const bool scored = block.scores.data() != nullptr;
  std::fill_n(worker.hidden_gradient.data(), static_cast<std::size_t>(count * stride), 0.0F);
  worker.loss.assign(static_cast<std::size_t>(count), 0.0);
  alignas(64) float weights[kPanel], offsets[kPanel], sums[kChunk * kPanel], scale[kBlockRows];
  for (std::int64_t chunk = panels.begin; chunk < panels.end; chunk += kChunk) {
    if (stop.load(std::memory_order_relaxed)) return;
    const std::int64_t size = std::min(kChunk, panels.end - chunk);
    const std::int64_t at = fetch_panels(worker, chunk, size, !scored);
    const float* const rows = worker.rows.data() + at * kPanel * stride;
    const float* const packed = worker.panels.data() + at * kPanel * stride;
    std::fill_n(worker.row_gradient.data(), static_cast<std::size_t>(size * kPanel * stride), 0.0F);
    std::fill_n(sums, size * kPanel, 0.0F);
    for (std::int64_t b = 0; b < count; b += kBlockRows) {
      const std::int64_t n = std::min(kBlockRows, count - b);
      if (!softmax) std::fill_n(worker.losses.data(), static_cast<std::size_t>(n * lanes), 0.0F);
      for (std::int64_t p = 0; p < size; ++p) {
        float* const coefficients = worker.coefficients.data() + p * kBlockFloats;
        const float* scores = coefficients;
        if (scored) {
          scores = block.panel_scores(chunk + p, b);
        } else {
          panels_.offsets(chunk + p, offsets);
          kernels_->score_panel(block.hidden.packed(b), n, dim, packed + p * kPanel * stride, offsets, coefficients);
          mask_hits(block, chunk + p, b, n, coefficients);
        }
        panel_weights(chunk + p, weights);
        if (softmax) {
          scale_masses(block, chunk + p, b, n, scale);
          kernels_->softmax_panel(scores, n, weights, scale, block.floor.data() + b, coefficients, sums + p * kPanel);
        } else {
          kernels_->logistic_panel(scores, n, weights, block.scale.data() + b, coefficients, sums + p * kPanel,
                                   worker.losses.data());
        }
      }
      kernels_->add_hidden_gradient(worker.coefficients.data(), size, kBlockFloats, n, rows, stride,
                                    worker.hidden_gradient.data() + b * stride);
      for (std::int64_t p = 0; p < size; ++p) {
        kernels_->add_row_gradient(worker.coefficients.data() + p * kBlockFloats, n, block.hidden.row(b), stride,
                                   worker.row_gradient.data() + p * kPanel * stride);
      }
      if (softmax) continue;
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t lane = 0; lane < lanes; ++lane)
          worker.loss[static_cast<std::size_t>(b + i)] += double{worker.losses.data()[i * lanes + lane]};
      }
    }
    // Coefficients are -dLoss/dScore: gradients have the other sign.
    for (std::int64_t i = chunk * kPanel; i < std::min((chunk + size) * kPanel, panels_.size()); ++i) {
      const std::int64_t slot = candidates_.all_rows ? i : shared_slots_[static_cast<std::size_t>(i)];
      const float* const from = worker.row_gradient.data() + (i - chunk * kPanel) * stride;
      float* const to = results.rows.data() + slot * dim;
      for (std::int64_t d = 0; d < dim; ++d) to[d] = (block.is_first() ? 0.0F : to[d]) - from[d];
      if (results.bias.empty()) continue;
      float& bias = results.bias[static_cast<std::size_t>(slot)];
      bias = (block.is_first() ? 0.0F : bias) - sums[i - chunk * kPanel];
    }
  }
}

// Adds what the block's own candidates contribute to the gradients of rows of a part of the slots.
void OutputLayer::add_own(const Block& block, Part slots, const LayerGradients& results, const StopFlag& stop) const {
  const std::int64_t dim = hidden_.dim;
  const double inverse_temperature = 1 / model_.temperature;
  for (std::int64_t b = 0; b < block.hidden.count(); ++b) {
    if (stop.load(std::memory_order_relaxed)) return;
    const auto example = static_cast<std::size_t>(block.first + b);
    for (auto t = static_cast<std::size_t>(own_offsets_[example]);
         t < static_cast<std::size_t>(own_offsets_[example + 1]); ++t) {
      const std::int64_t slot = own_slots_[t];
      if (slot < slots.begin || slot >= slots.end) continue;
      const auto coefficient = static_cast<float>(own_[t].coefficient * inverse_temperature);
      const float* const hidden = block.hidden.row(b);
      float* const row = results.rows.data() + slot * dim;
      for (std::int64_t d = 0; d < dim; ++d) row[d] -= coefficient * hidden[d];
      if (!results.bias.empty()) results.bias[static_cast<std::size_t>(slot)] -= coefficient;
    }
  }
}

void OutputLayer::finish_hidden(const Block& block, const std::vector<Worker>& workers, Part examples,
                                const LayerGradients& results, const StopFlag& stop) const {
  const std::int64_t dim = hidden_.dim;
  const std::int64_t stride = padded_stride(dim);
  const double inverse_temperature = 1 / model_.temperature;
  for (std::int64_t b = examples.begin; b < examples.end; ++b) {
    if (stop.load(std::memory_order_relaxed)) return;
    const auto example = static_cast<std::size_t>(block.first + b);
    float* const gradient = results.hidden.data() + (block.first + b) * dim;
    std::fill_n(gradient, dim, 0.0F);
    for (const Worker& worker : workers) {
      const float* const part = worker.hidden_gradient.data() + b * stride;
      for (std::int64_t d = 0; d < dim; ++d) gradient[d] -= part[d];
    }
    for (auto t = static_cast<std::size_t>(own_offsets_[example]);
         t < static_cast<std::size_t>(own_offsets_[example + 1]); ++t) {
      const float* const row = model_.weights.row(own_rows_[t]);
      const double scale = model_.normalize ? inverse_length(row, dim) : 1;
      const auto coefficient = static_cast<float>(own_[t].coefficient * inverse_temperature * scale);
      for (std::int64_t d = 0; d < dim; ++d) gradient[d] -= coefficient * row[d];
    }
    if (candidates_.link.link == Link::kLogistic) {
      const double weight = example_weights_.empty() ? 1.0 : double{example_weights_[example]};
      for (const Worker& worker : workers) results.loss[example] += weight * worker.loss[static_cast<std::size_t>(b)];
    }
    if (!model_.normalize) continue;
    // d(h / |h|): what points along h is lost.
    const double scale = inverse_length(hidden_.row(block.first + b), dim);
    const float* const unit = block.hidden.row(b);
    const double along = dot(gradient, unit, dim);
    for (std::int64_t d = 0; d < dim; ++d)
      gradient[d] = static_cast<float>(scale * (double{gradient[d]} - along * double{unit[d]}));
  }
}

void OutputLayer::project_rows(Part slots, const LayerGradients& results) const {
  const std::int64_t dim = hidden_.dim;
  for (std::int64_t slot = slots.begin; slot < slots.end; ++slot) {
    const float* const row = model_.weights.row(rows_[static_cast<std::size_t>(slot)]);
    float* const gradient = results.rows.data() + slot * dim;
    const double scale = inverse_length(row, dim);
    const double along = dot(gradient, row, dim) * scale * scale;
    for (std::int64_t d = 0; d < dim; ++d)
      gradient[d] = static_cast<float>(scale * (double{gradient[d]} - along * double{row[d]}));
  }
}

// Blocks one after the other. phase(work) calls work(worker, stop) for every worker and returns when all have.
template <class Phase>
void OutputLayer::train_blocks(std::vector<Worker>& workers, std::int64_t block_size, const LayerGradients& results,
                               const Phase& phase) {
  const auto count = static_cast<int>(workers.size());
  const std::int64_t panels = panels_.panels();
  const bool keep_scores = keeps_scores();
  const auto most = static_cast<std::size_t>(block_size);
  const auto mine = [&](int w) -> Worker& { return workers[static_cast<std::size_t>(w)]; };
  AlignedFloats scores;
  AlignedFloats references;
  if (keep_scores) references = AlignedFloats(most * static_cast<std::size_t>(panels));
  if (keep_scores) scores = AlignedFloats(most * static_cast<std::size_t>(panels * kPanel));
  for (std::int64_t first = 0; first < hidden_.rows; first += block_size) {
    const std::int64_t size = std::min(block_size, hidden_.rows - first);
    Block block{first,
                PackedHidden(*kernels_, model_, hidden_, first, size),
                std::move(scores),
                std::move(references),
                AlignedFloats(most),
                AlignedFloats(most),
                AlignedFloats(most)};
    if (keep_scores) {
      phase([&](int w, const StopFlag& stop) { score_panels(block, mine(w), stop); });
    }
    if (candidates_.hard_of > 1)
      phase([&](int w, const StopFlag&) { keep_hardest(block, workers[0], part_of(size, w, count)); });
    phase([&](int w, const StopFlag& stop) { link_examples(block, workers, part_of(size, w, count), results, stop); });
    phase([&](int w, const StopFlag& stop) { multiply_panels(block, mine(w), results, stop); });
    bool stopped = false;
    phase([&](int w, const StopFlag& stop) {
      add_own(block, part_of(static_cast<std::int64_t>(rows_.size()), w, count), results, stop);
      finish_hidden(block, workers, part_of(size, w, count), results, stop);
      if (w == 0) stopped = stop.load(std::memory_order_relaxed);
    });
    if (stopped) return;
    scores = std::move(block.scores);
    references = std::move(block.references);
  }
}

// Rows that only own candidates reach are added to from the start, others in the first block after they are written.
void OutputLayer::clear_own_rows(const LayerGradients& results) const {
  if (hidden_.rows > 0 && candidates_.all_rows) return;
  std::vector<bool> written(rows_.size());
  if (hidden_.rows > 0) {
    for (const std::int64_t slot : shared_slots_) written[static_cast<std::size_t>(slot)] = true;
  }
  const auto dim = static_cast<std::size_t>(hidden_.dim);
  for (std::size_t slot = 0; slot < written.size(); ++slot) {
    if (written[slot]) continue;
    std::fill_n(results.rows.begin() + static_cast<std::ptrdiff_t>(slot * dim), dim, 0.0F);
    if (!results.bias.empty()) results.bias[slot] = 0.0F;
  }
}

void OutputLayer::gradients(const LayerGradients& results, int threads, const KeepGoing& keep_going) {
  clear_own_rows(results);
  if (hidden_.rows == 0) return;

  const std::int64_t panels = panels_.panels();
  const std::int64_t dim = hidden_.dim;
  const double products =
      static_cast<double>(dim) *
      (static_cast<double>(hidden_.rows) * static_cast<double>(panels_.size()) + static_cast<double>(own_rows_.size()));
  const bool small = products < kSmallWork;
  const std::int64_t parts = panels > 0 ? panels / kChunk : hidden_.rows;   // own candidates alone: by example
  const int count = small ? 1 : static_cast<int>(std::clamp<std::int64_t>(parts, 1, threads));

  const bool keeps = panels * kPanel * padded_stride(dim) <= kKeptFloats * count;
  std::int64_t block_size = kMostBlock;
  if (keeps_scores() && panels > 0)
    block_size = std::clamp<std::int64_t>((keeps ? kCachedScoreFloats * count : kScoreFloats) / (panels * kPanel), 14,
                                          kMostBlock);
  const std::int64_t blocks = (hidden_.rows + block_size - 1) / block_size;
  block_size = (hidden_.rows + blocks - 1) / blocks;   // as equal as can be
  std::vector<Worker> workers;
  workers.reserve(static_cast<std::size_t>(count));
  for (int w = 0; w < count; ++w)
    workers.emplace_back(part_of(panels, w, count, kChunk), keeps, block_size, dim, kernels_->lanes);

  if (small) {
    const StopFlag never{false};
    train_blocks(workers, block_size, results, [&](const auto& work) { work(0, never); });
  } else if (count == 1) {
    run_workers_to_the_end(1, keep_going, [&](int, const StopFlag& stop) {
      train_blocks(workers, block_size, results, [&](const auto& work) { work(0, stop); });
    });
  } else {
    WorkerRounds rounds(count, keep_going);
    train_blocks(workers, block_size, results, [&](const auto& work) { rounds.run(work); });
  }
  bool finite = std::all_of(workers.begin(), workers.end(), [](const Worker& worker) { return worker.finite; });
  for (const double loss : results.loss) finite &= std::isfinite(loss);
  if (!finite) throw_not_finite(model_, rows_);
  if (model_.normalize) project_rows({0, static_cast<std::int64_t>(rows_.size())}, results);
}

}   // namespace hogvec
