// Texts for Python: many str packed into one arena, or the lines of a file's bytes; their words counted, their rows and
// the means of these. The work is done without the GIL.
#include <pybind11/stl.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "hogvec/documents.hpp"
#include "hogvec/error.hpp"
#include "words.hpp"

namespace hogvec::bindings {

namespace {

// Texts together with the memory that they lie in.
class OwnedTexts {
 public:
  // The UTF-8 of every str, end to end.
  static std::unique_ptr<OwnedTexts> pack(const py::iterable& texts) {
    const ActiveCall active;   // the iterable may be code of the caller's
    std::unique_ptr<OwnedTexts> owned(new OwnedTexts);
    owned->offsets_.push_back(0);
    for (const py::handle text : texts) {
      if (!PyUnicode_Check(text.ptr()))
        throw py::type_error("texts must be str, got " + std::string(Py_TYPE(text.ptr())->tp_name) + " as number " +
                             std::to_string(owned->offsets_.size() - 1));
      const WordBytes bytes(text.ptr());
      const std::string_view view = bytes;
      owned->letters_.insert(owned->letters_.end(), view.begin(), view.end());
      owned->offsets_.push_back(static_cast<std::int64_t>(owned->letters_.size()));
    }
    owned->view_ = {owned->letters_.data(), owned->letters_.size()};
    return owned;
  }

  // The lines of a buffer, which is kept and must not change.
  static std::unique_ptr<OwnedTexts> lines(const Array<std::uint8_t>& buffer) {
    std::unique_ptr<OwnedTexts> owned = over(buffer);
    const Unlocked unlocked;
    owned->offsets_ = line_offsets(owned->view_);
    return owned;
  }

  // Text i is buffer[offsets[i], offsets[i + 1]); the buffer is kept and must not change.
  static std::unique_ptr<OwnedTexts> slices(const Array<std::uint8_t>& buffer, const Array<std::int64_t>& offsets) {
    std::unique_ptr<OwnedTexts> owned = over(buffer);
    const auto values = as_span(offsets, "offsets");
    owned->offsets_.assign(values.begin(), values.end());
    if (values.empty()) throw ValueError("offsets must have one entry more than there are texts, got none");
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] < (i > 0 ? values[i - 1] : 0) || values[i] > static_cast<std::int64_t>(owned->view_.size()))
        throw ValueError("offsets must ascend within the buffer, got " + std::to_string(values[i]) + " as number " +
                         std::to_string(i));
    }
    return owned;
  }

  Texts view() const { return {view_, offsets_}; }

 private:
  OwnedTexts() = default;

  static std::unique_ptr<OwnedTexts> over(const Array<std::uint8_t>& buffer) {
    std::unique_ptr<OwnedTexts> owned(new OwnedTexts);
    const auto bytes = as_span(buffer, "buffer");
    owned->buffer_ = buffer;
    owned->view_ = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    return owned;
  }

  std::vector<char> letters_;
  py::object buffer_;
  std::string_view view_;
  std::vector<std::int64_t> offsets_;
};

py::tuple count_words(const OwnedTexts& texts, const std::string& label_prefix, std::int64_t min_count,
                      std::int64_t min_count_label, const Vocabulary* keep, int threads) {
  CountedTexts counted = [&] {
    const Unlocked unlocked;
    return count_texts(texts.view(), {label_prefix, min_count, min_count_label, threads}, keep, keep_going);
  }();
  return py::make_tuple(std::move(counted.words), std::move(counted.labels), counted.num_tokens);
}

std::unique_ptr<TextFeatures> make_features(const Vocabulary& words, const Vocabulary& labels, std::int32_t word_ngrams,
                                            std::int32_t min_n, std::int32_t max_n, std::int64_t buckets,
                                            const std::string& label_prefix,
                                            const std::optional<Array<std::uint32_t>>& kept, bool missing_count) {
  const FeatureSettings settings = {word_ngrams, min_n, max_n, buckets, label_prefix};
  if (!kept) {
    const Unlocked unlocked;
    return std::make_unique<TextFeatures>(words, labels, settings);
  }
  const auto members = as_span(*kept, "kept");
  const Unlocked unlocked;
  return std::make_unique<TextFeatures>(words, labels, settings, members, missing_count);
}

