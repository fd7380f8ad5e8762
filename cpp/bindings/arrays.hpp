// NumPy arrays as spans. Memory safety is checked here: dtype, number of axes, contiguity, writability. Meaning is not.
#pragma once

#include <pybind11/numpy.h>

#include <span>
#include <string>
#include <vector>

#include "bindings.hpp"

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
