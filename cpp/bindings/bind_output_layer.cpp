// Output layers for Python: losses, gradients, steps, likelihoods and best outputs over NumPy buffers.
#include <pybind11/stl.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/bags.hpp"
#include "hogvec/error.hpp"
#include "hogvec/layer_checks.hpp"
#include "hogvec/output_layer.hpp"
#include "hogvec/output_scores.hpp"
#include "hogvec/output_step.hpp"
#include "kernel_choice.hpp"

namespace hogvec::bindings {
namespace {

struct OwnedModel {   // with the arrays it refers to
  LayerModel model;
  py::object weights, bias;
};

OwnedModel make_model(const py::object& weights, const py::object& bias, double temperature, bool normalize) {
  OwnedModel owned{{as_rows(weights, "weights"), {}, temperature, normalize}, weights, bias};
  if (!bias.is_none()) {
    owned.model.bias = as_floats(bias, "bias");
    check_bias(owned.model.bias, owned.model.weights);
  }
  if (owned.model.weights.rows < 1) throw ValueError("weights must have at least one row, got none");
  if (owned.model.weights.rows > INT32_MAX)
    throw ValueError("weights must have fewer than 2^31 rows, got " + std::to_string(owned.model.weights.rows));
  return owned;
}

struct OwnedCandidates {   // with the arrays it refers to
  LayerCandidates candidates;
  std::vector<py::object> arrays;
};

template <class T>
std::span<const T> optional_span(const std::optional<Array<T>>& array, const char* name, OwnedCandidates& owned) {
  if (!array) return {};
  owned.arrays.push_back(*array);
  return as_span(*array, name);
}

Positive positive_named(const std::string& name) {
  if (name == "tf") return Positive::kCorrected;
  if (name == "importance") return Positive::kImportance;
  if (name == "refined") return Positive::kRefined;
  throw ValueError("positive must be tf, importance or refined, got " + name);
}

OwnedCandidates make_candidates(
    bool softmax, const std::string& positive, bool independent, double label_smoothing, double num_draws,
    const std::optional<Array<std::int32_t>>& shared_rows, const std::optional<Array<float>>& shared_weights,
    const std::optional<Array<double>>& shared_log_q, const std::optional<Array<std::int64_t>>& targets,
    const std::optional<Array<std::int64_t>>& target_offsets, const std::optional<Array<float>>& target_weights,
    const std::optional<Array<double>>& target_log_q, bool mask_hits, std::int64_t hard_of,
    const std::optional<Array<std::int64_t>>& own_offsets, const std::optional<Array<std::int64_t>>& own_rows,
    const std::optional<Array<float>>& own_labels, const std::optional<Array<double>>& own_log_q) {
  OwnedCandidates owned;
  LayerCandidates& c = owned.candidates;
  c.link = {softmax ? Link::kSoftmax : Link::kLogistic, positive_named(positive), independent, label_smoothing,
            num_draws};
  c.all_rows = !shared_rows;
  c.shared_rows = optional_span(shared_rows, "shared_rows", owned);
  c.shared_weights = optional_span(shared_weights, "shared_weights", owned);
  c.shared_log_q = optional_span(shared_log_q, "shared_log_q", owned);
  c.targets = optional_span(targets, "targets", owned);
  c.target_offsets = optional_span(target_offsets, "target_offsets", owned);
  c.target_weights = optional_span(target_weights, "target_weights", owned);
  c.target_log_q = optional_span(target_log_q, "target_log_q", owned);
  c.mask_hits = mask_hits;
  c.hard_of = hard_of;
  c.own_offsets = optional_span(own_offsets, "own_offsets", owned);
  c.own_rows = optional_span(own_rows, "own_rows", owned);
  c.own_labels = optional_span(own_labels, "own_labels", owned);
  c.own_log_q = optional_span(own_log_q, "own_log_q", owned);
  if (hard_of < 1) throw ValueError("hard_of must be at least 1, got " + std::to_string(hard_of));
  return owned;
}

// (loss, hidden_gradient, rows, row_gradient, bias_gradient or None).
py::tuple gradients(const OwnedModel& model, const py::object& hidden, const OwnedCandidates& candidates,
                    const std::optional<Array<float>>& example_weights, int threads,
                    const std::string& instruction_set) {
  const BlockKernels& kernels = kernels_named(instruction_set).blocks;
  const FloatRows rows = as_rows(hidden, "hidden");
  std::span<const float> weights;
  if (example_weights) weights = as_span(*example_weights, "example_weights");
  std::optional<OutputLayer> layer;
  {
    const Unlocked unlocked;
    layer.emplace(kernels, model.model, rows, weights, candidates.candidates);
  }
  const auto size = static_cast<py::ssize_t>(layer->rows().size());
  const auto dim = static_cast<py::ssize_t>(rows.dim);
  py::array_t<double> loss(static_cast<py::ssize_t>(rows.rows));
  py::array_t<float> hidden_gradient({static_cast<py::ssize_t>(rows.rows), dim});
  py::array_t<std::int64_t> ids(size);
  py::array_t<float> row_gradient({size, dim});
  py::array_t<float> bias_gradient(model.bias.is_none() ? py::ssize_t{0} : size);
  std::copy(layer->rows().begin(), layer->rows().end(), ids.mutable_data());
  const auto floats = [](py::array_t<float>& array) {
    return std::span<float>(array.mutable_data(), static_cast<std::size_t>(array.size()));
  };
  const LayerGradients results{{loss.mutable_data(), static_cast<std::size_t>(loss.size())},
                               floats(hidden_gradient),
                               floats(row_gradient),
                               floats(bias_gradient)};
  {
    const Unlocked unlocked;
    layer->gradients(results, threads, keep_going);
  }
  py::object bias = py::none();
  if (!model.bias.is_none()) bias = std::move(bias_gradient);
  return py::make_tuple(std::move(loss), std::move(hidden_gradient), std::move(ids), std::move(row_gradient), bias);
}

// Memory of a state array, nullptr for None.
template <class T>
T* state_data(std::optional<Array<T>>& array, py::ssize_t size, const char* name) {
  if (!array) return nullptr;
  if (array->size() != size)
    throw ValueError(std::string(name) + " must have " + std::to_string(size) + " entries, got " +
                     std::to_string(array->size()));
  return array->mutable_data();
}

// Rows of (rows, dim) or, for a bias, of (rows,): each entry is a row of one number then.
void apply(const py::object& values, const Array<std::int64_t>& rows, const Array<float>& row_gradients,
           const OptimizerSettings& optimizer, std::optional<Array<float>> first, std::optional<Array<float>> second,
           std::optional<Array<std::uint32_t>> steps, float learning_rate, std::uint32_t step, int threads) {
  const bool matrix = py::isinstance<py::array>(values) && py::reinterpret_borrow<py::array>(values).ndim() == 2;
  py::array array = as_float_array(values, matrix ? 2 : 1, "values");
  OptimizedRows table;
  table.values = static_cast<float*>(array.mutable_data());   // throws for an array that is read-only
  table.rows = array.shape(0);
  table.dim = matrix ? array.shape(1) : 1;
  table.stride = array.strides(0) / static_cast<py::ssize_t>(sizeof(float));
  const auto ids = as_span(rows, "rows");
  if (row_gradients.size() != static_cast<py::ssize_t>(ids.size()) * table.dim)
    throw ValueError("row_gradients must have a row for each of rows");
  for (const std::int64_t row : ids) {
    if (row < 0 || row >= table.rows)
      throw IndexError("rows must be below " + std::to_string(table.rows) + ", got " + std::to_string(row));
  }
  table.first = state_data(first, table.rows * table.dim, "first");
  const bool one_sum = optimizer.kind == OptimizerKind::kRowAdaGrad;
  table.second = state_data(second, table.rows * (one_sum ? 1 : table.dim), "second");
  table.steps = state_data(steps, table.rows, "steps");
  const BlockKernels& kernels = active_kernels().blocks;
  const std::span<const float> gradients_of_rows(row_gradients.data(), static_cast<std::size_t>(row_gradients.size()));
  const Unlocked unlocked;
  apply_gradients(kernels, optimizer, table, ids, gradients_of_rows, learning_rate, step, threads);
}

// Sums of rows: bag b is entries [offsets[b], offsets[b + 1]).
py::array_t<float> sums_of_rows(const py::object& table, const Array<std::int64_t>& offsets,
                                const Array<std::int64_t>& rows, const std::optional<Array<float>>& weights,
                                int threads) {
  const FloatRows values = as_rows(table, "table");
  const auto bags = as_span(offsets, "offsets");
  const auto ids = as_span(rows, "rows");
  if (bags.empty() || bags.front() != 0 || !std::is_sorted(bags.begin(), bags.end()) || bags.back() != std::ssize(ids))
    throw ValueError("offsets must start at 0, never fall and end at the number of rows");
  std::span<const float> scales;
  if (weights) scales = as_span(*weights, "weights");
  if (weights && scales.size() != ids.size()) throw ValueError("weights must have an entry for each of rows");
  for (const std::int64_t id : ids) {
    if (id < 0 || id >= values.rows)
      throw IndexError("rows must be at least 0 and below " + std::to_string(values.rows) + ", got " +
                       std::to_string(id));
  }
  py::array_t<float> sums({static_cast<py::ssize_t>(bags.size()) - 1, static_cast<py::ssize_t>(values.dim)});
  const std::span<float> out(sums.mutable_data(), static_cast<std::size_t>(sums.size()));
  const Unlocked unlocked;
  sum_bags(values, bags, ids, scales, out, threads);
  return sums;
}

Normalizer normalizer_named(const std::string& name) {
  if (name == "softmax") return Normalizer::kSoftmax;
  if (name == "sigmoid") return Normalizer::kSigmoid;
  if (name == "none") return Normalizer::kNone;
  throw ValueError("normalizer must be softmax, sigmoid or none, got " + name);
}

OutputScores scores_of(const OwnedModel& model, const std::optional<Array<double>>& log_offsets,
                       const std::string& normalizer) {
  OutputScores scores{model.model, {}, normalizer_named(normalizer)};
  if (log_offsets) scores.log_offsets = as_span(*log_offsets, "log_offsets");
  return scores;
}

py::array_t<double> log_likelihood(const OwnedModel& model, const py::object& hidden,
                                   const Array<std::int64_t>& targets, std::int64_t per_example,
                                   const std::optional<Array<double>>& log_offsets, bool sigmoid, int threads) {
  const OutputScores scores = scores_of(model, log_offsets, sigmoid ? "sigmoid" : "softmax");
  const FloatRows rows = as_rows(hidden, "hidden");
  const auto words = as_span(targets, "targets");
  py::array_t<double> result(static_cast<py::ssize_t>(rows.rows));
  const std::span<double> values(result.mutable_data(), static_cast<std::size_t>(rows.rows));
  const BlockKernels& kernels = active_kernels().blocks;
  {
    const Unlocked unlocked;
    output_log_likelihood(kernels, scores, rows, words, per_example, values, threads, keep_going);
  }
  return result;
}

// (ids, log_probabilities), both (B, k).
py::tuple top_k(const OwnedModel& model, const py::object& hidden, std::int64_t k,
                const std::optional<Array<double>>& log_offsets, const std::string& normalizer, int threads,
                const std::optional<Array<std::int64_t>>& excluded_offsets,
                const std::optional<Array<std::int32_t>>& excluded_ids) {
  const OutputScores scores = scores_of(model, log_offsets, normalizer);
  if (excluded_offsets.has_value() != excluded_ids.has_value())
    throw ValueError("excluded_offsets and excluded_ids must be given together");
  ExcludedOutputs excluded;
  if (excluded_offsets)
    excluded = {as_span(*excluded_offsets, "excluded_offsets"), as_span(*excluded_ids, "excluded_ids")};
  const FloatRows rows = as_rows(hidden, "hidden");
  py::array_t<std::int32_t> ids({static_cast<py::ssize_t>(rows.rows), static_cast<py::ssize_t>(k)});
  py::array_t<double> log_probabilities({static_cast<py::ssize_t>(rows.rows), static_cast<py::ssize_t>(k)});
  const std::span<std::int32_t> words(ids.mutable_data(), static_cast<std::size_t>(ids.size()));
  const std::span<double> values(log_probabilities.mutable_data(), words.size());
  const BlockKernels& kernels = active_kernels().blocks;
  {
    const Unlocked unlocked;
    output_top_k(kernels, scores, rows, k, excluded, words, values, threads, keep_going);
  }
  return py::make_tuple(std::move(ids), std::move(log_probabilities));
}

}   // namespace

void bind_output_layer(py::module_& module) {
  const py::none none;
  py::class_<OwnedModel>(module, "LayerModel")
      .def(py::init(&make_model), py::arg("weights"), py::arg("bias"), py::arg("temperature") = 1.0,
           py::arg("normalize") = false);
  py::class_<OwnedCandidates>(module, "LayerCandidates")
      .def(py::init(&make_candidates), py::kw_only(), py::arg("softmax"), py::arg("positive") = "tf",
           py::arg("independent") = false, py::arg("label_smoothing") = 0.0, py::arg("num_draws") = 0.0,
           py::arg("shared_rows").noconvert() = none, py::arg("shared_weights").noconvert() = none,
           py::arg("shared_log_q").noconvert() = none, py::arg("targets").noconvert() = none,
           py::arg("target_offsets").noconvert() = none, py::arg("target_weights").noconvert() = none,
           py::arg("target_log_q").noconvert() = none, py::arg("mask_hits") = true, py::arg("hard_of") = 1,
           py::arg("own_offsets").noconvert() = none, py::arg("own_rows").noconvert() = none,
           py::arg("own_labels").noconvert() = none, py::arg("own_log_q").noconvert() = none);
  module.def(   // what gradients would refuse, before anything is drawn
      "check_hidden",
      [](const OwnedModel& model, const py::object& hidden) {
        hogvec::check_hidden(as_rows(hidden, "hidden"), model.model.weights);
      },
      py::arg("model"), py::arg("hidden"));
  module.def("output_gradients", &gradients, py::arg("model"), py::arg("hidden"), py::arg("candidates"),
             py::arg("example_weights").noconvert(), py::arg("threads"), py::arg("instruction_set") = "");
  module.def("apply_gradients", &apply, py::arg("values"), py::arg("rows").noconvert(),
             py::arg("row_gradients").noconvert(), py::arg("optimizer"), py::arg("first").noconvert(),
             py::arg("second").noconvert(), py::arg("steps").noconvert(), py::arg("learning_rate"), py::arg("step"),
             py::arg("threads"));
  module.def("output_log_likelihood", &log_likelihood, py::arg("model"), py::arg("hidden"),
             py::arg("targets").noconvert(), py::arg("per_example"), py::arg("log_offsets").noconvert(),
             py::arg("sigmoid"), py::arg("threads"));
  module.def("output_top_k", &top_k, py::arg("model"), py::arg("hidden"), py::arg("k"),
             py::arg("log_offsets").noconvert(), py::arg("normalizer"), py::arg("threads"),
             py::arg("excluded_offsets").noconvert() = none, py::arg("excluded_ids").noconvert() = none);
  module.def("sum_bags", &sums_of_rows, py::arg("table").noconvert(), py::arg("offsets").noconvert(),
             py::arg("rows").noconvert(), py::arg("weights").noconvert() = none, py::arg("threads") = 1);
}

}   // namespace hogvec::bindings
