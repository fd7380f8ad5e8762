// Alias tables and the weights of the powered unigram distribution.
#include <algorithm>
#include <string>
#include <utility>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/error.hpp"
#include "hogvec/sampler.hpp"

namespace hogvec::bindings {
namespace {

AliasTable make_alias_table(const Array<double>& weights) {
  const auto span = as_span(weights, "weights");
  const Unlocked unlocked;
  return AliasTable(span);
}

// (n_draws,): the same ids for the same seed. Ctrl-C is looked for between blocks of some tens of milliseconds.
py::array_t<std::int32_t> draw(const AliasTable& table, std::int64_t n_draws, std::uint64_t seed) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 22;
  if (n_draws < 0) throw ValueError("n must be at least 0, got " + std::to_string(n_draws));
  py::array_t<std::int32_t> ids(n_draws);
  std::int32_t* out = ids.mutable_data();
  Stream stream(make_key(seed, Purpose::kSample));
  for (std::int64_t begin = 0; begin < n_draws; begin += kBlock) {
    {
      const Unlocked unlocked;
      const std::int64_t end = std::min(begin + kBlock, n_draws);
      for (std::int64_t i = begin; i < end; ++i) out[i] = static_cast<std::int32_t>(table.draw(stream));
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return ids;
}

py::array_t<double> weights_of_counts(const Array<std::int64_t>& counts, double power) {
  const auto span = as_span(counts, "counts");
  std::vector<double> weights;
  {
    const Unlocked unlocked;
    weights = unigram_weights(span, power);
  }
  return to_array(std::move(weights));
}

}   // namespace

void bind_sampler(py::module_& module) {
  py::class_<AliasTable>(module, "AliasTable")
      .def(py::init(&make_alias_table), py::arg("weights").noconvert())
      .def("__len__", &AliasTable::size)
      .def("draw", &draw, py::arg("n"), py::arg("seed"))
      .def("probabilities", [](const AliasTable& table) { return to_array(table.probabilities()); });
  module.def("unigram_weights", &weights_of_counts, py::arg("counts").noconvert(), py::arg("power"));
}

}   // namespace hogvec::bindings
