// Vocabulary for Python: strings in and out, arrays as views of the vocabulary's own memory.
#include <pybind11/stl.h>

#include <algorithm>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/error.hpp"
#include "hogvec/vocabulary.hpp"
#include "words.hpp"

namespace hogvec::bindings {

namespace {

Vocabulary from_words(const py::iterable& words, const std::optional<Array<std::int64_t>>& counts) {
  const ActiveCall active;   // the iterable may be code of the caller's
  WordArena arena;
  for (const py::handle word : words) {
    check_word(word, "words");
    arena.append(WordBytes(word.ptr()));
  }
  std::vector<std::int64_t> values(arena.size(), 0);
  if (counts) {
    const auto given = as_span(*counts, "counts");
    if (given.size() != arena.size()) {
      throw ValueError("counts must be as many as words (" + std::to_string(arena.size()) + "), got " +
                       std::to_string(given.size()));
    }
    values.assign(given.begin(), given.end());
  }
  return {std::move(arena), std::move(values)};
}

Vocabulary from_arrays(const Array<std::uint8_t>& letters, const Array<std::int64_t>& offsets,
                       const Array<std::int64_t>& counts) {
  const auto bytes = as_span(letters, "letters");
  const auto starts = as_span(offsets, "offsets");
  const auto numbers = as_span(counts, "counts");
  if (starts.empty()) throw ValueError("offsets must hold at least one number, got none");
  WordArena arena;
  arena.letters.assign(reinterpret_cast<const char*>(bytes.data()),
                       reinterpret_cast<const char*>(bytes.data()) + bytes.size());
  arena.offsets.assign(starts.begin(), starts.end());
  return {std::move(arena), {numbers.begin(), numbers.end()}};
}

// -1 for what is no word of ours, be it no str or a str that no bytes encode to.
std::int32_t find(const Vocabulary& vocabulary, py::handle word) {
  if (!PyUnicode_Check(word.ptr())) return -1;
  try {
    return static_cast<std::int32_t>(vocabulary.find(WordBytes(word.ptr())));
  } catch (py::error_already_set& error) {
    if (!error.matches(PyExc_UnicodeEncodeError)) throw;
    return -1;
  }
}

py::array_t<std::int32_t> find_all(const Vocabulary& vocabulary, const py::iterable& words) {
  const ActiveCall active;
  std::vector<std::int32_t> ids;
  for (const py::handle word : words) {
    check_word(word, "words");
    ids.push_back(find(vocabulary, word));
  }
  return to_array(std::move(ids));
}

py::list words(const Vocabulary& vocabulary, std::size_t begin, std::size_t end) {
  py::list result;
  for (std::size_t i = begin; i < std::min(end, vocabulary.size()); ++i) {
    result.append(to_str(vocabulary.word(WordId{static_cast<std::int32_t>(i)})));
  }
  return result;
}

Vocabulary select(const Vocabulary& vocabulary, std::int64_t min_count, std::int64_t max_size,
                  const py::iterable& keep) {
  const ActiveCall active;
  const std::vector<std::string> words = to_strings(keep, "keep");
  const Unlocked unlocked;
  return vocabulary.select({min_count, max_size}, words);
}

}   // namespace

void bind_vocabulary(py::module_& module) {
  py::class_<Vocabulary>(module, "Vocabulary")
      .def(py::init(&from_arrays), py::arg("letters").noconvert(), py::arg("offsets").noconvert(),
           py::arg("counts").noconvert())
      .def_static("from_words", &from_words, py::arg("words"), py::arg("counts").noconvert() = py::none())
      .def_static(
          "from_text", [](const py::bytes& text) { return vocabulary_from_text(text); }, py::arg("text"))
      .def("select", &select, py::arg("min_count"), py::arg("max_size"), py::arg("keep"))
      .def("__len__", &Vocabulary::size)
      .def("find", &find, py::arg("word"))
      .def("find_all", &find_all, py::arg("words"))
      .def(
          "word",
          [](const Vocabulary& self, std::int64_t id) {
            if (id < 0 || static_cast<std::size_t>(id) >= self.size()) {
              throw IndexError("id must be at least 0 and below " + std::to_string(self.size()) + ", got " +
                               std::to_string(id));
            }
            return to_str(self.word(WordId{static_cast<std::int32_t>(id)}));
          },
          py::arg("id"))
      .def("words", &words, py::arg("begin"), py::arg("end"))
      .def(
          "to_text",
          [](const Vocabulary& self, std::size_t begin, std::size_t end) {
            return py::bytes(to_text(self, begin, std::min(end, self.size())));
          },
          py::arg("begin"), py::arg("end"))
      .def_property_readonly(
          "counts", [](py::object self) { return view<std::int64_t>(self.cast<const Vocabulary&>().counts(), self); })
      .def_property_readonly(
          "letters", [](py::object self) { return view<std::uint8_t>(self.cast<const Vocabulary&>().letters(), self); })
      .def_property_readonly("offsets", [](py::object self) {
        return view<std::int64_t>(self.cast<const Vocabulary&>().offsets(), self);
      });
}

}   // namespace hogvec::bindings
