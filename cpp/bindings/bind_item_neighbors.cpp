// Neighbours of items for Python.
#include <algorithm>
#include <string>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/error.hpp"
#include "hogvec/item_neighbors.hpp"

namespace hogvec::bindings {
namespace {

using Offsets = Array<std::int64_t>;
using Columns = Array<std::int32_t>;

BinaryRows binary_rows(const Offsets& offsets, const Columns& columns, std::int64_t num_columns) {
  const BinaryRows rows{as_span(offsets, "offsets"), as_span(columns, "columns")};
  if (rows.offsets.empty() || rows.offsets.front() != 0 || !std::is_sorted(rows.offsets.begin(), rows.offsets.end()) ||
      rows.offsets.back() != std::ssize(rows.columns))
    throw ValueError("offsets must start at 0, never fall and end at the number of columns");
  for (const std::int32_t column : rows.columns) {
    if (column < 0 || column >= num_columns)
      throw IndexError("columns must be at least 0 and below " + std::to_string(num_columns) + ", got " +
                       std::to_string(column));
  }
  return rows;
}

// (ids, similarities), both (items, k).
py::tuple neighbors(const Offsets& user_offsets, const Columns& items, const Offsets& item_offsets,
                    const Columns& users, std::int64_t k, double shrink, int threads) {
  const BinaryRows items_of_users = binary_rows(user_offsets, items, item_offsets.size() - 1);
  const BinaryRows users_of_items = binary_rows(item_offsets, users, user_offsets.size() - 1);
  if (k < 1) throw ValueError("k must be at least 1, got " + std::to_string(k));
  py::array_t<std::int32_t> ids({static_cast<py::ssize_t>(users_of_items.rows()), static_cast<py::ssize_t>(k)});
  py::array_t<float> similarities({static_cast<py::ssize_t>(users_of_items.rows()), static_cast<py::ssize_t>(k)});
  const std::span<std::int32_t> out(ids.mutable_data(), static_cast<std::size_t>(ids.size()));
  const std::span<float> values(similarities.mutable_data(), out.size());
  {
    const Unlocked unlocked;
    item_neighbors(items_of_users, users_of_items, k, shrink, out, values, threads, keep_going);
  }
  return py::make_tuple(std::move(ids), std::move(similarities));
}

py::array_t<float> scores(const Offsets& offsets, const Columns& items, const Columns& ids, const Array<float>& values,
                          int threads) {
  if (ids.ndim() != 2 || values.ndim() != 2 || values.shape(0) != ids.shape(0) || values.shape(1) != ids.shape(1))
    throw ValueError("ids and similarities must have two axes and the same shape");
  const std::span<const std::int32_t> neighbor(ids.data(), static_cast<std::size_t>(ids.size()));
  for (const std::int32_t id : neighbor) {
    if (id >= ids.shape(0)) throw IndexError("ids must be below the number of items, got " + std::to_string(id));
  }
  const BinaryRows bags = binary_rows(offsets, items, ids.shape(0));
  py::array_t<float> sums({static_cast<py::ssize_t>(bags.rows()), ids.shape(0)});
  const std::span<float> out(sums.mutable_data(), static_cast<std::size_t>(sums.size()));
  const Unlocked unlocked;
  add_neighbors(bags, neighbor, {values.data(), neighbor.size()}, ids.shape(1), ids.shape(0), out, threads);
  return sums;
}

}   // namespace

void bind_item_neighbors(py::module_& module) {
  module.def("item_neighbors", &neighbors, py::arg("user_offsets").noconvert(), py::arg("items").noconvert(),
             py::arg("item_offsets").noconvert(), py::arg("users").noconvert(), py::arg("k"), py::arg("shrink"),
             py::arg("threads"));
  module.def("neighbor_scores", &scores, py::arg("offsets").noconvert(), py::arg("items").noconvert(),
             py::arg("ids").noconvert(), py::arg("similarities").noconvert(), py::arg("threads"));
}

}   // namespace hogvec::bindings
