// Huffman trees as flat arrays.
#include <utility>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/tree.hpp"

namespace hogvec::bindings {
namespace {

// (offsets, points, codes): row ids are below 2^31 here and go out signed, as NumPy's users expect of ids.
py::tuple huffman_arrays(const Array<std::int64_t>& counts) {
  const auto span = as_span(counts, "counts");
  HuffmanTree tree;
  {
    const Unlocked unlocked;
    tree = build_huffman_tree(span);
  }
  return py::make_tuple(to_array(std::move(tree.offsets)), to_array<RowId, std::int32_t>(std::move(tree.points)),
                        to_array(std::move(tree.codes)));
}

}   // namespace

void bind_tree(py::module_& module) {
  module.def("build_huffman_tree", &huffman_arrays, py::arg("counts").noconvert());
}

}   // namespace hogvec::bindings
