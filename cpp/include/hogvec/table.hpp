// A matrix of float32 rows in memory of its own: rows 64-byte aligned and zero-padded, huge pages where the system has
// them.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/types.hpp"

namespace hogvec {

class Pulse;

inline constexpr std::int64_t kRowAlignment = 16;   // floats

constexpr std::int64_t padded_stride(std::int64_t dim) {
  return (dim + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
}

// A table as kernels see it. data is 64-byte aligned, stride a multiple of kRowAlignment, padding zero.
struct TableView {
  float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  std::int64_t stride = 0;

  float* row(RowId id) const { return data + static_cast<std::int64_t>(index(id)) * stride; }
};

// A matrix of the caller's, only read: any number of floats between rows, forwards, backwards or none.
struct FloatRows {
  const float* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t dim = 0;
  std::int64_t stride = 0;

  const float* row(std::int64_t i) const { return data + i * stride; }
};

class Table {
 public:
  Table(std::int64_t rows, std::int64_t dim);   // zeros; throws std::bad_alloc
  ~Table();
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  TableView view() const { return view_; }

 private:
  TableView view_;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;
};

// Uniform on (-range, range); each element a function of (seed, row, column) alone.
void initialize_uniform(TableView table, std::uint64_t seed, float range, Pulse* pulse = nullptr);

// The means of bags of rows: out is (n_bags, dim), bag b is rows[offsets[b], offsets[b + 1]). An empty bag gives zeros.
void mean_of_rows(const FloatRows& table, std::span<const std::int64_t> offsets, std::span<const RowId> rows,
                  std::span<float> out);

}   // namespace hogvec
