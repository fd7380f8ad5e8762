// The gradients of an output layer. Hidden vectors are taken in blocks whose scores fit into a bounded memory; within a
// block every worker owns a part of the panels of candidates, so that each row's gradient has one writer:
//   1. scores of every panel, and the sums over them that a softmax needs (with the logistic link only for hard_of),
//   2. the link, example by example,
//   3. coefficients of every panel, and both products with them,
//   4. own candidates, and the sum of the workers' hidden gradients.
// Steps 1 and 2 are in output_sums.cpp.
#include <algorithm>
#include <cmath>
#include <utility>

#include "hogvec/math.hpp"
#include "hogvec/output_block.hpp"
#include "hogvec/output_layer.hpp"

namespace hogvec {
namespace {

constexpr std::int64_t kScoreFloats = std::int64_t{16} << 20;   // of a block's scores, if 14 hidden vectors have so few
// A worker's candidates are gathered once where they are at most so many floats; blocks are then so small that their
// scores stay in the cache, too.
constexpr std::int64_t kKeptFloats = std::int64_t{1} << 19;
constexpr std::int64_t kCachedScoreFloats = std::int64_t{1} << 19;
constexpr std::int64_t kMostBlock = 4032;   // hidden vectors of a block

}   // namespace

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
  alignas(64) float weights[kPanel], offsets[kPanel], sums[kPanelsAtOnce * kPanel], scale[kBlockRows];
  for (std::int64_t chunk = panels.begin; chunk < panels.end; chunk += kPanelsAtOnce) {
    if (stop.load(std::memory_order_relaxed)) return;
    const std::int64_t size = std::min(kPanelsAtOnce, panels.end - chunk);
    const std::int64_t at = fetch_panels(worker, chunk, size, !scored);
    const float* const rows = worker.rows.data() + at * kPanel * stride;
    const float* const packed = worker.panels.data() + at * kPanel * stride;
    std::fill_n(worker.row_gradient.data(), static_cast<std::size_t>(size * kPanel * stride), 0.0F);
    std::fill_n(sums, size * kPanel, 0.0F);
    for (std::int64_t b = 0; b < count; b += kBlockRows) {
      const std::int64_t n = std::min(kBlockRows, count - b);
      if (!softmax) std::fill_n(worker.losses.data(), static_cast<std::size_t>(n * lanes), 0.0F);
      for (std::int64_t p = 0; p < size; ++p) {
        float* const coefficients = worker.coefficients.data() + p * kPanelCoefficients;
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
      kernels_->add_hidden_gradient(worker.coefficients.data(), size, kPanelCoefficients, n, rows, stride,
                                    worker.hidden_gradient.data() + b * stride);
      for (std::int64_t p = 0; p < size; ++p) {
        kernels_->add_row_gradient(worker.coefficients.data() + p * kPanelCoefficients, n, block.hidden.row(b), stride,
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
  const std::int64_t parts = panels > 0 ? panels / kPanelsAtOnce : hidden_.rows;   // own candidates alone: by example
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
    workers.emplace_back(part_of(panels, w, count, kPanelsAtOnce), keeps, block_size, dim, kernels_->lanes);

  if (small) {
    train_blocks(workers, block_size, results, [](const auto& work) { run_small(work); });
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
