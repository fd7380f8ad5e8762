// One step of an optimizer on rows of the caller's, whose gradients an output layer found.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/block_kernels.hpp"
#include "hogvec/optimizer.hpp"

namespace hogvec {

// Rows of the caller's that an optimizer changes, and its state for them, in memory of the caller's.
struct OptimizedRows {
  float* values = nullptr;
  std::int64_t stride = 0;   // floats between rows of values
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  float* first = nullptr;           // (rows, dim), as in TrainedTable; nullptr for what is not kept
  float* second = nullptr;          // (rows, dim), or (rows,) for one sum a row
  std::uint32_t* steps = nullptr;   // (rows,)
};

// Changes rows[i] by gradients[i], (T, dim). `step` counts the calls, from 1.
void apply_gradients(const BlockKernels& kernels, const OptimizerSettings& settings, const OptimizedRows& table,
                     std::span<const std::int64_t> rows, std::span<const float> gradients, float learning_rate,
                     std::uint32_t step, int threads);

}   // namespace hogvec
