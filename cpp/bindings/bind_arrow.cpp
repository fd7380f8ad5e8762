// Arrow's capsules for Python: batches of a column into ids, or into an encoder of words.
#include <pybind11/stl.h>

#include <memory>
#include <optional>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/arrow.hpp"
#include "hogvec/corpus.hpp"
#include "hogvec/error.hpp"

namespace hogvec::bindings {

namespace {

// What a capsule of Arrow's holds; the capsule is empty afterwards.
template <class T>
ArrowOwner<T> take(const py::handle& capsule, const char* name) {
  if (PyCapsule_IsValid(capsule.ptr(), name) == 0)
    throw py::type_error(std::string("Arrow data must come in a capsule named ") + name + ", got " +
                         Py_TYPE(capsule.ptr())->tp_name);
  auto* const content = static_cast<T*>(PyCapsule_GetPointer(capsule.ptr(), name));
  if (content->release == nullptr)
    throw ValueError(std::string("the capsule ") + name + " must not be read twice, got one that was read before");
  return ArrowOwner<T>(*content);
}

// The batches of one column, one after the other.
class ArrowReader {
 public:
  ArrowReader(const py::object& schema_or_stream, const std::optional<py::object>& array,
              const std::optional<std::string>& column) {
    if (array) {
      schema_ = take<ArrowSchema>(schema_or_stream, "arrow_schema");
      batch_ = take<ArrowArray>(*array, "arrow_array");
      single_ = true;
    } else {
      stream_ = take<ArrowArrayStream>(schema_or_stream, "arrow_array_stream");
      const Unlocked unlocked;
      check(stream_.get()->get_schema(stream_.get(), schema_.get()));
    }
    column_.emplace(*schema_, column);
  }

  const ArrowColumn& column() const { return *column_; }
  const ArrowArray& batch() const {
    if (!batch_.holds()) throw StateError("a batch must have been read before");
    return *batch_;
  }

  // How many items the next batch has, none if there is none. Without the GIL: the source may need it.
  std::optional<std::int64_t> next() {
    const Unlocked unlocked;
    if (single_) {
      if (begun_) return std::nullopt;
      begun_ = true;
    } else {
      batch_.clear();
      check(stream_.get()->get_next(stream_.get(), batch_.get()));
      if (!batch_.holds()) return std::nullopt;
    }
    return column_->count_items(*batch_);
  }

 private:
  void check(int code) {
    if (code != 0) throw StateError("the stream of Arrow must be readable, got " + stream_error(*stream_.get(), code));
  }

  ArrowOwner<ArrowArrayStream> stream_;
  ArrowOwner<ArrowSchema> schema_;
  ArrowOwner<ArrowArray> batch_;
  std::optional<ArrowColumn> column_;
  bool single_ = false;
  bool begun_ = false;
};

void add_words(const ArrowReader& reader, Encoder& encoder) {
  const Unlocked unlocked;
  reader.column().read_words(reader.batch(),
                             [&](std::span<const std::string_view> words) { encoder.add_sequence(words); });
}

py::tuple finish(ArrowIds& ids) {
  return py::make_tuple(to_array<WordId, std::int32_t>(std::move(ids.tokens())), to_array(std::move(ids.offsets())));
}

py::tuple finish_sparse(ArrowIds& ids) {
  Vocabulary vocabulary = [&] {
    const Unlocked unlocked;
    return ids.finish_sparse();
  }();
  const py::tuple tokens = finish(ids);
  return py::make_tuple(tokens[0], tokens[1], std::move(vocabulary));
}

}   // namespace

void bind_arrow(py::module_& module) {
  py::class_<ArrowReader>(module, "ArrowReader")
      .def(py::init<const py::object&, const std::optional<py::object>&, const std::optional<std::string>&>(),
           py::arg("schema_or_stream"), py::arg("array") = py::none(), py::arg("column") = py::none())
      .def_property_readonly("is_text", [](const ArrowReader& self) { return self.column().is_text(); })
      .def("next", &ArrowReader::next)
      .def("add_words", &add_words, py::arg("encoder"));
  py::class_<ArrowIds>(module, "ArrowIds")
      .def(py::init<bool>(), py::arg("sparse"))
      .def(
          "add",
          [](ArrowIds& self, const ArrowReader& reader) {
            const Unlocked unlocked;
            self.add(reader.column(), reader.batch());
          },
          py::arg("reader"))
      .def_property_readonly("table_bytes", &ArrowIds::bytes)
      .def("finish", &finish)
      .def("finish_sparse", &finish_sparse);
}

}   // namespace hogvec::bindings
