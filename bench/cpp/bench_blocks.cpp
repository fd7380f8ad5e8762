// The products of an output layer at every instruction set that this machine has, beside the machine's peak of
// multiply-add: scores of a panel, and with its coefficients the gradients of hidden vectors and of rows.
//
// Shapes are those in which output layers call them. Operations are counted as 2 B 32 dim a panel, with the dimension
// asked for, not the padded one: packing, which is done once for many panels or blocks, stands beside them. Operands
// are in the second-level cache, but for the largest block of hidden vectors.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>

#include "fma_peak.hpp"
#include "hogvec/aligned_floats.hpp"
#include "hogvec/block_kernels.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/output_block.hpp"
#include "hogvec/output_panels.hpp"
#include "hogvec/random.hpp"
#include "hogvec/table.hpp"

namespace {

using hogvec::AlignedFloats;
using hogvec::BlockKernels;
using hogvec::kBlockRows;
using hogvec::kPanel;
using hogvec::kPanelCoefficients;
using hogvec::kPanelsAtOnce;

constexpr std::int64_t kWholeBlock = 1008;   // hidden vectors that scores are taken of at once, in whole tiles

AlignedFloats random_rows(std::int64_t rows, std::int64_t dim, std::int64_t stride, std::uint64_t seed) {
  hogvec::Stream stream(hogvec::make_key(seed, hogvec::Purpose::kSample));
  AlignedFloats values(static_cast<std::size_t>(rows * stride));
  for (std::int64_t i = 0; i < rows * stride; ++i)
    values.data()[i] = i % stride < dim ? hogvec::unit_float(stream.next()) - 0.5F : 0.0F;
  return values;
}

// Operands and results, some more than any one kernel takes.
struct Operands {
  Operands(const BlockKernels& kernels, std::int64_t count, std::int64_t width)
      : hidden_vectors(count),
        dim(width),
        stride(hogvec::padded_stride(width)),
        hidden(random_rows(count, dim, stride, 1)),
        rows(random_rows(kPanelsAtOnce * kPanel, dim, stride, 2)),
        coefficients(random_rows(kPanelsAtOnce * kBlockRows, kPanel, kPanel, 3)),
        offsets(random_rows(1, kPanel, kPanel, 4)),
        packed(static_cast<std::size_t>(count * dim)),
        panel(static_cast<std::size_t>(dim * kPanel)),
        scores(static_cast<std::size_t>(count * kPanel)),
        hidden_gradient(random_rows(count, dim, stride, 5)),
        row_gradient(random_rows(kPanel, dim, stride, 6)) {
    kernels.pack_hidden(hidden.data(), count, stride, dim, packed.data());
    kernels.pack_panel(rows.data(), stride, dim, panel.data());
  }

  std::int64_t hidden_vectors, dim, stride;
  AlignedFloats hidden, rows, coefficients, offsets, packed, panel, scores, hidden_gradient, row_gradient;
};

struct Product {
  const char* name;
  std::int64_t panels;   // in a call
  void (*call)(const BlockKernels& kernels, Operands& o);
};

const Product kScores = {"score_panel", 1, [](const BlockKernels& kernels, Operands& o) {
                           kernels.score_panel(o.packed.data(), o.hidden_vectors, o.dim, o.panel.data(),
                                               o.offsets.data(), o.scores.data());
                         }};
const Product kHiddenGradient = {"add_hidden_gradient", kPanelsAtOnce, [](const BlockKernels& kernels, Operands& o) {
                                   kernels.add_hidden_gradient(o.coefficients.data(), kPanelsAtOnce, kPanelCoefficients,
                                                               o.hidden_vectors, o.rows.data(), o.stride,
                                                               o.hidden_gradient.data());
                                 }};
const Product kRowGradient = {"add_row_gradient", 1, [](const BlockKernels& kernels, Operands& o) {
                                kernels.add_row_gradient(o.coefficients.data(), o.hidden_vectors, o.hidden.data(),
                                                         o.stride, o.row_gradient.data());
                              }};

struct Shape {
  std::string instruction_set;
  std::int64_t hidden_vectors, dim;

  std::string name(const char* kernel) const {
    return kernel + ("/" + instruction_set) + "/B:" + std::to_string(hidden_vectors) + "/dim:" + std::to_string(dim);
  }
  const BlockKernels& kernels() const { return hogvec::find_kernels(instruction_set)->blocks; }
};

void multiply(benchmark::State& state, const Product& product, const Shape& shape) {
  const double peak = hogvec::bench::peak_flops(shape.instruction_set);
  const BlockKernels& kernels = shape.kernels();
  Operands operands(kernels, shape.hidden_vectors, shape.dim);
  const double begin = hogvec::bench::thread_seconds();
  for (auto _ : state) {
    product.call(kernels, operands);
    benchmark::ClobberMemory();
  }
  const double seconds = hogvec::bench::thread_seconds() - begin;
  const double each = 2.0 * static_cast<double>(product.panels * shape.hidden_vectors * kPanel * shape.dim);
  const double flops = each * static_cast<double>(state.iterations()) / seconds;
  state.counters["GFLOP/s"] = 1e-9 * flops;
  state.counters["of_peak"] = flops / peak;
}

void pack_panel(benchmark::State& state, const Shape& shape) {
  const BlockKernels& kernels = shape.kernels();
  Operands operands(kernels, shape.hidden_vectors, shape.dim);
  for (auto _ : state) {
    kernels.pack_panel(operands.rows.data(), operands.stride, shape.dim, operands.panel.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kPanel * shape.dim * static_cast<std::int64_t>(sizeof(float)));
}

void pack_hidden(benchmark::State& state, const Shape& shape) {
  const BlockKernels& kernels = shape.kernels();
  Operands operands(kernels, shape.hidden_vectors, shape.dim);
  for (auto _ : state) {
    kernels.pack_hidden(operands.hidden.data(), shape.hidden_vectors, operands.stride, shape.dim,
                        operands.packed.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * shape.hidden_vectors * shape.dim *
                          static_cast<std::int64_t>(sizeof(float)));
}

void add_product(const Product& product, const Shape& shape) {
  benchmark::RegisterBenchmark(shape.name(product.name).c_str(), [=](benchmark::State& state) {
    multiply(state, product, shape);
  })->Unit(benchmark::kMicrosecond);
}

void add_packing(const char* kernel, void (*pack)(benchmark::State&, const Shape&), const Shape& shape) {
  benchmark::RegisterBenchmark(shape.name(kernel).c_str(), [=](benchmark::State& state) {
    pack(state, shape);
  })->Unit(benchmark::kMicrosecond);
}

bool register_all() {
  for (const std::string& set : hogvec::available_instruction_sets()) {
    for (const std::int64_t dim : {100, 128, 300}) {
      const Shape shape{set, kBlockRows, dim};
      add_product(kScores, shape);
      add_product(kScores, {set, kWholeBlock, dim});
      add_product(kHiddenGradient, shape);
      add_product(kRowGradient, shape);
      add_packing("pack_panel", &pack_panel, shape);
      add_packing("pack_hidden", &pack_hidden, shape);
    }
  }
  return true;
}

const bool kRegistered = register_all();

}   // namespace
