// Draws from noise distributions: alias tables, uniform and log-uniform ids, weights that grow; draws without
// repetition; the frequencies of a stream.
#include <algorithm>
#include <string>
#include <utility>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/distinct_ids.hpp"
#include "hogvec/error.hpp"
#include "hogvec/mean_gap.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/weight_tree.hpp"
#include "hogvec/workers.hpp"

namespace hogvec::bindings {
namespace {

AliasTable make_alias_table(const Array<double>& weights) {
  const auto span = as_span(weights, "weights");
  const Unlocked unlocked;
  Pulse pulse(keep_going);
  return AliasTable(span, &pulse);
}

template <class Distribution>
void draw_many(const Distribution& distribution, Stream& stream, std::span<WordId> draws) {
  if constexpr (requires { distribution.draw(stream, draws); }) {
    distribution.draw(stream, draws);   // faster than one by one, and the same
  } else {
    for (WordId& draw : draws) draw = distribution.draw(stream);
  }
}

// (n_draws,): the same ids for the same seed. Ctrl-C is looked for between blocks of some tens of milliseconds.
template <class Distribution>
py::array_t<std::int32_t> draw(const Distribution& distribution, std::int64_t n_draws, std::uint64_t seed) {
  constexpr std::int64_t kBlock = std::int64_t{1} << 22;
  if (n_draws < 0) throw ValueError("n must be at least 0, got " + std::to_string(n_draws));
  py::array_t<std::int32_t> ids(n_draws);
  auto* out = reinterpret_cast<WordId*>(ids.mutable_data());
  Stream stream(make_key(seed, Purpose::kSample));
  for (std::int64_t begin = 0; begin < n_draws; begin += kBlock) {
    {
      const Unlocked unlocked;
      const std::int64_t end = std::min(begin + kBlock, n_draws);
      draw_many(distribution, stream, {out + begin, static_cast<std::size_t>(end - begin)});
    }
    if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  }
  return ids;
}

template <class Distribution>
py::array_t<std::int32_t> draw_of_size(std::int32_t num_classes, std::int64_t n_draws, std::uint64_t seed) {
  if (num_classes < 1) throw ValueError("num_classes must be at least 1, got " + std::to_string(num_classes));
  return draw(Distribution(static_cast<std::uint32_t>(num_classes)), n_draws, seed);
}

py::array_t<double> weights_of_counts(const Array<std::int64_t>& counts, double power) {
  const auto span = as_span(counts, "counts");
  std::vector<double> weights;
  {
    const Unlocked unlocked;
    Pulse pulse(keep_going);
    weights = unigram_weights(span, power, &pulse);
  }
  return to_array(std::move(weights));
}

py::array_t<std::int64_t> slots_of_counts(const Array<std::int64_t>& counts, double power, std::int64_t table_size) {
  const auto span = as_span(counts, "counts");
  std::vector<std::int64_t> slots;
  {
    const Unlocked unlocked;
    slots = word2vec_table_slots(span, power, table_size);
  }
  return to_array(std::move(slots));
}

WeightTree make_weight_tree(const Array<std::int64_t>& weights) {
  const auto span = as_span(weights, "weights");
  const Unlocked unlocked;
  return WeightTree(span);
}

void add_to_weights(WeightTree& tree, const Array<std::int32_t>& ids) {
  const auto span = as_ids(ids, "ids");
  const Unlocked unlocked;
  tree.add(span);
}

bool add_draws(DistinctIds& distinct, const Array<std::int32_t>& draws) {
  const auto span = as_ids(draws, "draws");
  const Unlocked unlocked;
  return distinct.add(span);
}

void complete(DistinctIds& distinct, const Array<double>& probability, std::uint64_t seed) {
  const auto span = as_span(probability, "probability");
  const Unlocked unlocked;
  distinct.complete(span, make_key(seed, Purpose::kSample));
}

void update_gaps(Array<double>& mean, Array<std::int64_t>& last_seen, Array<std::int64_t>& num_seen,
                 const Array<std::int64_t>& slots, std::int64_t num_hashes, std::int64_t time, double rate) {
  const MeanGaps gaps{as_mutable_span(mean, "mean"), as_mutable_span(last_seen, "last_seen"),
                      as_mutable_span(num_seen, "num_seen")};
  const auto positions = as_span(slots, "slots");
  const std::size_t num_slots = gaps.mean.size();
  if (gaps.last_seen.size() != num_slots || gaps.num_seen.size() != num_slots)
    throw ValueError("mean, last_seen and num_seen must have one length");
  if (num_hashes < 1 || positions.size() % static_cast<std::size_t>(num_hashes) != 0)
    throw ValueError("slots must have num_hashes entries for every position");
  const Unlocked unlocked;
  for (const std::int64_t slot : positions) {
    if (static_cast<std::uint64_t>(slot) >= num_slots)
      throw IndexError("slots must be at least 0 and below " + std::to_string(num_slots));
  }
  update_mean_gaps(gaps, positions, num_hashes, time, rate);
}

// A seed of its own for the part `index` of something drawn by `seed`: unlike any key of a draw.
std::uint64_t derive_seed(std::uint64_t seed, std::uint64_t index) {
  return make_key(seed, Purpose::kSample, index, 1);
}

}   // namespace

void bind_sampler(py::module_& module) {
  py::class_<AliasTable>(module, "AliasTable")
      .def(py::init(&make_alias_table), py::arg("weights").noconvert())
      .def("__len__", &AliasTable::size)
      .def("draw", &draw<AliasTable>, py::arg("n"), py::arg("seed"))
      .def("probabilities", [](const AliasTable& table) { return to_array(table.probabilities()); });
  py::class_<WeightTree>(module, "WeightTree")
      .def(py::init(&make_weight_tree), py::arg("weights").noconvert())
      .def("add", &add_to_weights, py::arg("ids").noconvert())
      .def("draw", &draw<WeightTree>, py::arg("n"), py::arg("seed"))
      .def_property_readonly(
          "weights",
          [](const py::object& self) { return view<std::int64_t>(py::cast<const WeightTree&>(self).weights(), self); })
      .def_property_readonly("total", &WeightTree::total);
  py::class_<DistinctIds>(module, "DistinctIds")
      .def(py::init<std::size_t>(), py::arg("num_wanted"))
      .def("add", &add_draws, py::arg("draws").noconvert())
      .def("complete", &complete, py::arg("probability").noconvert(), py::arg("seed"))
      .def("take_ids", [](DistinctIds& self) { return to_array<WordId, std::int32_t>(std::move(self.ids())); })
      .def_property_readonly("num_tries", &DistinctIds::num_tries);
  module.def("draw_uniform", &draw_of_size<UniformIds>, py::arg("num_classes"), py::arg("n"), py::arg("seed"));
  module.def("draw_log_uniform", &draw_of_size<LogUniformIds>, py::arg("num_classes"), py::arg("n"), py::arg("seed"));
  module.def("unigram_weights", &weights_of_counts, py::arg("counts").noconvert(), py::arg("power"));
  module.def("word2vec_table_slots", &slots_of_counts, py::arg("counts").noconvert(), py::arg("power"),
             py::arg("table_size"));
  module.def("update_mean_gaps", &update_gaps, py::kw_only(), py::arg("mean").noconvert(),
             py::arg("last_seen").noconvert(), py::arg("num_seen").noconvert(), py::arg("slots").noconvert(),
             py::arg("num_hashes"), py::arg("time"), py::arg("rate"));
  module.def("derive_seed", &derive_seed, py::arg("seed"), py::arg("index"));
}

}   // namespace hogvec::bindings
