// What an output layer computes gradients in: a block of hidden vectors with its scores, and the memory of one worker.
#pragma once

#include <cstdint>
#include <vector>

#include "hogvec/aligned_floats.hpp"
#include "hogvec/output_layer.hpp"
#include "hogvec/output_panels.hpp"

namespace hogvec {

inline constexpr std::int64_t kPanelsAtOnce = 4;                          // whose coefficients a worker holds
inline constexpr std::int64_t kPanelCoefficients = kBlockRows * kPanel;   // of one of them

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
        coefficients(kPanelsAtOnce * kPanelCoefficients),
        losses(kBlockRows * lanes),
        row_gradient(kPanelsAtOnce * kPanel * stride) {}

  std::int64_t held() const { return keeps ? part.end - part.begin : kPanelsAtOnce; }   // panels in memory at once

  Part part;    // of the panels
  bool keeps;   // the whole part, of which the panels before `gathered` are in memory
  std::int64_t gathered;
  AlignedFloats largest, sum;           // (count,), (count, lanes): of a partition function
  std::vector<double> score_sum;        // (count,): of what is in it, where labels are smoothed
  AlignedFloats hidden_gradient;        // (count, stride)
  std::vector<double> loss;             // (count,): of the logistic link
  AlignedFloats rows, panels;           // (held() kPanel, stride), (held(), dim, kPanel)
  AlignedFloats coefficients, losses;   // (kPanelsAtOnce, kBlockRows, kPanel), (kBlockRows, lanes)
  AlignedFloats row_gradient;           // (kPanelsAtOnce kPanel, stride)
  bool finite = true;                   // all rows so far
};

}   // namespace hogvec