// The mean of the rows of each text, as a new array (n_texts, dim).
py::array_t<float> means(const TextFeatures& features, const OwnedTexts& texts, const py::object& table, int threads) {
  const FloatRows rows = as_rows(table, "table");
  const Texts view = texts.view();
  py::array_t<float> result({static_cast<py::ssize_t>(view.size()), static_cast<py::ssize_t>(rows.dim)});
  const std::span<float> out(result.mutable_data(), static_cast<std::size_t>(result.size()));
  const Unlocked unlocked;
  features.means(view, rows, out, threads, keep_going);
  return result;
}

// The labels of documents become these, which the texts did not hold.
void set_labels(Documents& documents, const Array<std::int64_t>& offsets, const Array<std::int32_t>& labels) {
  const auto ends = as_span(offsets, "offsets");
  const auto ids = as_ids(labels, "labels");
  documents.label_offsets.assign(ends.begin(), ends.end());
  documents.labels.assign(ids.begin(), ids.end());
}

}   // namespace

void bind_documents(py::module_& module) {
  py::class_<OwnedTexts>(module, "Texts")
      .def_static("pack", &OwnedTexts::pack, py::arg("texts"))
      .def_static("lines", &OwnedTexts::lines, py::arg("buffer").noconvert())
      .def_static("slices", &OwnedTexts::slices, py::arg("buffer").noconvert(), py::arg("offsets").noconvert())
      .def("__len__", [](const OwnedTexts& self) { return self.view().size(); })
      .def("count", &count_words, py::kw_only(), py::arg("label_prefix"), py::arg("min_count"),
           py::arg("min_count_label"), py::arg("keep").none(true) = py::none(), py::arg("threads"));
  py::class_<Documents>(module, "Documents")
      .def("__len__", &Documents::size)
      .def_property_readonly(
          "offsets",
          [](py::object self) { return view<std::int64_t>(std::span(self.cast<const Documents&>().offsets), self); })
      .def_property_readonly(
          "entries",
          [](py::object self) { return view<std::uint32_t>(std::span(self.cast<const Documents&>().entries), self); })
      .def_property_readonly("label_offsets",   // copies: set_labels replaces them
                             [](const Documents& self) { return to_array(std::vector(self.label_offsets)); })
      .def_property_readonly(
          "labels", [](const Documents& self) { return to_array<WordId, std::int32_t>(std::vector(self.labels)); })
      .def("set_labels", &set_labels, py::arg("offsets").noconvert(), py::arg("labels").noconvert());
  py::class_<TextFeatures>(module, "TextFeatures")
      .def(py::init(&make_features), py::arg("words"), py::arg("labels"), py::kw_only(), py::arg("word_ngrams"),
           py::arg("min_n"), py::arg("max_n"), py::arg("buckets"), py::arg("label_prefix"),
           py::arg("kept").noconvert() = py::none(), py::arg("missing_count") = false, py::keep_alive<1, 2>(),
           py::keep_alive<1, 3>())
      .def_property_readonly("num_rows", &TextFeatures::num_rows)
      .def_property_readonly("num_labels", &TextFeatures::num_labels)
      .def(
          "encode",
          [](const TextFeatures& self, const OwnedTexts& texts, bool unknown_labels, int threads) {
            const Unlocked unlocked;
            return self.encode(texts.view(), unknown_labels, threads, keep_going);
          },
          py::arg("texts"), py::kw_only(), py::arg("unknown_labels") = false, py::arg("threads"))
      .def(
          "reached",
          [](const TextFeatures& self, const Documents& documents) { return to_array(self.reached(documents)); },
          py::arg("documents"))
      .def("renumber", &TextFeatures::renumber, py::arg("documents"), py::call_guard<Unlocked>())
      .def("means", &means, py::arg("texts"), py::arg("table").noconvert(), py::arg("threads"));
}

}   // namespace hogvec::bindings
