// Weighted sums of rows, each worker a part of the bags.
#include "hogvec/bags.hpp"

#include <algorithm>

#include "hogvec/workers.hpp"

namespace hogvec {
namespace {

constexpr std::int64_t kAhead = 8;   // rows, whose lines a processor waits for at once

}   // namespace

void sum_bags(const FloatRows& table, std::span<const std::int64_t> offsets, std::span<const std::int64_t> rows,
              std::span<const float> weights, std::span<float> out, int threads) {
  const std::int64_t dim = table.dim;
  const auto work = [&](Part part) {
    for (std::int64_t b = part.begin; b < part.end; ++b) {
      float* const sum = out.data() + b * dim;
      std::fill_n(sum, dim, 0.0F);
      const std::int64_t end = offsets[static_cast<std::size_t>(b) + 1];
      for (std::int64_t i = offsets[static_cast<std::size_t>(b)]; i < end; ++i) {
        if (i + kAhead < std::ssize(rows)) {
          const float* const next = table.row(rows[static_cast<std::size_t>(i + kAhead)]);
          for (std::int64_t d = 0; d < dim; d += kRowAlignment) __builtin_prefetch(next + d);
        }
        const float* const row = table.row(rows[static_cast<std::size_t>(i)]);
        const float weight = weights.empty() ? 1.0F : weights[static_cast<std::size_t>(i)];
        for (std::int64_t d = 0; d < dim; ++d) sum[d] += weight * row[d];
      }
    }
  };
  const std::int64_t bags = std::ssize(offsets) - 1;
  if (threads == 1 || static_cast<double>(rows.size()) * static_cast<double>(dim) < kSmallWork) {
    work({0, bags});
    return;
  }
  run_workers_to_the_end(
      threads, [] { return true; }, [&](int w, const StopFlag&) { work(part_of(bags, w, threads)); });
}

}   // namespace hogvec
