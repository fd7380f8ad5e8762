// Workers take chunks of the corpus from a counter and train on them.
#include "hogvec/trainer.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/row_replicas.hpp"
#include "hogvec/schedule.hpp"
#include "hogvec/walk_examples.hpp"
#include "hogvec/workers.hpp"

namespace hogvec {

namespace {

// Words of a context: the most there can be, or the mean where sequences set no bound of use. Examples themselves mind
// the rows of those that have more.
std::int64_t typical_context(const EpochSettings& settings) {
  if (settings.documents != nullptr) return 1;
  if (!settings.architecture.whole_sequence) return 2 * std::int64_t{settings.architecture.window};
  if (settings.walks != nullptr) return settings.walks->settings().length;
  const CorpusView& corpus = settings.corpus;
  const auto sequences = static_cast<std::int64_t>(corpus.offsets.size()) - 1;
  return 1 + static_cast<std::int64_t>(corpus.tokens.size()) / std::max<std::int64_t>(sequences, 1);
}

// Targets of a batch: enough to spread the cost of a call, few enough that very wide windows stay small and that a
// worker hears of a stop within a fraction of a second.
std::size_t batch_groups(const EpochSettings& settings) {
  constexpr std::int64_t kMostGroups = 128;
  constexpr std::int64_t kMostRows = 65536;
  constexpr std::int64_t kMostProducts = std::int64_t{1} << 26;   // of two floats, in the scores
  const std::int64_t words = typical_context(settings);
  const Subwords* const subwords = settings.subwords;
  const std::int64_t rows =
      subwords == nullptr ? words
                          : words * (1 + subwords->offsets().back() / static_cast<std::int64_t>(subwords->num_words()));
  const std::int64_t candidates =
      std::visit([](const auto& objective) { return objective.most_candidates(); }, *settings.objective);
  const std::int64_t products = words * std::max<std::int64_t>(candidates, 1);
  const std::int64_t groups = std::min(kMostRows / rows, kMostProducts / settings.input.values.stride / products);
  return static_cast<std::size_t>(std::clamp<std::int64_t>(groups, 1, kMostGroups));
}

// What one worker has done, on cache lines of its own; the watcher adds up.
struct alignas(128) WorkerCounts {
  std::atomic<std::int64_t> words{0}, trained_words{0}, groups{0};
  std::atomic<double> loss{0}, weight{0}, learning_rate{0};
};

// What the workers share.
struct Shared {
  Shared(int threads, std::uint32_t first_step) : steps(first_step), counts(static_cast<std::size_t>(threads)) {}

