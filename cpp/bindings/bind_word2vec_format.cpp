// word2vec_format.hpp for Python: bytes in, arrays out, the GIL released while parsing and formatting.
#include <utility>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "hogvec/word2vec_format.hpp"

namespace hogvec::bindings {
namespace {

RowFormat row_format(bool binary) { return binary ? RowFormat::kBinary : RowFormat::kText; }

py::tuple parse(const py::buffer& buffer, bool binary, Array<float>& out, bool last, std::size_t first_row) {
  const auto info = buffer.request();
  if (info.itemsize != 1 || info.ndim != 1 || (info.size > 1 && info.strides[0] != 1)) {
    throw py::value_error("buffer must be contiguous bytes");
  }
  if (out.ndim() != 2) throw py::value_error("out must have two axes, got " + std::to_string(out.ndim()));
  const auto dim = static_cast<std::size_t>(out.shape(1));
  const std::span<float> values(out.mutable_data(), static_cast<std::size_t>(out.size()));
  const std::string_view bytes(static_cast<const char*>(info.ptr), static_cast<std::size_t>(info.size));
  auto parsed = [&] {
    const Unlocked unlocked;
    return parse_rows(bytes, row_format(binary), dim, values, last, first_row);
  }();
  return py::make_tuple(parsed.rows, parsed.bytes, py::bytes(parsed.letters), to_array(std::move(parsed.lengths)),
                        to_array(std::move(parsed.broken)), parsed.longer);
}

// Offsets come from Python and are checked before they are followed.
void check_offsets(std::span<const std::int64_t> offsets, std::size_t letters, std::size_t rows) {
  if (offsets.size() != rows + 1) throw py::value_error("offsets must have one entry more than vectors has rows");
  if (offsets.front() < 0 || static_cast<std::uint64_t>(offsets.back()) > letters) {
    throw py::value_error("offsets must stay inside letters");
  }
  for (std::size_t i = 0; i < rows; ++i) {
    if (offsets[i] > offsets[i + 1]) throw py::value_error("offsets must ascend");
  }
}

py::bytes format(const Array<std::uint8_t>& letters, const Array<std::int64_t>& offsets,
                 const py::array_t<float, 0>& vectors, bool binary) {
  if (vectors.ndim() != 2) throw py::value_error("vectors must have two axes, got " + std::to_string(vectors.ndim()));
  const auto rows = static_cast<std::size_t>(vectors.shape(0));
  const auto dim = static_cast<std::size_t>(vectors.shape(1));
  if (dim > 1 && vectors.strides(1) != static_cast<py::ssize_t>(sizeof(float))) {
    throw py::value_error("vectors must have a contiguous last axis");
  }
  if (reinterpret_cast<std::uintptr_t>(vectors.data()) % alignof(float) != 0 ||
      (rows > 1 && vectors.strides(0) % static_cast<py::ssize_t>(alignof(float)) != 0)) {
    throw py::value_error("vectors must have aligned rows");
  }
  const auto ends = as_span(offsets, "offsets");
  check_offsets(ends, as_span(letters, "letters").size(), rows);
  const NamedRows table{as_span(letters, "letters"), ends, vectors.data(), vectors.strides(0), dim};
  const auto text = [&] {
    const Unlocked unlocked;
    return format_rows(table, row_format(binary));
  }();
  return py::bytes(text);
}

}   // namespace

void bind_word2vec_format(py::module_& module) {
  module.def("parse_word2vec_rows", &parse, py::arg("buffer"), py::kw_only(), py::arg("binary"),
             py::arg("out").noconvert(), py::arg("last"), py::arg("first_row"));
  module.def("format_word2vec_rows", &format, py::arg("letters").noconvert(), py::arg("offsets").noconvert(),
             py::arg("vectors").noconvert(), py::kw_only(), py::arg("binary"));
}

}   // namespace hogvec::bindings
