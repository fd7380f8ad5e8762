// Python strings as words: UTF-8, with the bytes that were no UTF-8 carried as lone surrogates (PEP 383).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bindings.hpp"

namespace hogvec::bindings {

// The bytes of one str, alive as long as this object. The str itself is left as it was: no cached copy of its bytes.
class WordBytes {
 public:
  // Throws error_already_set (UnicodeEncodeError) on a surrogate that stands for no byte. `word` must be a str.
  explicit WordBytes(PyObject* word) {
    Py_ssize_t size = 0;
    if (PyUnicode_IS_COMPACT_ASCII(word)) {
      bytes_ = {static_cast<const char*>(PyUnicode_DATA(word)), static_cast<std::size_t>(PyUnicode_GET_LENGTH(word))};
      return;
    }
    owner_ = py::reinterpret_steal<py::object>(PyUnicode_AsEncodedString(word, "utf-8", "surrogateescape"));
    if (!owner_) throw py::error_already_set();
    char* data = nullptr;
    if (PyBytes_AsStringAndSize(owner_.ptr(), &data, &size) != 0) throw py::error_already_set();
    bytes_ = {data, static_cast<std::size_t>(size)};
  }
  operator std::string_view() const { return bytes_; }

 private:
  py::object owner_;
  std::string_view bytes_;
};

inline py::str to_str(std::string_view word) {
  PyObject* text = PyUnicode_DecodeUTF8(word.data(), static_cast<Py_ssize_t>(word.size()), "surrogateescape");
  if (text == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::str>(text);
}

// Throws TypeError unless `word` is a str; `what` names the argument.
inline void check_word(py::handle word, const char* what) {
  if (!PyUnicode_Check(word.ptr())) {
    throw py::type_error(std::string(what) + " must be str, got " + Py_TYPE(word.ptr())->tp_name);
  }
}

// The words of an iterable of str, copied.
inline std::vector<std::string> to_strings(const py::iterable& words, const char* what) {
  std::vector<std::string> copies;
  for (const py::handle word : words) {
    check_word(word, what);
    copies.emplace_back(std::string_view(WordBytes(word.ptr())));
  }
  return copies;
}

}   // namespace hogvec::bindings
