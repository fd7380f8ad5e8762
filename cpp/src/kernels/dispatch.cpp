// Chooses the kernels once and sizes the memory they work in.
#include <algorithm>
#include <bit>
#include <cstdlib>
#include <new>

#include "hogvec/error.hpp"
#include "hogvec/kernels.hpp"

namespace hogvec {

namespace baseline {
extern const Kernels kKernels;
}
namespace avx2 {
extern const Kernels kKernels;
}
namespace avx512 {
extern const Kernels kKernels;
}
namespace neon {
extern const Kernels kKernels;
}

namespace {

struct Level {
  const Kernels* kernels;
  bool supported;
};

// Slowest first. __builtin_cpu_supports also asks the operating system for the registers' state.
std::vector<Level> levels() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return {{&baseline::kKernels, true}, {&avx2::kKernels, has_avx2}, {&avx512::kKernels, has_avx512}};
#elif defined(__aarch64__)
  return {{&baseline::kKernels, true}, {&neon::kKernels, true}};
#else
  return {{&baseline::kKernels, true}};
#endif
}

const Kernels& choose_kernels() {
  const char* name = std::getenv("HOGVEC_ISA");
  if (name == nullptr || *name == '\0') return *find_kernels(available_instruction_sets().back());
  if (const Kernels* kernels = find_kernels(name)) return *kernels;
  std::string message = "HOGVEC_ISA must be an instruction set available here (";
  for (const std::string& available : available_instruction_sets()) message += available + ", ";
  message.resize(message.size() - 2);
  throw ValueError(message + "), got " + name);
}

template <class T>
const T* pointer(std::span<const T> values) {
  return values.empty() ? nullptr : values.data();
}

}   // namespace

const Kernels* find_kernels(const std::string& instruction_set) {
  for (const Level& level : levels()) {
    if (level.supported && instruction_set == level.kernels->instruction_set) return level.kernels;
  }
  return nullptr;
}

std::vector<std::string> available_instruction_sets() {
  std::vector<std::string> names;
  for (const Level& level : levels()) {
    if (level.supported) names.emplace_back(level.kernels->instruction_set);
  }
  return names;
}

const Kernels& active_kernels() {
  static const Kernels& kernels = choose_kernels();
  return kernels;
}

BatchArrays::BatchArrays(const Batch& batch)
    : bag_offsets(pointer(batch.bag_offsets)),
      bag_rows(batch.bag_rows.data()),
      num_bag_rows(static_cast<std::int64_t>(batch.bag_rows.size())),
      bag_weights(pointer(batch.bag_weights)),
      forward_scale(pointer(batch.forward_scale)),
      backward_scale(pointer(batch.backward_scale)),
      weight(pointer(batch.weight)),
      num_hidden(static_cast<std::int64_t>(batch.num_hidden())),
      num_groups(static_cast<std::int64_t>(batch.num_groups())),
      group_offsets(batch.group_offsets.data()),
      group_hidden(pointer(batch.group_hidden)),
      shared_offsets(batch.shared_offsets.data()),
      shared_rows(batch.shared_rows.data()),
      num_shared_rows(static_cast<std::int64_t>(batch.shared_rows.size())),
      shared_labels(batch.shared_labels.data()),
      shared_weights(pointer(batch.shared_weights)),
      shared_log_q(pointer(batch.shared_log_q)),
      own_offsets(pointer(batch.own_offsets)),
      own_rows(batch.own_rows.data()),
      own_labels(batch.own_labels.data()),
      own_log_q(pointer(batch.own_log_q)),
      hit_offsets(pointer(batch.hit_offsets)),
      hit_candidates(batch.hit_candidates.data()),
      rows_distinct(batch.rows_distinct),
      rows_repeat(batch.rows_repeat) {}

void Scratch::Free::operator()(void* p) const { ::operator delete(p, std::align_val_t{64}); }

