// Kernels for many hidden vectors against many candidates: the products of an output layer, blocked to the caches, and
// the links on blocks of scores. Plain arrays in, plain arrays out; what they mean is output_layer.hpp's.
#pragma once

#include <cstdint>

#include "hogvec/optimizer.hpp"

namespace hogvec {

// Candidates come in panels of this many, so that scores of a hidden vector against a panel are whole registers. The
// last panel is filled up with candidates whose offset is kMaskedScore.
inline constexpr long kPanel = 32;

// The score of a candidate that is not one: it has no mass, no gradient and no loss.
inline constexpr float kMaskedScore = -3e38F;
inline constexpr float kLeastScore = -1e38F;   // scores below are masked
inline constexpr float kMaskedMass = -1;       // what exponentiate_panel makes of them

// Shapes: B hidden vectors, rows of `stride` floats (a multiple of 16, zero from `dim` on), P panels.
struct BlockKernels {
  long lanes;   // floats of a register: partial sums come in so many

  // Columns of up to 32 rows: panel (dim, kPanel) of rows (kPanel, stride).
  void (*pack_panel)(const float* rows, long stride, long dim, float* panel);
  // The same for hidden vectors, in tiles as the scores take them; packed (B, dim), in some order.
  void (*pack_hidden)(const float* hidden, long count, long stride, long dim, float* packed);

  // scores (B, kPanel) = offsets (kPanel,) + hidden panel.
  void (*score_panel)(const float* packed_hidden, long count, long dim, const float* panel, const float* offsets,
                      float* scores);

  // Turns a panel of scores (B, kPanel) into masses exp(score - largest), in place; a masked one into kMaskedMass.
  // largest (B,) is that of all panels so far, sum (B, lanes) the running sum of masses, made smaller whenever a larger
  // score comes; what the panel's masses refer to is left in reference (B,).
  void (*exponentiate_panel)(float* scores, long count, float* largest, float* sum, float* reference);

  // coefficients (B, kPanel) = weight_t floor_b - scale_b mass, 0 where masked. Adds them up over b into column_sums
  // (kPanel,). May work in place.
  void (*softmax_panel)(const float* masses, long count, const float* weights, const float* scale, const float* floor,
                        float* coefficients, float* column_sums);
  // y = exp(x) for x up to 88, 0 below -87.33; (n,).
  void (*exponential)(const float* x, float* y, long n);
  // coefficients (B, kPanel) = -scale_b weight_t sigmoid(score), 0 where masked, and losses (B, lanes) +=
  // weight_t softplus(score).
  void (*logistic_panel)(const float* scores, long count, const float* weights, const float* scale, float* coefficients,
                         float* column_sums, float* losses);

  // gradient (B, stride) += coefficients rows, of coefficients (P, panel_stride / kPanel >= B, kPanel) and rows
  // (P kPanel, stride).
  void (*add_hidden_gradient)(const float* coefficients, long panels, long panel_stride, long count, const float* rows,
                              long stride, float* gradient);
  // gradient (kPanel, stride) += the transpose of coefficients (B, kPanel) times hidden (B, stride).
  void (*add_row_gradient)(const float* coefficients, long count, const float* hidden, long stride, float* gradient);

  // Changes row `id` of a table by its descent, the gradient with its sign turned; not for SGD.
  void (*apply)(const OptimizerSettings& settings, const TrainedTable& table, long id, const float* descent, float rate,
                unsigned step);
};

}   // namespace hogvec