  std::atomic<std::int64_t> next_chunk{0};
  std::atomic<std::uint32_t> steps;   // groups begun, for optimizers that count them; wraps
  std::vector<WorkerCounts> counts;
};

template <class T>
void add(std::atomic<T>& counter, T value) {   // one writer: no read-modify-write is needed
  counter.store(counter.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

StateError diverged(const char* what, const EpochSettings& settings, double learning_rate) {
  char rate[32];
  std::snprintf(rate, sizeof rate, "%g", learning_rate);
  return StateError(std::string("the ") + what + " must stay finite, got a value that is not in epoch " +
                    std::to_string(settings.epoch + 1) + " at learning rate " + rate + ": use a lower learning rate");
}

bool all_finite(TableView table) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  const auto n = static_cast<std::size_t>(table.rows * table.stride);
  bool finite = true;
  for (std::size_t i = 0; i < n; ++i) finite &= (std::bit_cast<std::uint32_t>(table.data[i]) & kExponent) != kExponent;
  return finite;
}

// Numbers below 2^-126 count as 0 on the thread of a worker, and there alone: arithmetic with them takes a hundred
// times as long on x86, and questions that are long since answered have gradients of that size.
class SmallIsZero {
 public:
#if defined(__SSE__)
  SmallIsZero() : before_(_mm_getcsr()) { _mm_setcsr(before_ | kFlushResults | kFlushOperands); }
  ~SmallIsZero() { _mm_setcsr(before_); }
#else
  SmallIsZero() = default;
#endif
  SmallIsZero(const SmallIsZero&) = delete;
  SmallIsZero& operator=(const SmallIsZero&) = delete;

 private:
#if defined(__SSE__)
  static constexpr unsigned kFlushResults = 0x8000, kFlushOperands = 0x0040;
  unsigned before_;
#endif
};

// Copies of the nodes near the root of Huffman's tree, which are its last: the root is on every path, and half of all
// paths go on to each of its children. Eight for each worker leave few rows that two of them train at once. A tree that
// counts its nodes otherwise is trained in place.
std::optional<RowReplicas> replicas_for(const EpochSettings& settings) {
  constexpr std::int64_t kCopiesOfAWorker = 8;
  constexpr std::int64_t kMostCopies = 128;
  const auto* const objective = std::get_if<HierarchicalSoftmaxObjective>(settings.objective);
  if (settings.threads == 1 || objective == nullptr || settings.optimizer.kind != OptimizerKind::kSgd)
    return std::nullopt;
  const std::int64_t nodes = objective->tree().num_inner();
  if (static_cast<std::int64_t>(index(objective->tree().root())) != nodes - 1) return std::nullopt;
  const std::int64_t copies = std::min({nodes, kCopiesOfAWorker * settings.threads, kMostCopies});
  return std::make_optional<RowReplicas>(*settings.kernels, settings.output.values, nodes - copies, copies,
                                         settings.threads);
}

// Trains on the chunks of `positions` positions that the worker gets.
template <class Examples>
void train_chunks(const EpochSettings& settings, Examples examples, std::int64_t positions, std::int64_t chunk_size,
                  RowReplicas* replicas, Shared& shared, WorkerCounts& counts, const StopFlag& stop) {
  const auto epoch = static_cast<std::uint64_t>(settings.epoch);
  const std::size_t most_groups = batch_groups(settings);
  const Scoring scoring = std::visit([](const auto& objective) { return objective.scoring(); }, *settings.objective);
  const Kernels::Train train = settings.kernels->train(scoring.link);
  BatchBuffer buffer;
  Scratch scratch;
  for (;;) {
    const std::int64_t chunk = shared.next_chunk.fetch_add(1, std::memory_order_relaxed);
    const Position begin = chunk * chunk_size;
    if (begin >= positions) return;
    const Position end = std::min(begin + chunk_size, positions);
    examples.start(begin, end);
    Stream stream(make_key(settings.seed, Purpose::kCandidates, epoch, static_cast<std::uint64_t>(chunk)));
    GroupSettings group;
    group.loss_every = kLossEvery;
    group.optimizer = settings.optimizer;
    group.groups_each = scoring.groups_each;
    group.score_scale = scoring.score_scale;
    if (replicas != nullptr) group.replicas = replicas->view();
    for (;;) {
      if (stop.load(std::memory_order_relaxed)) return;
      const double passed = static_cast<double>(examples.position()) / static_cast<double>(positions);
      if (!examples.fill(buffer, most_groups)) break;
      std::visit([&](const auto& objective) { objective.add_candidates(buffer, stream); }, *settings.objective);
      const double progress =
          (static_cast<double>(settings.run_epoch) + passed) / static_cast<double>(settings.run_epochs);
      const double rate = settings.schedule.learning_rate(settings.learning_rate, progress);
      group.learning_rate = static_cast<float>(rate);
      const Batch batch = buffer.view();
      scratch.reserve(batch, settings.input.values.stride, settings.optimizer.kind);
      group.first_step =
          shared.steps.fetch_add(static_cast<std::uint32_t>(batch.num_groups()), std::memory_order_relaxed);
      LossSum loss;
      train(BatchArrays(batch), group, settings.input, settings.output, scratch, loss);
      if (!std::isfinite(loss.loss)) throw diverged("loss", settings, rate);
      const auto groups = static_cast<std::int64_t>(batch.num_groups());
      group.first_group += groups;
      if (replicas != nullptr) replicas->trained(groups, rate);
      add(counts.groups, groups);
      add(counts.loss, loss.loss);
      add(counts.weight, loss.weight);
      counts.learning_rate.store(rate, std::memory_order_relaxed);
    }
    add(counts.words, end - begin);
    add(counts.trained_words, examples.kept());
  }
}

void run_worker(const EpochSettings& settings, std::span<const std::uint32_t> order, Shared& shared,
                WorkerCounts& counts, const StopFlag& stop) {
  [[maybe_unused]] const SmallIsZero small_is_zero;
  const std::uint64_t key = make_key(settings.seed, Purpose::kExample, static_cast<std::uint64_t>(settings.epoch));
  if (settings.documents != nullptr) {
    train_chunks(settings, DocumentExamples(*settings.documents, order, key), static_cast<std::int64_t>(order.size()),
                 chunk_documents(*settings.documents), nullptr, shared, counts, stop);
    return;
  }
  std::optional<RowReplicas> replicas = replicas_for(settings);
  const auto train = [&](auto examples, std::int64_t positions, std::int64_t chunk_size) {
    train_chunks(settings, std::move(examples), positions, chunk_size, replicas ? &*replicas : nullptr, shared, counts,
                 stop);
  };
  const WindowSettings& windows = settings.architecture;
  if (settings.walks != nullptr) {
    const WalkSettings& walks = settings.walks->settings();
    train(WalkExamples(*settings.walks, settings.walk_epoch, windows, settings.keep_thresholds, key),
          settings.walks->size() * walks.length, chunk_walks(walks));
  } else {
    train(WindowExamples(settings.corpus, windows, settings.keep_thresholds, key, settings.subwords),
          static_cast<std::int64_t>(settings.corpus.tokens.size()), chunk_tokens(windows));
  }
  if (replicas) replicas->merge();
}

EpochProgress sum_up(const Shared& shared) {
  EpochProgress progress;
  for (const WorkerCounts& counts : shared.counts) {
    progress.words += counts.words.load(std::memory_order_relaxed);
    progress.trained_words += counts.trained_words.load(std::memory_order_relaxed);
    progress.groups += counts.groups.load(std::memory_order_relaxed);
    progress.loss.loss += counts.loss.load(std::memory_order_relaxed);
    progress.loss.weight += counts.weight.load(std::memory_order_relaxed);
    const double rate = counts.learning_rate.load(std::memory_order_relaxed);
    if (rate > 0) progress.learning_rate = progress.learning_rate > 0 ? std::min(progress.learning_rate, rate) : rate;
  }
  return progress;
}

}   // namespace

EpochProgress train_epoch(const EpochSettings& settings, const Observer& observer, std::chrono::milliseconds period) {
  Shared shared(settings.threads, settings.first_step);
  std::vector<std::uint32_t> order;
  if (settings.documents != nullptr)
    order = document_order(*settings.documents,
                           make_key(settings.seed, Purpose::kOrder, static_cast<std::uint64_t>(settings.epoch)));
  const auto work = [&](int worker, const StopFlag& stop) {
    run_worker(settings, order, shared, shared.counts[static_cast<std::size_t>(worker)], stop);
  };
  const bool finished = run_workers(settings.threads, [&] { return observer(sum_up(shared)); }, work, period);
  EpochProgress progress = sum_up(shared);
  progress.stopped = !finished;
  // The loss of a few groups was measured: it need not have met a value that is not finite.
  if (!all_finite(settings.input.values) || !all_finite(settings.output.values))
    throw diverged("tables", settings, progress.learning_rate);
  return progress;
}

}   // namespace hogvec
