// Subwords for Python: the hash, n-grams of single words, and the rows of a vocabulary's words as views.
#include <pybind11/stl.h>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "hogvec/batch.hpp"
#include "hogvec/error.hpp"
#include "hogvec/subword.hpp"
#include "words.hpp"

namespace hogvec::bindings {

namespace {

SubwordSettings make_settings(std::int32_t min_n, std::int32_t max_n, std::int64_t buckets) {
  const SubwordSettings settings{min_n, max_n, buckets};
  check(settings);
  return settings;
}

// n-grams of each word as ids, first + bucket: offsets and ids.
py::tuple subword_ids(const py::iterable& words, std::int32_t min_n, std::int32_t max_n, std::int64_t buckets,
                      std::int64_t first) {
  const ActiveCall active;   // the iterable may be code of the caller's
  const SubwordSettings settings = make_settings(min_n, max_n, buckets);
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> ids;
  std::vector<Ngram> ngrams;
  for (const py::handle word : words) {
    check_word(word, "words");
    ngrams.clear();
    append_ngrams(WordBytes(word.ptr()), settings, ngrams);
    for (const Ngram& ngram : ngrams) ids.push_back(first + std::int64_t{ngram.bucket});
    offsets.push_back(static_cast<std::int64_t>(ids.size()));
  }
  return py::make_tuple(to_array(std::move(offsets)), to_array(std::move(ids)));
}

py::list subword_ngrams(const py::str& word, std::int32_t min_n, std::int32_t max_n) {
  const WordBytes bytes(word.ptr());
  std::vector<Ngram> ngrams;
  append_ngrams(bytes, make_settings(min_n, max_n, 1), ngrams);
  const std::string letters = "<" + std::string(std::string_view(bytes)) + ">";
  py::list texts;
  for (const Ngram& ngram : ngrams)
    texts.append(to_str(std::string_view(letters).substr(ngram.begin, ngram.end - ngram.begin)));
  return texts;
}

// The mean of the rows of each bag, as a new array (n_bags, dim).
py::array_t<float> mean_rows(const py::object& table, const Array<std::int64_t>& offsets,
                             const Array<std::uint32_t>& rows) {
  const FloatRows values = as_rows(table, "table");
  const auto bags = as_span(offsets, "offsets");
  const auto ids = as_span(rows, "rows");
  check_offsets(bags, ids.size(), "offsets");
  for (const std::uint32_t id : ids) {
    if (std::int64_t{id} >= values.rows)
      throw IndexError("rows must be below " + std::to_string(values.rows) + ", got " + std::to_string(id));
  }
  py::array_t<float> means({static_cast<py::ssize_t>(bags.size()) - 1, static_cast<py::ssize_t>(values.dim)});
  const std::span<float> out(means.mutable_data(), static_cast<std::size_t>(means.size()));
  const Unlocked unlocked;
  mean_of_rows(values, bags, {reinterpret_cast<const RowId*>(ids.data()), ids.size()}, out);
  return means;
}

}   // namespace

void bind_subword(py::module_& module) {
  module.def(
      "subword_hash",
      [](const py::str& text) { return subword_hash(static_cast<std::string_view>(WordBytes(text.ptr()))); },
      py::arg("text"));
  module.def("subword_ids", &subword_ids, py::arg("words"), py::kw_only(), py::arg("min_n"), py::arg("max_n"),
             py::arg("buckets"), py::arg("first"));
  module.def("subword_ngrams", &subword_ngrams, py::arg("word"), py::kw_only(), py::arg("min_n"), py::arg("max_n"));
  module.def("mean_rows", &mean_rows, py::arg("table").noconvert(), py::arg("offsets").noconvert(),
             py::arg("rows").noconvert());
  py::class_<Subwords>(module, "Subwords")
      .def(py::init([](const Vocabulary& vocabulary, std::int32_t min_n, std::int32_t max_n, std::int64_t buckets,
                       bool every_bucket) {
             const SubwordSettings settings = make_settings(min_n, max_n, buckets);
             const Unlocked unlocked;
             return std::make_unique<Subwords>(vocabulary, settings, every_bucket);
           }),
           py::arg("vocabulary"), py::kw_only(), py::arg("min_n"), py::arg("max_n"), py::arg("buckets"),
           py::arg("every_bucket") = false)
      .def_property_readonly("num_rows", &Subwords::num_rows)
      .def_property_readonly(
          "offsets", [](py::object self) { return view<std::int64_t>(self.cast<const Subwords&>().offsets(), self); })
      .def_property_readonly(
          "rows", [](py::object self) { return view<std::uint32_t>(self.cast<const Subwords&>().rows(), self); })
      .def_property_readonly(
          "buckets", [](py::object self) { return view<std::uint32_t>(self.cast<const Subwords&>().buckets(), self); });
}

}   // namespace hogvec::bindings
