// Tables being trained, objectives, and the two ways to train: an epoch over a corpus, or a batch of one's own.
#include <pybind11/functional.h>
#include <pybind11/stl.h>

#include <atomic>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "hogvec/error.hpp"
#include "hogvec/trainer.hpp"
#include "hogvec/workers.hpp"
#include "kernel_choice.hpp"
#include "owned_objective.hpp"
#include "tables.hpp"

namespace hogvec::bindings {

namespace {

OptimizerSettings make_optimizer(const std::string& name, float beta1, float beta2, float epsilon) {
  constexpr std::pair<const char*, OptimizerKind> kNames[] = {{"sgd", OptimizerKind::kSgd},
                                                              {"momentum", OptimizerKind::kMomentum},
                                                              {"averaged_momentum", OptimizerKind::kAveragedMomentum},
                                                              {"rmsprop", OptimizerKind::kRmsProp},
                                                              {"adagrad", OptimizerKind::kAdaGrad},
                                                              {"row_adagrad", OptimizerKind::kRowAdaGrad},
                                                              {"adam", OptimizerKind::kAdam},
                                                              {"decayed_adam", OptimizerKind::kDecayedAdam}};
  for (const auto& [known, kind] : kNames) {
    if (name == known) return {kind, beta1, beta2, epsilon};
  }
  throw ValueError("name must be that of an optimizer, got " + name);
}

WindowSettings make_windows(bool cbow, std::optional<std::int32_t> window, bool shrink, bool forward_mean,
                            bool backward_mean, bool predicts_context, const std::string& side) {
  constexpr std::pair<const char*, ContextSide> kSides[] = {
      {"both", ContextSide::kBoth}, {"past", ContextSide::kPast}, {"future", ContextSide::kFuture}};
  if (window && (*window < 1 || *window > kMostWindow))
    throw ValueError("window must be at least 1 and at most " + std::to_string(kMostWindow) + ", got " +
                     std::to_string(*window));
  for (const auto& [known, value] : kSides) {
    if (side == known)
      return {cbow,
              window.value_or(kMostWindow),
              shrink && window.has_value(),
              forward_mean,
              backward_mean,
              predicts_context,
              value,
              !window.has_value()};
  }
  throw ValueError("side must be both, past or future, got " + side);
}

Schedule make_schedule(const std::string& shape, double floor, double warm_up) {
  if (shape == "constant") return {Schedule::Shape::kConstant, floor, warm_up};
  if (shape == "linear") return {Schedule::Shape::kLinear, floor, warm_up};
  if (shape == "cosine") return {Schedule::Shape::kCosine, floor, warm_up};
  throw ValueError("shape must be constant, linear or cosine, got " + shape);
}

std::unique_ptr<Tables> make_tables(std::int64_t input_rows, std::int64_t output_rows, std::int64_t dim,
                                    std::uint64_t seed, const OptimizerSettings& optimizer, float initial_range) {
  const Unlocked unlocked;
  Pulse pulse(keep_going);
  return std::make_unique<Tables>(input_rows, output_rows, dim, seed, optimizer, initial_range, pulse);
}

// (rows, dim) over the table's own memory; the array keeps the tables alive.
py::array_t<float> table_array(TableView view, const py::object& owner) {
  return py::array_t<float>({view.rows, view.dim}, {view.stride * 4, std::int64_t{4}}, view.data, owner);
}

// What an optimizer keeps for one table, by name: live arrays, of shape (rows, dim) or (rows,).
py::dict state_arrays(OptimizerState& state, const OptimizerSettings& optimizer, const py::object& owner) {
  py::dict arrays;
  if (state.first() != nullptr) arrays["first"] = table_array(state.first()->view(), owner);
  if (state.second() != nullptr) {
    py::array_t<float> second = table_array(state.second()->view(), owner);
    if (optimizer.kind == OptimizerKind::kRowAdaGrad) second = second.reshape({-1});   // one row: a view
    arrays["second"] = second;
  }
  std::vector<std::uint32_t>& steps = state.steps();
  if (!steps.empty())
    arrays["steps"] = py::array_t<std::uint32_t>({static_cast<py::ssize_t>(steps.size())}, steps.data(), owner);
  return arrays;
}

CorpusView corpus_view(const Array<std::int32_t>& ids, const Array<std::int64_t>& offsets) {
  const auto tokens = as_span(ids, "ids");
  return {{reinterpret_cast<const WordId*>(tokens.data()), tokens.size()}, as_span(offsets, "offsets")};
}

void check_corpus(const CorpusView& corpus, std::int64_t rows) {
  check_offsets(corpus.offsets, corpus.tokens.size(), "offsets");
  std::int32_t least = 0;
  std::int32_t most = -1;
  Pulse pulse(keep_going);
  for_each(corpus.tokens.size(), &pulse, [&](std::size_t i) {
    least = std::min(least, static_cast<std::int32_t>(corpus.tokens[i]));
    most = std::max(most, static_cast<std::int32_t>(corpus.tokens[i]));
  });
  if (least < 0) throw IndexError("ids must not be negative, got " + std::to_string(least));
  if (most >= rows)
    throw IndexError("ids must be below the number of rows, " + std::to_string(rows) + ", got " + std::to_string(most));
}

// Windows without an end reach over their whole sequence: one that is too long is refused, not cut.
void check_sequence_lengths(std::span<const std::int64_t> offsets) {
  for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
    if (offsets[s + 1] - offsets[s] > kMostWindow)
      throw ValueError("sequences must have at most " + std::to_string(kMostWindow) + " tokens with window=None, got " +
                       std::to_string(offsets[s + 1] - offsets[s]) + " in sequence " + std::to_string(s));
  }
}

// Asks Python whether to go on: signals first, then the observer. GIL taken only while the interpreter lives.
bool keep_going(const Observer& observer, const EpochProgress& progress) {
  if (ActiveCall::exiting()) return false;
  const py::gil_scoped_acquire acquire;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
  return observer(progress);
}

EpochSettings run_settings(double learning_rate, const Schedule& schedule, std::int64_t run_epoch,
                           std::int64_t run_epochs, std::int64_t epoch, std::uint64_t seed, int threads) {
  if (threads < 1) throw ValueError("threads must be at least 1, got " + std::to_string(threads));
  EpochSettings settings;
  settings.kernels = &active_kernels();
  settings.schedule = schedule;
  settings.learning_rate = learning_rate;
  settings.run_epoch = run_epoch;
  settings.run_epochs = run_epochs;
  settings.epoch = epoch;
  settings.seed = seed;
  settings.threads = threads;
  return settings;
}

// Without the GIL.
EpochProgress run_epoch_of(Tables& tables, EpochSettings& settings, const Observer& observer) {
  settings.input = tables.trained_input();
  settings.output = tables.trained_output();
  settings.optimizer = tables.optimizer();
  settings.first_step = tables.steps();
  std::int64_t groups = 0;   // of an epoch that ends in an exception, those of its last report
  const auto observe = [&observer, &groups](const EpochProgress& progress) {
    groups = progress.groups;
    return keep_going(observer, progress);
  };
  try {
    const EpochProgress progress = train_epoch(settings, observe);
    tables.add_steps(progress.groups);
    return progress;
  } catch (...) {
    tables.add_steps(groups);
    throw;
  }
}

EpochProgress train_corpus_epoch(Tables& tables, const Array<std::int32_t>& ids, const Array<std::int64_t>& offsets,
                                 const Array<std::int64_t>& counts, const OwnedObjective& objective,
                                 const WindowSettings& architecture, const Subwords* subwords, double subsample,
                                 double learning_rate, const Schedule& schedule, std::int64_t run_epoch,
                                 std::int64_t run_epochs, std::int64_t epoch, std::uint64_t seed, int threads,
                                 const Observer& observer) {
  const ActiveCall active;
  const Tables::Busy busy(tables);
  EpochSettings settings = run_settings(learning_rate, schedule, run_epoch, run_epochs, epoch, seed, threads);
  settings.corpus = corpus_view(ids, offsets);
  const auto word_counts = as_span(counts, "counts");
  const auto rows = static_cast<std::int64_t>(word_counts.size());
  const std::int64_t words =
      subwords == nullptr ? tables.input().rows : static_cast<std::int64_t>(subwords->num_words());
  if (rows != words || rows != objective.num_targets() || objective.num_rows() > tables.output().rows)
    throw ValueError("counts must have one entry per row, " + std::to_string(words) + ", got " + std::to_string(rows));
  if (subwords != nullptr && subwords->num_rows() != tables.input().rows)
    throw ValueError("subwords must have as many rows as the input table, " + std::to_string(tables.input().rows) +
                     ", got " + std::to_string(subwords->num_rows()));
  if (architecture.predicts_context && !takes_several_targets(objective.objective()))
    throw ValueError("objective must take several targets to predict a context, got one that does not");
  settings.architecture = architecture;
  settings.subwords = subwords;
  settings.objective = &objective.objective();
  const py::gil_scoped_release release;
  check_corpus(settings.corpus, rows);
  if (architecture.whole_sequence) check_sequence_lengths(settings.corpus.offsets);
  const std::vector<std::uint32_t> thresholds = keep_thresholds(word_counts, subsample);
  settings.keep_thresholds = thresholds;
  return run_epoch_of(tables, settings, observer);
}

EpochProgress train_walks_epoch(Tables& tables, const Walker& walks, std::int64_t walk_epoch,
                                const Array<std::int64_t>& counts, const OwnedObjective& objective,
                                const WindowSettings& architecture, double subsample, double learning_rate,
                                const Schedule& schedule, std::int64_t run_epoch, std::int64_t run_epochs,
                                std::int64_t epoch, std::uint64_t seed, int threads, const Observer& observer) {
  const ActiveCall active;
  const Tables::Busy busy(tables);
  EpochSettings settings = run_settings(learning_rate, schedule, run_epoch, run_epochs, epoch, seed, threads);
  const auto node_counts = as_span(counts, "counts");
  const auto rows = static_cast<std::int64_t>(node_counts.size());
  const std::int64_t nodes = walks.graph().num_nodes();
  if (rows != nodes || nodes != tables.input().rows || nodes != objective.num_targets() ||
      objective.num_rows() > tables.output().rows)
    throw ValueError("counts must have one entry per node and row, " + std::to_string(nodes) + ", got " +
                     std::to_string(rows));
  settings.walks = &walks;
  settings.walk_epoch = walk_epoch;
  settings.architecture = architecture;
  settings.objective = &objective.objective();
  const py::gil_scoped_release release;
  const std::vector<std::uint32_t> thresholds = keep_thresholds(node_counts, subsample);
  settings.keep_thresholds = thresholds;
  return run_epoch_of(tables, settings, observer);
}

// Weights of so many things, none negative or not finite, or none at all.
std::span<const float> optional_weights(const std::optional<Array<float>>& array, std::int64_t size, const char* name) {
  if (!array) return {};
  const auto weights = as_span(*array, name);
  if (static_cast<std::int64_t>(weights.size()) != size)
    throw ValueError(std::string(name) + " must have " + std::to_string(size) + " entries, got " +
                     std::to_string(weights.size()));
  for (const float weight : weights) {
    if (!(weight >= 0) || !std::isfinite(weight))
      throw ValueError(std::string(name) + " must be finite and not negative, got " + std::to_string(weight));
  }
  return weights;
}

EpochProgress train_documents_epoch(Tables& tables, const TextFeatures& features, const Documents& documents,
                                    const std::optional<Array<float>>& weights,
                                    const std::optional<Array<float>>& label_weights, bool every_label,
                                    const OwnedObjective& objective, double learning_rate, const Schedule& schedule,
                                    std::int64_t run_epoch, std::int64_t run_epochs, std::int64_t epoch,
                                    std::uint64_t seed, int threads, const Observer& observer) {
  const ActiveCall active;
  const Tables::Busy busy(tables);
  EpochSettings settings = run_settings(learning_rate, schedule, run_epoch, run_epochs, epoch, seed, threads);
  const auto size = static_cast<std::int64_t>(documents.size());
  if (features.num_rows() != tables.input().rows)
    throw ValueError("features must have as many rows as the input table, " + std::to_string(tables.input().rows) +
                     ", got " + std::to_string(features.num_rows()));
  if (features.num_labels() != objective.num_targets() || objective.num_rows() > tables.output().rows)
    throw ValueError("objective must have as many targets as there are labels, " +
                     std::to_string(features.num_labels()) + ", got " + std::to_string(objective.num_targets()));
  if (every_label && !takes_several_targets(objective.objective()))
    throw ValueError("objective must take several targets to predict every label, got one that does not");
  const DocumentSource source = {&features, &documents, optional_weights(weights, size, "weights"),
                                 optional_weights(label_weights, features.num_labels(), "label_weights"), every_label};
  settings.documents = &source;
  settings.objective = &objective.objective();
  const py::gil_scoped_release release;
  check(documents, features.num_rows());
  check_labels(documents, features.num_labels());
  return run_epoch_of(tables, settings, observer);
}

template <class T>
using Optional = std::optional<Array<T>>;

template <class T, class Element = T>
std::span<const Element> optional_span(const Optional<T>& array, const char* name) {
  if (!array) return {};
  const auto values = as_span(*array, name);
  return {reinterpret_cast<const Element*>(values.data()), values.size()};
}

// In a Batch an empty span means the default; an empty array that was given means no entries.
template <class T>
void check_given(const Optional<T>& array, std::size_t needed, const char* name) {
  if (array && array->size() == 0 && needed > 0)
    throw ValueError(std::string(name) + " must not be empty, got no entry; leave it out for its default");
}

double train_batch(Tables& tables, const Array<std::uint32_t>& bag_rows, const Optional<std::int64_t>& bag_offsets,
                   const Optional<float>& bag_weights, const Optional<float>& forward_scale,
                   const Optional<float>& backward_scale, const Optional<float>& weight,
                   const Array<std::int64_t>& group_offsets, const Optional<std::uint32_t>& group_hidden,
                   const Array<std::int64_t>& shared_offsets, const Array<std::uint32_t>& shared_rows,
                   const Array<float>& shared_labels, const Optional<float>& shared_weights,
                   const Optional<float>& shared_log_q, const Optional<std::int64_t>& own_offsets,
                   const Optional<std::uint32_t>& own_rows, const Optional<float>& own_labels,
                   const Optional<float>& own_log_q, const Optional<std::int64_t>& hit_offsets,
                   const Optional<std::int64_t>& hit_candidates, const std::string& link, float score_scale,
                   double learning_rate, const std::string& instruction_set) {
  const ActiveCall active;
  if (link != "logistic" && link != "softmax") throw ValueError("link must be logistic or softmax, got " + link);
  const Tables::Busy busy(tables);
  const Kernels& kernels = kernels_named(instruction_set);
  const auto rows = [](const Array<std::uint32_t>& array, const char* name) {
    const auto values = as_span(array, name);
    return std::span<const RowId>(reinterpret_cast<const RowId*>(values.data()), values.size());
  };
  Batch given;
  given.bag_offsets = optional_span(bag_offsets, "bag_offsets");
  given.bag_rows = rows(bag_rows, "bag_rows");
  given.bag_weights = optional_span(bag_weights, "bag_weights");
  given.forward_scale = optional_span(forward_scale, "forward_scale");
  given.backward_scale = optional_span(backward_scale, "backward_scale");
  given.weight = optional_span(weight, "weight");
  given.group_offsets = as_span(group_offsets, "group_offsets");
  given.group_hidden = optional_span(group_hidden, "group_hidden");
  given.shared_offsets = as_span(shared_offsets, "shared_offsets");
  given.shared_rows = rows(shared_rows, "shared_rows");
  given.shared_labels = as_span(shared_labels, "shared_labels");
  given.shared_weights = optional_span(shared_weights, "shared_weights");
  given.shared_log_q = optional_span(shared_log_q, "shared_log_q");
  given.own_offsets = optional_span(own_offsets, "own_offsets");
  given.own_rows = optional_span<std::uint32_t, RowId>(own_rows, "own_rows");
  given.own_labels = optional_span(own_labels, "own_labels");
  given.own_log_q = optional_span(own_log_q, "own_log_q");
  given.hit_offsets = optional_span(hit_offsets, "hit_offsets");
  given.hit_candidates = optional_span(hit_candidates, "hit_candidates");

  check_given(bag_offsets, 1, "bag_offsets");
  check_given(bag_weights, given.bag_rows.size(), "bag_weights");
  const std::size_t hidden = given.num_hidden();
  check_given(forward_scale, hidden, "forward_scale");
  check_given(backward_scale, hidden, "backward_scale");
  check_given(weight, hidden, "weight");
  check_given(group_hidden, hidden, "group_hidden");
  check_given(shared_weights, given.shared_rows.size(), "shared_weights");
  check_given(shared_log_q, given.shared_rows.size(), "shared_log_q");
  check_given(own_offsets, 1, "own_offsets");
  check_given(hit_offsets, 1, "hit_offsets");
  check_given(own_log_q, given.own_rows.size(), "own_log_q");

  const py::gil_scoped_release release;
  validate(given, tables.input().rows, tables.output().rows);
  BatchBuffer buffer = canonical(given);
  const Batch batch = buffer.view();
  Scratch scratch;
  scratch.reserve(batch, tables.input().stride, tables.optimizer().kind);
  GroupSettings settings;
  settings.learning_rate = static_cast<float>(learning_rate);
  settings.optimizer = tables.optimizer();
  settings.first_step = tables.steps();
  settings.score_scale = score_scale;
  LossSum loss;
  const Kernels::Train train = kernels.train(link == "softmax" ? Link::kSoftmax : Link::kLogistic);
  train(BatchArrays(batch), settings, tables.trained_input(), tables.trained_output(), scratch, loss);
  if (learning_rate > 0) tables.add_steps(static_cast<std::int64_t>(batch.num_groups()));
  if (!std::isfinite(loss.loss)) {
    char rate[32];
    std::snprintf(rate, sizeof rate, "%g", learning_rate);
    throw StateError(std::string("the loss of the batch must be finite, got ") +
                     (std::isnan(loss.loss) ? "nan" : "inf") + " at learning rate " + rate +
                     ": the tables or the batch hold values that are too large");
  }
  return loss.loss;
}

void bind_tables(py::module_& module) {
  const auto none = py::none();
  py::class_<Tables>(module, "Tables")
      .def(py::init(&make_tables), py::arg("input_rows"), py::arg("output_rows"), py::arg("dim"), py::arg("seed"),
           py::arg("optimizer"), py::arg("initial_range"))
      .def_property_readonly("input",
                             [](const py::object& self) { return table_array(self.cast<Tables&>().input(), self); })
      .def_property_readonly("output",
                             [](const py::object& self) { return table_array(self.cast<Tables&>().output(), self); })
      .def_property_readonly("input_state",
                             [](const py::object& self) {
                               auto& tables = self.cast<Tables&>();
                               return state_arrays(tables.input_state(), tables.optimizer(), self);
                             })
      .def_property_readonly("output_state",
                             [](const py::object& self) {
                               auto& tables = self.cast<Tables&>();
                               return state_arrays(tables.output_state(), tables.optimizer(), self);
                             })
      .def("train_epoch", &train_corpus_epoch, py::kw_only(), py::arg("ids").noconvert(),
           py::arg("offsets").noconvert(), py::arg("counts").noconvert(), py::arg("objective"), py::arg("architecture"),
           py::arg("subwords") = none, py::arg("subsample"), py::arg("learning_rate"), py::arg("schedule"),
           py::arg("run_epoch"), py::arg("run_epochs"), py::arg("epoch"), py::arg("seed"), py::arg("threads"),
           py::arg("observer"))
      .def("train_walks", &train_walks_epoch, py::kw_only(), py::arg("walks"), py::arg("walk_epoch"),
           py::arg("counts").noconvert(), py::arg("objective"), py::arg("architecture"), py::arg("subsample"),
           py::arg("learning_rate"), py::arg("schedule"), py::arg("run_epoch"), py::arg("run_epochs"), py::arg("epoch"),
           py::arg("seed"), py::arg("threads"), py::arg("observer"))
      .def("train_documents", &train_documents_epoch, py::kw_only(), py::arg("features"), py::arg("documents"),
           py::arg("weights").noconvert() = none, py::arg("label_weights").noconvert() = none, py::arg("every_label"),
           py::arg("objective"), py::arg("learning_rate"), py::arg("schedule"), py::arg("run_epoch"),
           py::arg("run_epochs"), py::arg("epoch"), py::arg("seed"), py::arg("threads"), py::arg("observer"))
      .def("train_batch", &train_batch, py::kw_only(), py::arg("bag_rows").noconvert(),
           py::arg("bag_offsets").noconvert() = none, py::arg("bag_weights").noconvert() = none,
           py::arg("forward_scale").noconvert() = none, py::arg("backward_scale").noconvert() = none,
           py::arg("weight").noconvert() = none, py::arg("group_offsets").noconvert(),
           py::arg("group_hidden").noconvert() = none, py::arg("shared_offsets").noconvert(),
           py::arg("shared_rows").noconvert(), py::arg("shared_labels").noconvert(),
           py::arg("shared_weights").noconvert() = none, py::arg("shared_log_q").noconvert() = none,
           py::arg("own_offsets").noconvert() = none, py::arg("own_rows").noconvert() = none,
           py::arg("own_labels").noconvert() = none, py::arg("own_log_q").noconvert() = none,
           py::arg("hit_offsets").noconvert() = none, py::arg("hit_candidates").noconvert() = none,
           py::arg("link") = "logistic", py::arg("score_scale") = 1.0F, py::arg("learning_rate"),
           py::arg("instruction_set") = "");
}

}   // namespace

