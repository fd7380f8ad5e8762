// NumPy arrays as spans. Memory safety is checked here: dtype, number of axes, contiguity, writability. Meaning is not.
#pragma once

#include <pybind11/numpy.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bindings.hpp"
#include "hogvec/table.hpp"
#include "hogvec/types.hpp"

namespace hogvec::bindings {

// An array argument that is never converted: take it with py::arg(...).noconvert().
template <class T>
using Array = py::array_t<T, py::array::c_style>;

template <class T>
std::span<const T> as_span(const Array<T>& array, const char* name) {
  if (array.ndim() != 1)
    throw py::value_error(std::string(name) + " must have one axis, got " + std::to_string(array.ndim()));
  return {array.data(), static_cast<std::size_t>(array.size())};
}

// An aligned float32 array of so many axes, the last one contiguous; its memory is used in place, never converted. The
// caller of this keeps the object alive.
inline py::array as_float_array(const py::object& object, int axes, const char* name) {
  const std::string thing = std::string(name) + " must ";
  if (!py::isinstance<py::array>(object)) {
    throw py::type_error(thing + "be a NumPy array of float32, got " + Py_TYPE(object.ptr())->tp_name);
  }
  auto array = py::reinterpret_borrow<py::array>(object);
  if (!py::isinstance<py::array_t<float>>(array)) {
    throw py::type_error(thing + "have dtype float32, got " + py::str(array.dtype()).cast<std::string>());
  }
  if (array.ndim() != axes) {
    throw py::value_error(thing + "have " + std::to_string(axes) + (axes == 1 ? " axis" : " axes") + ", got " +
                          std::to_string(array.ndim()));
  }
  if (array.size() > 0 && array.shape(axes - 1) > 1 && array.strides(axes - 1) != py::ssize_t{sizeof(float)})
    throw py::value_error(thing + "be contiguous along its last axis, got a stride of " +
                          std::to_string(array.strides(axes - 1)) + " bytes there");
  if (!(array.flags() & py::detail::npy_api::NPY_ARRAY_ALIGNED_))
    throw py::value_error(thing + "be aligned, got an array that is not");
  return array;
}

// A float32 matrix with any row stride, used in place.
inline FloatRows as_rows(const py::object& object, const char* name) {
  const py::array array = as_float_array(object, 2, name);
  return {static_cast<const float*>(array.data()), array.shape(0), array.shape(1),
          array.strides(0) / static_cast<py::ssize_t>(sizeof(float))};
}

// A contiguous float32 vector, used in place.
inline std::span<const float> as_floats(const py::object& object, const char* name) {
  const py::array array = as_float_array(object, 1, name);
  return {static_cast<const float*>(array.data()), static_cast<std::size_t>(array.size())};
}

// An array that is written to: one that is read-only is refused.
template <class T>
std::span<T> as_mutable_span(Array<T>& array, const char* name) {
  const auto span = as_span(array, name);
  return {array.mutable_data(), span.size()};
}

// Ids as the core has them.
inline std::span<const WordId> as_ids(const Array<std::int32_t>& array, const char* name) {
  const auto span = as_span(array, name);
  return {reinterpret_cast<const WordId*>(span.data()), span.size()};
}

// A read-only NumPy view of memory that `owner` keeps alive.
template <class Element, class T>
py::array_t<Element> view(std::span<const T> values, py::handle owner) {
  static_assert(sizeof(T) == sizeof(Element));
  py::array_t<Element> array({static_cast<py::ssize_t>(values.size())}, {static_cast<py::ssize_t>(sizeof(T))},
                             reinterpret_cast<const Element*>(values.data()), owner);
  array.attr("flags").attr("writeable") = false;
  return array;
}

// A vector handed over to NumPy without a copy.
template <class T, class Element = T>
py::array_t<Element> to_array(std::vector<T>&& values) {
  static_assert(sizeof(T) == sizeof(Element));
  auto* owner = new std::vector<T>(std::move(values));
  py::capsule base(owner, [](void* p) { delete static_cast<std::vector<T>*>(p); });
  return py::array_t<Element>({static_cast<py::ssize_t>(owner->size())}, {static_cast<py::ssize_t>(sizeof(T))},
                              reinterpret_cast<const Element*>(owner->data()), base);
}

}   // namespace hogvec::bindings