void Scratch::reserve(const Batch& batch, std::int64_t stride, OptimizerKind optimizer) {
  std::int64_t hidden_most = 1;
  std::int64_t candidates_most = 1;
  std::int64_t scores_most = 1;
  std::int64_t own_most = 1;
  std::int64_t sums_most = 1;
  const bool stateful = optimizer != OptimizerKind::kSgd;
  const auto padded = [](std::int64_t n) {
    return (n + 8 + 15) / 16 * 16;
  };   // tiles write up to 7 past the last column
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    const std::int64_t hidden_count = batch.group_offsets[g + 1] - batch.group_offsets[g];
    const std::int64_t candidates = batch.shared_offsets[g + 1] - batch.shared_offsets[g];
    hidden_most = std::max(hidden_most, hidden_count);
    candidates_most = std::max(candidates_most, candidates);
    scores_most = std::max(scores_most, hidden_count * padded(candidates));
    if (batch.own_offsets.empty() && !stateful) continue;
    std::int64_t own = 0;
    std::int64_t entries = 0;
    for (std::int64_t i = batch.group_offsets[g]; i < batch.group_offsets[g + 1]; ++i) {
      const std::size_t h =
          batch.group_hidden.empty() ? static_cast<std::size_t>(i) : batch.group_hidden[static_cast<std::size_t>(i)];
      if (!batch.own_offsets.empty()) own += batch.own_offsets[h + 1] - batch.own_offsets[h];
      entries += batch.bag_offsets.empty() ? 1 : batch.bag_offsets[h + 1] - batch.bag_offsets[h];
    }
    own_most = std::max(own_most, own);
    sums_most = std::max({sums_most, entries, candidates + own});
  }
  constexpr std::int64_t kReadAhead = 8;   // addresses that may be read past the end of a list
  const auto input_most = static_cast<std::int64_t>(batch.bag_rows.size()) + kReadAhead;
  const auto output_most = static_cast<std::int64_t>(batch.shared_rows.size()) + kReadAhead;

  // Laid out twice: to know the size, and to hand out the parts. Each starts on a cache line.
  std::size_t used = 0;
  const auto part = [&]<class T>(T*& pointer, std::int64_t n) {
    if (memory_) pointer = reinterpret_cast<T*>(static_cast<std::byte*>(memory_.get()) + used);
    used += (static_cast<std::size_t>(n) * sizeof(T) + 63) / 64 * 64;
  };
  float *hidden = nullptr, *gradient = nullptr, *zeros = nullptr, *candidate_gradient = nullptr;
  cells = static_cast<long>(std::bit_ceil(2 * static_cast<std::uint64_t>(sums_most) + 1));
  const auto lay_out = [&] {
    used = 0;
    part(scores, scores_most + 16);
    part(losses, padded(candidates_most));
    part(own_coefficients, own_most);
    part(hidden, hidden_most * stride);
    part(gradient, hidden_most * stride);
    part(zeros, stride);
    for (float*** rows : {&hidden_rows, &gradient_rows, &zero_rows, &named_rows}) part(*rows, hidden_most);
    for (float*** rows : {&input_rows, &wanted_inputs}) part(*rows, input_most);
    for (float*** rows : {&output_rows, &wanted_outputs}) part(*rows, output_most);
    part(inputs_before, input_most);
    part(outputs_before, output_most);
    part(weighted_before, static_cast<std::int64_t>(batch.num_hidden()) + 1);
    if (!stateful) return;
    part(candidate_gradient_rows, candidates_most);
    part(candidate_gradient, candidates_most * stride);
    part(sum_ids, sums_most);
    part(sum_rows, sums_most * stride);
    part(sum_cells, cells);
  };
  lay_out();
  if (used > bytes_) {
    memory_.reset();
    bytes_ = 0;
    memory_.reset(::operator new(used, std::align_val_t{64}));
    bytes_ = used;
    lay_out();
  }
  std::fill_n(zeros, stride, 0.0F);
  for (std::int64_t b = 0; b < hidden_most; ++b) {
    hidden_rows[b] = hidden + b * stride;
    gradient_rows[b] = gradient + b * stride;
    zero_rows[b] = zeros;
  }
  if (!stateful) return;
  for (std::int64_t t = 0; t < candidates_most; ++t) candidate_gradient_rows[t] = candidate_gradient + t * stride;
  std::fill_n(sum_cells, cells, -1);
}

}   // namespace hogvec
