// N-grams for Python: counting, smoothing, and models over NumPy arrays, which may be mapped from a file.
#include <pybind11/stl.h>

#include <utility>
#include <vector>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "bindings.hpp"
#include "hogvec/corpus.hpp"
#include "hogvec/ngram_model.hpp"

namespace hogvec::bindings {
namespace {

template <class T>
using Arrays = std::vector<Array<T>>;   // one for each level

template <class T>
std::vector<std::span<const T>> as_spans(const Arrays<T>& arrays, const char* name) {
  std::vector<std::span<const T>> spans;
  for (const Array<T>& array : arrays) spans.push_back(as_span(array, name));
  return spans;
}

template <class T>
py::list to_arrays(std::vector<std::vector<T>>&& levels) {
  py::list arrays;
  for (std::vector<T>& level : levels) arrays.append(to_array(std::move(level)));
  return arrays;
}

CorpusView corpus_of(const Array<std::int32_t>& ids, const Array<std::int64_t>& offsets) {
  const CorpusView corpus{as_ids(ids, "ids"), as_span(offsets, "offsets")};
  check_offsets(corpus.offsets, std::ssize(corpus.tokens));
  return corpus;
}

NGramTrie trie_of(std::int32_t num_words, const Arrays<std::int32_t>& words, const Arrays<std::int64_t>& first_child) {
  if (words.empty() || first_child.size() + 1 != words.size())
    throw ValueError("every level but the last must have children, got " + std::to_string(first_child.size()) +
                     " arrays for " + std::to_string(words.size()) + " levels");
  NGramTrie trie{num_words, {}};
  for (std::size_t k = 0; k < words.size(); ++k) {
    trie.levels.push_back(
        {k < first_child.size() ? as_span(first_child[k], "first_child") : std::span<const std::int64_t>(),
         as_span(words[k], "words")});
  }
  return trie;
}

// (words, first_child, counts), lists of arrays.
py::tuple count(const Array<std::int32_t>& ids, const Array<std::int64_t>& offsets, std::int32_t num_words, int order,
                int threads) {
  const CorpusView corpus = corpus_of(ids, offsets);
  NGramCounts counts;
  {
    const Unlocked unlocked;
    counts = count_ngrams(corpus, num_words, order, threads, keep_going);
  }
  return py::make_tuple(to_arrays(std::move(counts.words)), to_arrays(std::move(counts.first_child)),
                        to_arrays(std::move(counts.counts)));
}

// (log_probability, log_backoff, discounts), lists of arrays and of triples.
py::tuple smooth(std::int32_t num_words, const Arrays<std::int32_t>& words, const Arrays<std::int64_t>& first_child,
                 const Arrays<std::int64_t>& counts) {
  const NGramModel model{trie_of(num_words, words, first_child), AddedCounts{as_spans(counts, "counts"), 0}};
  NGramWeights weights;
  {
    const Unlocked unlocked;
    check_model(model);
    weights = kneser_ney(model.trie, std::get<AddedCounts>(model.weights).counts);
  }
  return py::make_tuple(to_arrays(std::move(weights.log_probability)), to_arrays(std::move(weights.log_backoff)),
                        weights.discounts);
}

// A model and the arrays that it reads.
struct OwnedModel {
  NGramModel model;
  Arrays<std::int32_t> words;
  Arrays<std::int64_t> first_child, counts;
  Arrays<float> log_probability, log_backoff;
};

OwnedModel backing_off(std::int32_t num_words, Arrays<std::int32_t> words, Arrays<std::int64_t> first_child,
                       Arrays<float> log_probability, Arrays<float> log_backoff) {
  OwnedModel owned{{trie_of(num_words, words, first_child),
                    BackoffWeights{as_spans(log_probability, "log_probability"), as_spans(log_backoff, "log_backoff")}},
                   std::move(words),
                   std::move(first_child),
                   {},
                   std::move(log_probability),
                   std::move(log_backoff)};
  const Unlocked unlocked;
  check_model(owned.model);
  return owned;
}

OwnedModel adding(std::int32_t num_words, Arrays<std::int32_t> words, Arrays<std::int64_t> first_child,
                  Arrays<std::int64_t> counts, double added) {
  OwnedModel owned{{trie_of(num_words, words, first_child), AddedCounts{as_spans(counts, "counts"), added}},
                   std::move(words),
                   std::move(first_child),
                   std::move(counts),
                   {},
                   {}};
  const Unlocked unlocked;
  check_model(owned.model);
  return owned;
}

py::array_t<double> log_probabilities(const OwnedModel& owned, const Array<std::int32_t>& ids,
                                      const Array<std::int64_t>& offsets, int threads) {
  const CorpusView corpus = corpus_of(ids, offsets);
  py::array_t<double> result(ids.size() + offsets.size() - 1);
  const std::span<double> out(result.mutable_data(), static_cast<std::size_t>(result.size()));
  const Unlocked unlocked;
  token_log_probabilities(owned.model, corpus, out, threads, keep_going);
  return result;
}

py::array_t<double> next(const OwnedModel& owned, const Array<std::int32_t>& context) {
  const auto words = as_span(context, "context");
  const std::int32_t begin = begin_of_sequence(owned.model.trie.num_words);
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] < 0 || words[i] >= begin - 1) {
      if (i == 0 && words[i] == begin) continue;
      throw ValueError("a context must have words of [0, " + std::to_string(begin - 1) + "), got " +
                       std::to_string(words[i]));
    }
  }
  py::array_t<double> result(owned.model.num_outputs());
  next_probabilities(owned.model, words, {result.mutable_data(), static_cast<std::size_t>(result.size())});
  return result;
}

}   // namespace

void bind_ngram(py::module_& module) {
  module.def("count_ngrams", count, py::arg("ids").noconvert(), py::arg("offsets").noconvert(), py::arg("num_words"),
             py::arg("order"), py::arg("threads"));
  module.def("kneser_ney", smooth, py::arg("num_words"), py::arg("words"), py::arg("first_child"), py::arg("counts"));
  py::class_<OwnedModel>(module, "NGramModel")
      .def_static("backing_off", backing_off, py::arg("num_words"), py::arg("words"), py::arg("first_child"),
                  py::arg("log_probability"), py::arg("log_backoff"))
      .def_static("adding", adding, py::arg("num_words"), py::arg("words"), py::arg("first_child"), py::arg("counts"),
                  py::arg("added"))
      .def("log_probabilities", log_probabilities, py::arg("ids").noconvert(), py::arg("offsets").noconvert(),
           py::arg("threads"))
      .def("next_probabilities", next, py::arg("context").noconvert());
}

}   // namespace hogvec::bindings
