// One epoch over a corpus: workers that build batches and run kernels on them, progress, stop and errors.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <span>

#include "hogvec/architecture.hpp"
#include "hogvec/document_examples.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/optimizer.hpp"
#include "hogvec/schedule.hpp"
#include "hogvec/table.hpp"
#include "hogvec/types.hpp"
#include "hogvec/walks.hpp"

namespace hogvec {

// The loss is measured on every 16th group of a chunk, counted from the chunk's first.
inline constexpr std::int64_t kLossEvery = 16;

struct EpochSettings {
  const DocumentSource* documents = nullptr;   // trained on, if given, in place of the next four
  const Walker* walks = nullptr;               // or these, of epoch `walk_epoch`, in place of the corpus
  std::int64_t walk_epoch = 0;
  CorpusView corpus;
  WindowSettings architecture;
  std::span<const std::uint32_t> keep_thresholds;   // (n_words,)
  const Subwords* subwords = nullptr;               // of all words, or none
  const Objective* objective = nullptr;
  const Kernels* kernels = nullptr;
  TrainedTable input, output;
  OptimizerSettings optimizer;
  std::uint32_t first_step = 0;   // groups trained before, modulo 2^32
  Schedule schedule;
  double learning_rate = 0;      // the highest of the run
  std::int64_t run_epoch = 0;    // epochs of this run before this one
  std::int64_t run_epochs = 1;   // epochs of this run: the schedule spans them
  std::int64_t epoch = 0;        // epochs of the tables before this one: keys the random numbers
  std::uint64_t seed = 1;
  int threads = 1;
};

struct EpochProgress {
  std::int64_t words = 0;           // tokens of the corpus, or documents, passed
  std::int64_t trained_words = 0;   // of these, kept by subsampling
  std::int64_t groups = 0;
  LossSum loss;
  double learning_rate = 0;   // of the batch that was trained last
  bool stopped = false;       // before the end of the corpus
};

// Called on the calling thread a few times a second; false stops the epoch. It may throw: workers stop, then it goes
// on.
using Observer = std::function<bool(const EpochProgress&)>;

// Trains on every sequence once. Throws StateError when the loss or a table is no longer finite, and what a worker
// threw.
EpochProgress train_epoch(const EpochSettings& settings, const Observer& observer,
                          std::chrono::milliseconds period = std::chrono::milliseconds(100));

}   // namespace hogvec
