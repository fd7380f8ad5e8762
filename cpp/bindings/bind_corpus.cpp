// The encoder for Python: blocks of bytes and sequences of str in, arrays out. The work is done without the GIL.
#include <pybind11/stl.h>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/corpus.hpp"
#include "hogvec/error.hpp"
#include "hogvec/workers.hpp"
#include "words.hpp"

namespace hogvec::bindings {

namespace {

// The bytes of any contiguous buffer, held as long as this object.
class Bytes {
 public:
  explicit Bytes(py::handle object) {
    if (PyObject_GetBuffer(object.ptr(), &buffer_, PyBUF_SIMPLE) != 0) throw py::error_already_set();
  }
  ~Bytes() { PyBuffer_Release(&buffer_); }
  Bytes(const Bytes&) = delete;
  Bytes& operator=(const Bytes&) = delete;
  operator std::string_view() const {
    return {static_cast<const char*>(buffer_.buf), static_cast<std::size_t>(buffer_.len)};
  }

 private:
  Py_buffer buffer_;
};

std::unique_ptr<Encoder> make_encoder(const Vocabulary* vocabulary, int threads, bool keep_tokens, bool check_utf8,
                                      std::size_t piece_bytes) {
  if (threads < 1) throw ValueError("threads must be at least 1, got " + std::to_string(threads));
  if (piece_bytes < 1) throw ValueError("piece_bytes must be at least 1, got 0");
  return std::make_unique<Encoder>(EncoderOptions{threads, keep_tokens, check_utf8, piece_bytes}, vocabulary);
}

void feed(Encoder& encoder, const py::object& block) {
  const Bytes bytes(block);
  const Unlocked unlocked;
  encoder.feed(bytes);
}

// The words of one sequence. The sequence is copied to a tuple first: a list may change under our hands.
void add_sequence(Encoder& encoder, py::handle sequence, std::int64_t number, std::vector<WordBytes>& owners,
                  std::vector<std::string_view>& words) {
  const auto where = [&] { return " in sequence " + std::to_string(number); };
  if (PyUnicode_Check(sequence.ptr()) || PyBytes_Check(sequence.ptr())) {
    throw py::type_error(std::string("a sequence must be an iterable of str, got a single ") +
                         Py_TYPE(sequence.ptr())->tp_name + where() + "; did you forget to split it into words?");
  }
  const auto tuple = py::reinterpret_steal<py::object>(PySequence_Tuple(sequence.ptr()));
  if (!tuple) {
    if (PyErr_ExceptionMatches(PyExc_TypeError) && !PyIter_Check(sequence.ptr())) {
      PyErr_Clear();
      throw py::type_error(std::string("a sequence must be an iterable of str, got ") +
                           Py_TYPE(sequence.ptr())->tp_name + where());
    }
    throw py::error_already_set();
  }
  owners.clear();
  const Py_ssize_t n = PyTuple_GET_SIZE(tuple.ptr());
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* const word = PyTuple_GET_ITEM(tuple.ptr(), i);
    if (!PyUnicode_Check(word)) {
      throw py::type_error(std::string("words must be str, got ") + Py_TYPE(word)->tp_name + where() +
                           "; for integer ids there is from_ids");
    }
    owners.emplace_back(word);
    if (std::string_view(owners.back()).empty()) throw ValueError("words must not be empty, got ''" + where());
  }
  words.assign(owners.begin(), owners.end());
  encoder.add_sequence(words);
}

void add_sequences(Encoder& encoder, const py::iterable& sequences) {
  std::vector<WordBytes> owners;
  std::vector<std::string_view> words;
  std::int64_t number = 0;
  const ActiveCall active;   // the iterable may be code of the caller's
  for (const py::handle sequence : sequences) {
    if (ActiveCall::exiting()) throw StateError("sequences must not be taken while the interpreter exits");
    add_sequence(encoder, sequence, number, owners, words);
    if (++number % 1024 == 0 && PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
}

// Ids handed over to NumPy without a copy.
py::array_t<std::int32_t> ids_to_array(TokenBuffer&& tokens) {
  const py::capsule owner(tokens.ids.get(), [](void* p) { delete[] static_cast<WordId*>(p); });
  const auto* const ids = reinterpret_cast<const std::int32_t*>(tokens.ids.release());
  return py::array_t<std::int32_t>({static_cast<py::ssize_t>(tokens.size)},
                                   {static_cast<py::ssize_t>(sizeof(std::int32_t))}, ids, owner);
}

py::tuple take(Encoder& encoder) {
  EncodedTokens encoded = [&] {
    const Unlocked unlocked;
    return encoder.take();
  }();
  return py::make_tuple(ids_to_array(std::move(encoded.tokens)), to_array(std::move(encoded.ends)));
}

py::tuple finish(Encoder& encoder, std::int64_t min_count, std::int64_t max_size, const py::iterable& keep) {
  const ActiveCall active;
  const std::vector<std::string> words = to_strings(keep, "keep");
  EncodedCorpus corpus = [&] {
    const Unlocked unlocked;
    Pulse pulse(keep_going);
    return encoder.finish({min_count, max_size}, words, &pulse);
  }();
  const py::object vocabulary = corpus.vocabulary ? py::cast(std::move(*corpus.vocabulary)) : py::none();
  return py::make_tuple(ids_to_array(std::move(corpus.tokens)), to_array(std::move(corpus.offsets)),
                        to_array(std::move(corpus.counts)), vocabulary, corpus.raw_words);
}

template <class Id>
py::array_t<std::int64_t> count(const Array<Id>& ids, std::int64_t num_ids) {
  const auto values = as_span(ids, "ids");
  std::vector<std::int64_t> counts = [&] {
    const Unlocked unlocked;
    Pulse pulse(keep_going);
    return count_ids(values, num_ids, &pulse);
  }();
  return to_array(std::move(counts));
}

}   // namespace

void bind_corpus(py::module_& module) {
  py::class_<Encoder>(module, "Encoder")
      .def(py::init(&make_encoder), py::arg("vocabulary").none(true) = py::none(), py::kw_only(),
           py::arg("threads") = 1, py::arg("keep_tokens") = true, py::arg("check_utf8") = true,
           py::arg("piece_bytes") = 65536, py::keep_alive<1, 2>())
      .def("feed", &feed, py::arg("block"))
      .def("end_file", &Encoder::end_file, py::call_guard<Unlocked>())
      .def("add_sequences", &add_sequences, py::arg("sequences"))
      .def("take", &take)
      .def("finish", &finish, py::arg("min_count") = 1, py::arg("max_size") = kMaxWords, py::arg("keep") = py::tuple());
  module.def("count_ids", &count<std::int32_t>, py::arg("ids").noconvert(), py::arg("num_ids") = -1);
  module.def("count_ids", &count<std::int64_t>, py::arg("ids").noconvert(), py::arg("num_ids") = -1);
  module.def(
      "check_offsets",
      [](const Array<std::int64_t>& offsets, std::int64_t n_tokens) {
        check_offsets(as_span(offsets, "offsets"), n_tokens);
      },
      py::arg("offsets").noconvert(), py::arg("n_tokens"));
}

}   // namespace hogvec::bindings
