// Tables: rows on cache lines, padding of zeros, initial values that depend on seed, row and column alone.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/table.hpp"

using namespace hogvec;

namespace {

std::vector<float> row_of_new_table(std::int64_t rows, std::int64_t dim, std::uint64_t seed, std::uint32_t row) {
  const Table table(rows, dim);
  initialize_uniform(table.view(), seed, 0.5F / static_cast<float>(dim));
  const float* data = table.view().row(RowId{row});
  return {data, data + dim};
}

}   // namespace

TEST_CASE("rows are padded to whole cache lines of zeros") {
  for (const std::int64_t dim : {1, 15, 16, 17, 100, 300}) {
    CAPTURE(dim);
    const Table table(7, dim);
    const TableView view = table.view();
    CHECK(view.rows == 7);
    CHECK(view.dim == dim);
    CHECK(view.stride % kRowAlignment == 0);
    CHECK(view.stride >= dim);
    CHECK(view.stride < dim + kRowAlignment);
    initialize_uniform(view, 1, 1);
    for (std::uint32_t r = 0; r < 7; ++r) {
      const float* row = view.row(RowId{r});
      CHECK(reinterpret_cast<std::uintptr_t>(row) % 64 == 0);
      for (std::int64_t d = dim; d < view.stride; ++d) CHECK(row[d] == 0);
    }
  }
}

TEST_CASE("a new table is zero") {
  const Table table(1000, 33);
  const TableView view = table.view();
  for (std::int64_t i = 0; i < view.rows * view.stride; ++i) REQUIRE(view.data[i] == 0);
}

TEST_CASE("initial values are uniform in their range") {
  constexpr std::int64_t kRows = 2000;
  constexpr std::int64_t kDim = 50;
  constexpr float kRange = 0.25F;
  const Table table(kRows, kDim);
  initialize_uniform(table.view(), 3, kRange);
  constexpr int kBins = 20;
  std::vector<double> seen(kBins);
  for (std::int64_t r = 0; r < kRows; ++r) {
    for (std::int64_t d = 0; d < kDim; ++d) {
      const double unit = double{table.view().data[r * table.view().stride + d]} / (2 * kRange) + 0.5;
      REQUIRE(unit >= 0);
      REQUIRE(unit < 1);
      seen[static_cast<std::size_t>(unit * kBins)] += 1;
    }
  }
  double statistic = 0;
  const double expected = static_cast<double>(kRows * kDim) / kBins;
  for (const double n : seen) statistic += (n - expected) * (n - expected) / expected;
  CHECK(statistic < 50.8);   // chi-square with 19 degrees of freedom at 1e-4
}

TEST_CASE("initial values are a function of seed, row and column alone") {
  CHECK(row_of_new_table(10, 20, 1, 4) == row_of_new_table(10, 20, 1, 4));
  CHECK(row_of_new_table(10, 20, 1, 4) == row_of_new_table(5000, 20, 1, 4));
  CHECK(row_of_new_table(10, 20, 1, 4) != row_of_new_table(10, 20, 2, 4));
  CHECK(row_of_new_table(10, 20, 1, 4) != row_of_new_table(10, 20, 1, 5));
}

TEST_CASE("tables that cannot be are refused") {
  CHECK_THROWS_WITH_AS(Table(0, 5), "rows must be at least 1, got 0", ValueError);
  CHECK_THROWS_WITH_AS(Table(5, 0), "dim must be at least 1, got 0", ValueError);
  CHECK_THROWS_AS(Table(std::numeric_limits<std::int64_t>::max() / 2, 100), std::bad_alloc);
  CHECK_THROWS_AS(Table(std::int64_t{1} << 40, 1 << 20), std::bad_alloc);   // fits 64 bits, not the address space
}
