// Trees for Python: arrays as views of the tree's own memory, and exact probabilities over NumPy buffers.
#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/tree_scores.hpp"
#include "hogvec/workers.hpp"

namespace hogvec::bindings {
namespace {

Tree huffman(const Array<std::int64_t>& counts) {
  const auto span = as_span(counts, "counts");
  const Unlocked unlocked;
  Pulse pulse(keep_going);
  return build_huffman_tree(span, &pulse);
}

Tree balanced(std::int64_t num_leaves) {
  const Unlocked unlocked;
  Pulse pulse(keep_going);
  return build_balanced_tree(num_leaves, &pulse);
}

Tree from_paths(const Array<std::int64_t>& offsets, const Array<std::int32_t>& points,
                const Array<std::uint8_t>& codes) {
  const auto ends = as_span(offsets, "offsets");
  const auto nodes = as_span(points, "points");
  const auto turns = as_span(codes, "codes");
  const Unlocked unlocked;
  Pulse pulse(keep_going);
  return tree_of_paths(ends, nodes, turns, &pulse);
}

TreeModel model_of(const Tree& tree, const py::object& weights, const py::object& bias) {
  TreeModel model{&tree, as_rows(weights, "weights"), {}};
  if (bias.is_none()) return model;
  model.bias = as_floats(bias, "bias");
  if (model.bias.empty()) throw ValueError("bias must have an entry for each inner node, got none");
  return model;
}

py::array_t<double> log_likelihood(const Tree& tree, const py::object& hidden, const Array<std::int64_t>& targets,
                                   const py::object& weights, const py::object& bias, int threads) {
  const TreeModel model = model_of(tree, weights, bias);
  const FloatRows rows = as_rows(hidden, "hidden");
  const auto words = as_span(targets, "targets");
  py::array_t<double> result(targets.size());
  const std::span<double> values(result.mutable_data(), words.size());
  {
    const Unlocked unlocked;
    tree_log_likelihood(model, rows, words, values, threads, keep_going);
  }
  return result;
}

// (ids, log_probabilities), both (B, k).
py::tuple top_k(const Tree& tree, const py::object& hidden, const py::object& weights, const py::object& bias,
                std::int64_t k, int threads) {
  const TreeModel model = model_of(tree, weights, bias);
  const FloatRows rows = as_rows(hidden, "hidden");
  if (k < 0 || k > tree.num_leaves()) {
    throw ValueError("k must be at most the number of leaves, " + std::to_string(tree.num_leaves()) + ", got " +
                     std::to_string(k));
  }
  py::array_t<std::int32_t> ids({static_cast<py::ssize_t>(rows.rows), static_cast<py::ssize_t>(k)});
  py::array_t<double> log_probabilities({static_cast<py::ssize_t>(rows.rows), static_cast<py::ssize_t>(k)});
  const std::span<std::int32_t> words(ids.mutable_data(), static_cast<std::size_t>(ids.size()));
  const std::span<double> values(log_probabilities.mutable_data(), words.size());
  {
    const Unlocked unlocked;
    tree_top_k(model, rows, k, words, values, threads, keep_going);
  }
  return py::make_tuple(std::move(ids), std::move(log_probabilities));
}

}   // namespace

void bind_tree(py::module_& module) {
  py::class_<Tree>(module, "Tree")
      .def(py::init(&from_paths), py::arg("offsets").noconvert(), py::arg("points").noconvert(),
           py::arg("codes").noconvert())
      .def_static("huffman", &huffman, py::arg("counts").noconvert())
      .def_static("balanced", &balanced, py::arg("num_leaves"))
      .def_property_readonly("num_leaves", &Tree::num_leaves)
      .def_property_readonly("num_inner", &Tree::num_inner)
      .def_property_readonly(
          "offsets",
          [](py::object self) { return view<std::int64_t>(std::span(self.cast<const Tree&>().offsets), self); })
      // Row ids are below 2^31 here and go out signed, as NumPy's users expect of ids.
      .def_property_readonly(
          "points",
          [](py::object self) { return view<std::int32_t>(std::span(self.cast<const Tree&>().points), self); })
      .def_property_readonly(
          "codes", [](py::object self) { return view<std::uint8_t>(std::span(self.cast<const Tree&>().codes), self); })
      .def("log_likelihood", &log_likelihood, py::arg("hidden"), py::arg("targets").noconvert(), py::arg("weights"),
           py::arg("bias"), py::arg("threads"))
      .def("top_k", &top_k, py::arg("hidden"), py::arg("weights"), py::arg("bias"), py::arg("k"), py::arg("threads"));
}

}   // namespace hogvec::bindings
