// Rows and their state are copied to memory that kernels take, changed there and copied back.
#include "hogvec/output_step.hpp"

#include <algorithm>

#include "hogvec/aligned_floats.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {
namespace {

// Fewer floats than this are changed on the calling thread: a thread costs more than it saves.
constexpr double kSmallStep = 2e6;

}   // namespace

void apply_gradients(const BlockKernels& kernels, const OptimizerSettings& settings, const OptimizedRows& table,
                     std::span<const std::int64_t> rows, std::span<const float> gradients, float learning_rate,
                     std::uint32_t step, int threads) {
  const std::int64_t dim = table.dim;
  const std::int64_t stride = padded_stride(dim);
  const bool one_sum = settings.kind == OptimizerKind::kRowAdaGrad;
  const auto work = [&](Part part) {
    // Kernels take whole registers: a row and its state are copied to where there are such.
    AlignedFloats copies(static_cast<std::size_t>(4 * stride));
    std::fill_n(copies.data(), 4 * stride, 0.0F);
    float* const value = copies.data();
    float* const first = value + stride;
    float* const second = first + stride;
    float* const descent = second + stride;
    for (std::int64_t i = part.begin; i < part.end; ++i) {
      const std::int64_t row = rows[static_cast<std::size_t>(i)];
      const float* const gradient = gradients.data() + i * dim;
      float* const target = table.values + row * table.stride;
      if (settings.kind == OptimizerKind::kSgd) {
        for (std::int64_t d = 0; d < dim; ++d) target[d] -= learning_rate * gradient[d];
        continue;
      }
      TrainedTable view(TableView{value, 1, dim, stride});
      std::copy_n(target, dim, value);
      for (std::int64_t d = 0; d < dim; ++d) descent[d] = -gradient[d];
      const std::int64_t kept = one_sum ? 1 : dim;
      if (table.first != nullptr) {
        view.first = first;
        std::copy_n(table.first + row * dim, dim, first);
      }
      if (table.second != nullptr) {
        view.second = second;
        std::copy_n(table.second + row * kept, kept, second);
      }
      if (table.steps != nullptr) view.steps = table.steps + row;
      kernels.apply(settings, view, 0, descent, learning_rate, step);
      std::copy_n(value, dim, target);
      if (table.first != nullptr) std::copy_n(first, dim, table.first + row * dim);
      if (table.second != nullptr) std::copy_n(second, kept, table.second + row * kept);
    }
  };
  const auto count = static_cast<std::int64_t>(rows.size());
  if (threads == 1 || static_cast<double>(count) * static_cast<double>(dim) < kSmallStep) {
    work({0, count});
    return;
  }
  // Not to be stopped half way.
  run_workers_to_the_end(
      threads, [] { return true; }, [&](int w, const StopFlag&) { work(part_of(count, w, threads)); });
}

}   // namespace hogvec
