// The group kernel at every instruction set that this machine has, beside the machine's peak of multiply-add.
//
// Operations are counted as 6 B T dim a group (a score, a gradient of the hidden vector and one of the candidate: a
// multiply-add each), with the dimension asked for, not the padded one; encoding, links, losses and, for bags, the sums
// over their rows are not counted. Rows are in cache, or spread over tables far larger than any cache.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fma_peak.hpp"
#include "hogvec/batch.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/random.hpp"
#include "hogvec/table.hpp"

namespace {

using hogvec::RowId;

constexpr std::int64_t kGroups = 128;       // of a batch, as the trainer has them
constexpr std::int64_t kCachedRows = 128;   // of each table: in the second-level cache
constexpr std::int64_t kSpreadRows = 1 << 17;
constexpr std::size_t kSpreadBatches = 64;   // so many that rows have left the caches when a batch comes again
constexpr float kRate = 0.01F;

struct Shape {
  std::string instruction_set;
  bool spread;
  std::int64_t bag;          // rows of a bag
  std::int64_t hidden;       // B
  std::int64_t candidates;   // T
  std::int64_t dim;
  hogvec::Link link = hogvec::Link::kLogistic;

  std::string name() const {
    const std::string kernel = link == hogvec::Link::kSoftmax ? "softmax_group_kernel" : "group_kernel";
    return kernel + (bag == 1 ? "" : "_of_bags") + "/" + instruction_set + (spread ? "/spread" : "/cached") +
           (bag == 1 ? "" : "/bag:" + std::to_string(bag)) + "/B:" + std::to_string(hidden) +
           "/T:" + std::to_string(candidates) + "/dim:" + std::to_string(dim);
  }
};

// Appends n rows that differ from each other.
void add_distinct(std::vector<RowId>& rows, std::int64_t n, std::int64_t limit, hogvec::Stream& stream) {
  const auto first = static_cast<std::ptrdiff_t>(rows.size());
  while (static_cast<std::ptrdiff_t>(rows.size()) - first < n) {
    const RowId row{hogvec::scale_bits(static_cast<std::uint32_t>(stream.next()), static_cast<std::uint32_t>(limit))};
    if (std::find(rows.begin() + first, rows.end(), row) == rows.end()) rows.push_back(row);
  }
}

void make_batch(const Shape& shape, std::int64_t rows, hogvec::Stream& stream, hogvec::BatchBuffer& buffer) {
  buffer.rows_distinct = shape.bag == 1;
  buffer.group_offsets = {0};
  buffer.shared_offsets = {0};
  if (shape.bag > 1) buffer.bag_offsets = {0};
  for (std::int64_t g = 0; g < kGroups; ++g) {
    add_distinct(buffer.bag_rows, shape.hidden * shape.bag, rows, stream);
    for (std::int64_t b = 0; shape.bag > 1 && b < shape.hidden; ++b) {
      buffer.bag_offsets.push_back(buffer.bag_offsets.back() + shape.bag);
      buffer.forward_scale.push_back(1.0F / static_cast<float>(shape.bag));
    }
    add_distinct(buffer.shared_rows, shape.candidates, rows, stream);
    for (std::int64_t t = 0; t < shape.candidates; ++t) buffer.shared_labels.push_back(t == 0 ? 1.0F : 0.0F);
    buffer.group_offsets.push_back(buffer.group_offsets.back() + shape.hidden);
    buffer.shared_offsets.push_back(buffer.shared_offsets.back() + shape.candidates);
  }
}

void train(benchmark::State& state, const Shape& shape) {
  const double peak = hogvec::bench::peak_flops(shape.instruction_set);
  const std::int64_t rows = shape.spread ? kSpreadRows : kCachedRows;
  hogvec::Stream stream(hogvec::make_key(1, hogvec::Purpose::kSample));
  std::vector<hogvec::BatchBuffer> buffers(shape.spread ? kSpreadBatches : 1);
  for (hogvec::BatchBuffer& buffer : buffers) make_batch(shape, rows, stream, buffer);
  const hogvec::Table input(rows, shape.dim), output(rows, shape.dim);
  const float range = 0.5F / static_cast<float>(shape.dim);
  hogvec::initialize_uniform(input.view(), 1, range);
  hogvec::initialize_uniform(output.view(), 2, range);

  const hogvec::Kernels& kernels = *hogvec::find_kernels(shape.instruction_set);
  hogvec::Scratch scratch;
  hogvec::GroupSettings settings;
  settings.learning_rate = kRate;
  settings.loss_every = 16;
  hogvec::LossSum loss;
  std::size_t next = 0;
  const double begin = hogvec::bench::thread_seconds();
  for (auto _ : state) {
    const hogvec::Batch batch = buffers[next].view();
    scratch.reserve(batch, input.view().stride);
    kernels.train(shape.link)(hogvec::BatchArrays(batch), settings, input.view(), output.view(), scratch, loss);
    next = next + 1 == buffers.size() ? 0 : next + 1;
  }
  const double seconds = hogvec::bench::thread_seconds() - begin;
  benchmark::DoNotOptimize(loss);

  const auto groups = static_cast<double>(state.iterations() * kGroups);
  const double flops = 6 * static_cast<double>(shape.hidden * shape.candidates * shape.dim) * groups / seconds;
  state.counters["us/group"] = 1e6 * seconds / groups;
  state.counters["GFLOP/s"] = 1e-9 * flops;
  state.counters["of_peak"] = flops / peak;
}

void measure_peak(benchmark::State& state, const std::string& instruction_set) {
  double peak = 0;
  for (auto _ : state) peak = hogvec::bench::peak_flops(instruction_set);
  state.counters["GFLOP/s"] = 1e-9 * peak;
}

void sigmoid(benchmark::State& state, const std::string& instruction_set) {
  constexpr long kValues = 4096;
  std::vector<float> x(kValues), y(kValues);
  for (long i = 0; i < kValues; ++i) x[static_cast<std::size_t>(i)] = 16.0F * static_cast<float>(i) / kValues - 8.0F;
  const hogvec::Kernels& kernels = *hogvec::find_kernels(instruction_set);
  for (auto _ : state) {
    kernels.sigmoid(x.data(), y.data(), kValues);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * kValues);
}

void add_shape(const Shape& shape) {
  benchmark::RegisterBenchmark(shape.name().c_str(), [shape](benchmark::State& state) {
    train(state, shape);
  })->Unit(benchmark::kMicrosecond);
}

// Skip-gram has B words of a window against T = 6 (negative sampling) or about 14 (hierarchical softmax) candidates;
// CBOW has one bag of them. A softmax of 65 candidates stands beside as many questions of their own.
bool register_all() {
  for (const std::string& set : hogvec::available_instruction_sets()) {
    benchmark::RegisterBenchmark(("fma_peak/" + set).c_str(), [set](benchmark::State& state) {
      measure_peak(state, set);
    })->Iterations(1);
    benchmark::RegisterBenchmark(("sigmoid/" + set).c_str(), [set](benchmark::State& state) { sigmoid(state, set); });
    for (const bool spread : {false, true}) {
      for (const std::int64_t dim : {100, 200, 300}) {
        for (const std::int64_t candidates : {6, 14}) {
          for (const std::int64_t hidden : {1, 4, 6, 10}) add_shape({set, spread, 1, hidden, candidates, dim});
          add_shape({set, spread, 6, 1, candidates, dim});
        }
        for (const hogvec::Link link : {hogvec::Link::kLogistic, hogvec::Link::kSoftmax}) {
          for (const std::int64_t hidden : {1, 6}) add_shape({set, spread, 1, hidden, 65, dim, link});
        }
      }
    }
  }
  return true;
}

const bool kRegistered = register_all();

}   // namespace
