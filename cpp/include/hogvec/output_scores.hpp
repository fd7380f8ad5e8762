// Exact log probabilities of outputs and the best outputs, over all rows of an output layer. Scores are taken panel by
// panel: memory does not grow with the number of outputs times that of hidden vectors.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/block_kernels.hpp"
#include "hogvec/output_panels.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

// How a score s becomes a log probability.
enum class Normalizer : std::uint8_t {
  kSoftmax,   // o - ln sum over all outputs of exp(o), o = s + offset
  kSigmoid,   // ln sigmoid(s), of each output alone
  kNone       // s itself; for the best outputs only
};

struct OutputScores {
  LayerModel model;
  std::span<const double> log_offsets;   // (V,), added to scores, default 0
  Normalizer normalizer = Normalizer::kSoftmax;
};

// kSoftmax: result[b] = mean over targets of ln P(target | hidden row b); targets (B, per_example). kSigmoid: ln P of
// the targets, as a set, and of no other output: the sum of ln sigmoid(s) over them and of ln sigmoid(-s) over the
// rest. Throws ValueError for shapes that do not agree and numbers that are not finite, IndexError for targets that are
// none.
void output_log_likelihood(const BlockKernels& kernels, const OutputScores& scores, FloatRows hidden,
                           std::span<const std::int64_t> targets, std::int64_t per_example, std::span<double> result,
                           int threads, const KeepGoing& keep_going);

// Outputs that are not to be among the best: those of hidden row b are entries [offsets[b], offsets[b + 1]).
struct ExcludedOutputs {
  std::span<const std::int64_t> offsets;   // (B + 1,), empty for none at all
  std::span<const std::int32_t> ids;       // below V
};

// The k outputs of the highest probability for every hidden row, best first and equal ones by id; results are (B, k).
// Where fewer than k are not excluded, ids end with -1 and log probabilities with minus infinity.
void output_top_k(const BlockKernels& kernels, const OutputScores& scores, FloatRows hidden, std::int64_t k,
                  const ExcludedOutputs& excluded, std::span<std::int32_t> ids, std::span<double> log_probabilities,
                  int threads, const KeepGoing& keep_going);

}   // namespace hogvec