void bind_trainer(py::module_& module) {
  py::class_<WindowSettings>(module, "WindowSettings")
      .def(py::init(&make_windows), py::kw_only(), py::arg("cbow"), py::arg("window"), py::arg("shrink"),
           py::arg("forward_mean"), py::arg("backward_mean"), py::arg("predicts_context") = false,
           py::arg("side") = "both");
  py::class_<OwnedObjective>(module, "Objective")
      .def_static("negative_sampling", &OwnedObjective::negative_sampling, py::arg("weights").noconvert(),
                  py::arg("negatives"))
      .def_static("noise_contrastive", &OwnedObjective::noise_contrastive, py::arg("weights").noconvert(),
                  py::arg("log_q").noconvert(), py::arg("negatives"), py::arg("remove_hits"))
      .def_static("sampled_softmax", &OwnedObjective::sampled_softmax, py::arg("weights").noconvert(),
                  py::arg("num_sampled"), py::kw_only(), py::arg("unique"), py::arg("keep_hits"),
                  py::arg("temperature"), py::arg("label_smoothing"))
      .def_static("all_rows", &OwnedObjective::all_rows, py::arg("num_rows"), py::kw_only(), py::arg("softmax"),
                  py::arg("temperature") = 1.0F, py::arg("label_smoothing") = 0.0F, py::arg("every_target") = false)
      .def_static("two_level_softmax", &OwnedObjective::two_level_softmax, py::arg("class_of").noconvert())
      .def_static("hierarchical_softmax", &OwnedObjective::hierarchical_softmax, py::arg("tree"),
                  py::keep_alive<0, 1>());
  py::class_<OptimizerSettings>(module, "Optimizer")
      .def(py::init(&make_optimizer), py::arg("name"), py::arg("beta1") = 0.0F, py::arg("beta2") = 0.0F,
           py::arg("epsilon") = 0.0F)
      .def(
          "state_bytes",
          [](const OptimizerSettings& self, std::int64_t rows, std::int64_t dim) {
            return OptimizerState::bytes(self.kind, rows, dim);
          },
          py::arg("rows"), py::arg("dim"));
  py::class_<Schedule>(module, "Schedule")
      .def(py::init(&make_schedule), py::arg("shape"), py::arg("floor"), py::arg("warm_up"))
      .def("factor", &Schedule::factor, py::arg("progress"));
  py::class_<EpochProgress>(module, "EpochProgress")
      .def_readonly("words", &EpochProgress::words)
      .def_readonly("trained_words", &EpochProgress::trained_words)
      .def_readonly("groups", &EpochProgress::groups)
      .def_readonly("learning_rate", &EpochProgress::learning_rate)
      .def_readonly("stopped", &EpochProgress::stopped)
      .def_property_readonly("loss", [](const EpochProgress& progress) {
        return progress.loss.weight > 0 ? progress.loss.loss / progress.loss.weight
                                        : std::numeric_limits<double>::quiet_NaN();
      });
  bind_tables(module);
}

}   // namespace hogvec::bindings
