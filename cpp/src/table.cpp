// Tables in anonymous mappings of their own: zero pages until touched, huge pages where the system offers them.
#include "hogvec/table.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

Table::Table(std::int64_t rows, std::int64_t dim) {
  if (rows < 1) throw ValueError("rows must be at least 1, got " + std::to_string(rows));
  if (dim < 1) throw ValueError("dim must be at least 1, got " + std::to_string(dim));
  const std::int64_t stride = padded_stride(dim);
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(rows, stride * static_cast<std::int64_t>(sizeof(float)), &bytes)) throw std::bad_alloc();
  // Room to start on a huge page, so that the kernel can back the rows with few address translations.
  mapping_bytes_ = static_cast<std::size_t>(bytes) + kHugePage;
  mapping_ = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping_ == MAP_FAILED) throw std::bad_alloc();
  const auto address = (reinterpret_cast<std::uintptr_t>(mapping_) + kHugePage - 1) / kHugePage * kHugePage;
#ifdef MADV_HUGEPAGE
  madvise(reinterpret_cast<void*>(address), static_cast<std::size_t>(bytes), MADV_HUGEPAGE);   // a hint: may fail
#endif
  view_ = {reinterpret_cast<float*>(address), rows, dim, stride};
}

Table::~Table() { munmap(mapping_, mapping_bytes_); }

void initialize_uniform(TableView table, std::uint64_t seed, float range, Pulse* pulse) {
  const std::uint64_t key = make_key(seed, Purpose::kInitialize);
  const std::int64_t rows_between_beats = std::max<std::int64_t>(1, 65536 / table.stride);
  for (std::int64_t r = 0; r < table.rows; ++r) {
    if (pulse != nullptr && r % rows_between_beats == 0) pulse->beat();
    Stream stream(random_bits(key, static_cast<std::uint64_t>(r)));
    float* row = table.row(RowId{static_cast<std::uint32_t>(r)});
    for (std::int64_t d = 0; d < table.dim; ++d) row[d] = (2 * unit_float(stream.next()) - 1) * range;
  }
}

void mean_of_rows(const FloatRows& table, std::span<const std::int64_t> offsets, std::span<const RowId> rows,
                  std::span<float> out) {
  const auto dim = static_cast<std::size_t>(table.dim);
  std::vector<double> sum(dim);
  for (std::size_t b = 0; b + 1 < offsets.size(); ++b) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (auto e = static_cast<std::size_t>(offsets[b]); e < static_cast<std::size_t>(offsets[b + 1]); ++e) {
      const float* const row = table.row(static_cast<std::int64_t>(index(rows[e])));
      for (std::size_t d = 0; d < dim; ++d) sum[d] += double{row[d]};
    }
    const std::int64_t size = offsets[b + 1] - offsets[b];
    const double scale = size > 0 ? 1.0 / static_cast<double>(size) : 0.0;
    for (std::size_t d = 0; d < dim; ++d) out[b * dim + d] = static_cast<float>(sum[d] * scale);
  }
}

}   // namespace hogvec
