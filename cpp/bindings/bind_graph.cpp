// Graphs and walks over them for Python: arrays in, arrays out. The work is done without the GIL.
#include <pybind11/stl.h>

#include <optional>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/error.hpp"
#include "hogvec/walks.hpp"

namespace hogvec::bindings {

namespace {

std::unique_ptr<Graph> make_graph(const Array<std::int64_t>& indptr, const Array<std::int32_t>& indices,
                                  const std::optional<Array<double>>& weights) {
  const auto offsets = as_span(indptr, "indptr");
  const auto targets = as_ids(indices, "indices");
  const std::span<const double> given = weights ? as_span(*weights, "weights") : std::span<const double>();
  if (weights && given.empty() && !targets.empty())
    throw ValueError("weights must have one entry for each edge, got none");
  const Unlocked unlocked;
  return std::make_unique<Graph>(offsets, targets, given);
}

std::unique_ptr<Walker> make_walker(const Graph& graph, std::int64_t num_walks, std::int64_t length, double p, double q,
                                    std::uint64_t seed) {
  if (num_walks < 1) throw ValueError("num_walks must be at least 1, got " + std::to_string(num_walks));
  if (length < 2 || length > kMostWalkLength)
    throw ValueError("length must be at least 2 and at most " + std::to_string(kMostWalkLength) + ", got " +
                     std::to_string(length));
  if (!(p > 0) || !(q > 0)) throw ValueError("p and q must be above 0");
  return std::make_unique<Walker>(graph, WalkSettings{num_walks, length, p, q, seed});
}

void check_walks(const Walker& walker, std::int64_t first, std::int64_t count, int threads) {
  if (first < 0 || count < 0 || count > walker.size() || first > walker.size() - count)
    throw IndexError("first and count must lie within " + std::to_string(walker.size()) + " walks, got " +
                     std::to_string(first) + " and " + std::to_string(count));
  if (threads < 1) throw ValueError("threads must be at least 1, got " + std::to_string(threads));
}

py::tuple tokens(const Walker& walker, std::int64_t epoch, std::int64_t first, std::int64_t count, int threads) {
  check_walks(walker, first, count, threads);
  WalkTokens walks = [&] {
    const Unlocked unlocked;
    return write_walks(walker, epoch, first, count, threads, [] { return keep_going(); });
  }();
  return py::make_tuple(to_array<WordId, std::int32_t>(std::move(walks.ids)), to_array(std::move(walks.offsets)));
}

py::array_t<std::int64_t> counts(const Walker& walker, std::int64_t epoch, int threads) {
  check_walks(walker, 0, 0, threads);
  std::vector<std::int64_t> found = [&] {
    const Unlocked unlocked;
    return count_nodes(walker, epoch, threads, [] { return keep_going(); });
  }();
  return to_array(std::move(found));
}

}   // namespace

void bind_graph(py::module_& module) {
  py::class_<Graph>(module, "Graph")
      .def(py::init(&make_graph), py::arg("indptr").noconvert(), py::arg("indices").noconvert(),
           py::arg("weights").noconvert() = py::none())
      .def_property_readonly("num_nodes", &Graph::num_nodes)
      .def_property_readonly("num_edges", &Graph::num_edges)
      .def_property_readonly("is_weighted", &Graph::is_weighted)
      .def_property_readonly(
          "indptr",
          [](const py::object& self) { return view<std::int64_t>(self.cast<const Graph&>().offsets(), self); })
      .def_property_readonly("indices", [](const py::object& self) {
        return view<std::int32_t>(self.cast<const Graph&>().targets(), self);
      });
  py::class_<Walker>(module, "Walker")
      .def(py::init(&make_walker), py::arg("graph"), py::kw_only(), py::arg("num_walks"), py::arg("length"),
           py::arg("p"), py::arg("q"), py::arg("seed"), py::keep_alive<1, 2>())
      .def("__len__", &Walker::size)
      .def("tokens", &tokens, py::arg("epoch"), py::arg("first"), py::arg("count"), py::kw_only(), py::arg("threads"))
      .def("count_nodes", &counts, py::arg("epoch"), py::kw_only(), py::arg("threads"));
}

}   // namespace hogvec::bindings
