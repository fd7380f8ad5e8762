// An epoch: the same examples whatever the number of workers, streams that never coincide, errors, stops and progress.
// Most cases run kernels that write down what they are given instead of training;
// all share these, and so one file, longer than others.
#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/schedule.hpp"
#include "hogvec/trainer.hpp"

using namespace hogvec;
using namespace std::chrono_literals;

namespace {

constexpr int kWords = 50;
constexpr double kFewWords = 1e-3;   // subsampling that keeps a quarter: sanitizers make kernels slow

// What the written-down kernels see of a group: hashes of its bags and of its candidates but the first, the target.
struct SeenGroup {
  std::uint64_t bags = 0, target = 0, negatives = 0;
  auto operator<=>(const SeenGroup&) const = default;
};

std::uint64_t hash(std::uint64_t so_far, std::uint64_t next) { return mix64((so_far ^ next) + kGoldenGamma); }

struct SeenCall {
  double learning_rate;
  std::int64_t first_group;
  std::vector<SeenGroup> groups;
};

// Kernels are plain functions: what they do is set here.
std::mutex seen_mutex;
std::vector<SeenCall> seen_calls;
std::function<void(LossSum&)> on_call;

void write_down(const BatchArrays& batch, const GroupSettings& settings, const TrainedTable&, const TrainedTable&,
                Scratch&, LossSum& loss) {
  SeenCall call{double{settings.learning_rate}, settings.first_group, {}};
  for (std::int64_t g = 0; g < batch.num_groups; ++g) {
    SeenGroup group;
    for (std::int64_t h = batch.group_offsets[g]; h < batch.group_offsets[g + 1]; ++h) {
      const std::int64_t begin = batch.bag_offsets ? batch.bag_offsets[h] : h;
      const std::int64_t end = batch.bag_offsets ? batch.bag_offsets[h + 1] : h + 1;
      for (std::int64_t e = begin; e < end; ++e) group.bags = hash(group.bags, index(batch.bag_rows[e]));
      group.bags = hash(group.bags, batch.weight ? static_cast<std::uint64_t>(batch.weight[h]) : 1);
    }
    const std::int64_t target = batch.shared_offsets[g];
    group.target = index(batch.shared_rows[target]);
    for (std::int64_t t = target + 1; t < batch.shared_offsets[g + 1]; ++t) {
      group.negatives = hash(group.negatives, index(batch.shared_rows[t]));
      group.negatives =
          hash(group.negatives, batch.shared_weights ? static_cast<std::uint64_t>(batch.shared_weights[t]) : 1);
    }
    call.groups.push_back(group);
  }
  loss.loss = static_cast<double>(batch.num_groups);
  loss.weight = static_cast<double>(batch.num_groups);
  {
    const std::lock_guard lock(seen_mutex);
    seen_calls.push_back(std::move(call));
  }
  if (on_call) on_call(loss);
}

const Kernels kWriteDown = {"written down", write_down, nullptr, nullptr, nullptr, nullptr, {}};

struct Corpus {
  std::vector<WordId> tokens;
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int64_t> counts = std::vector<std::int64_t>(kWords);
};

Corpus random_corpus(std::int64_t n, std::int64_t line) {
  Corpus corpus;
  Stream stream(make_key(1, Purpose::kSample));
  for (std::int64_t i = 0; i < n; ++i) {
    const double u = unit_double(stream.next());
    const WordId word{static_cast<std::int32_t>(u * u * kWords)};
    corpus.tokens.push_back(word);
    corpus.counts[index(word)] += 1;
    if (i % line == line - 1 || i == n - 1) corpus.offsets.push_back(i + 1);
  }
  return corpus;
}

// A run over a corpus with tables of its own.
struct Run {
  explicit Run(const Corpus& corpus, double subsample = 0.01)
      : thresholds(keep_thresholds(corpus.counts, subsample)),
        noise(unigram_weights(corpus.counts, 0.75)),
        objective(NegativeSamplingObjective(noise, 5)),
        input(kWords, 20),
        output(kWords, 20) {
    initialize_uniform(input.view(), 1, 0.5F / static_cast<float>(input.view().dim));
    settings.corpus = {corpus.tokens, corpus.offsets};
    settings.keep_thresholds = thresholds;
    settings.objective = &objective;
    settings.kernels = &kWriteDown;
    settings.input = input.view();
    settings.output = output.view();
    settings.learning_rate = 0.05;
    on_call = nullptr;
    seen_calls.clear();
  }
  ~Run() { on_call = nullptr; }

  EpochProgress train(int threads) {
    seen_calls.clear();
    settings.threads = threads;
    return train_epoch(settings, [](const EpochProgress&) { return true; });
  }

  std::vector<SeenGroup> groups() const {
    std::vector<SeenGroup> all;
    for (const SeenCall& call : seen_calls) all.insert(all.end(), call.groups.begin(), call.groups.end());
    std::sort(all.begin(), all.end());
    return all;
  }

  std::vector<std::uint32_t> thresholds;
  AliasTable noise;
  Objective objective;
  Table input, output;
  EpochSettings settings;
};

// Made once: five chunks and a bit, lines that cross their edges.
const Corpus& shared_corpus() {
  static const Corpus corpus = random_corpus(5 * kChunkTokens + 1000, 777);
  return corpus;
}

}   // namespace

TEST_CASE("examples are the same for any number of workers") {
  for (const std::int64_t line : {std::int64_t{777}, std::int64_t{1} << 40}) {
    for (const bool cbow : {false, true}) {
      const Corpus corpus = random_corpus(5 * kChunkTokens + 1000, line);
      Run run(corpus);
      run.settings.architecture.cbow = cbow;
      const EpochProgress alone = run.train(1);
      const std::vector<SeenGroup> examples = run.groups();
      CHECK(alone.words == static_cast<std::int64_t>(corpus.tokens.size()));
      CHECK(alone.trained_words < alone.words);
      CHECK(alone.groups == static_cast<std::int64_t>(examples.size()));
      CHECK(alone.loss.weight == static_cast<double>(alone.groups));
      CHECK_FALSE(alone.stopped);
      for (const int threads : {2, 5, 20}) {
        CAPTURE(threads);
        const EpochProgress together = run.train(threads);
        CHECK(run.groups() == examples);
        CHECK(together.words == alone.words);
        CHECK(together.trained_words == alone.trained_words);
        CHECK(together.groups == alone.groups);
      }
    }
  }
}

TEST_CASE("one worker takes the same examples in the same order") {
  Run run(shared_corpus());
  run.train(1);
  const std::vector<SeenCall> first = seen_calls;
  run.train(1);
  REQUIRE(seen_calls.size() == first.size());
  for (std::size_t i = 0; i < first.size(); ++i) REQUIRE(seen_calls[i].groups == first[i].groups);
}

TEST_CASE("other seeds and epochs have other windows and other negatives") {
  Run run(shared_corpus());
  std::set<std::vector<SeenGroup>> seen;
  for (const std::uint64_t seed : {1U, 2U}) {
    for (const std::int64_t epoch : {0, 1}) {
      run.settings.seed = seed;
      run.settings.epoch = epoch;
      run.train(1);
      seen.insert(run.groups());
    }
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("no two chunks have the same negatives") {
  // One well-known trainer seeds every thread alike.
  Run run(shared_corpus(), 0);
  run.train(5);
  std::set<std::vector<std::uint64_t>> runs;
  int chunks = 0;
  for (const SeenCall& call : seen_calls) {
    if (call.first_group != 0) continue;
    ++chunks;
    std::vector<std::uint64_t> negatives;
    for (std::size_t g = 0; g < 32; ++g) negatives.push_back(call.groups[g].negatives);
    runs.insert(negatives);
  }
  CHECK(chunks == 6);
  CHECK(runs.size() == 6);
}

TEST_CASE("groups are numbered through a chunk, so that every sixteenth is measured") {
  Run run(shared_corpus(), 0);
  run.train(1);
  std::int64_t next = 0;
  int chunks = 0;
  for (const SeenCall& call : seen_calls) {
    if (call.first_group == 0) {
      next = 0;
      ++chunks;
    }
    CHECK(call.first_group == next);
    next += static_cast<std::int64_t>(call.groups.size());
  }
  CHECK(chunks == 6);
}

TEST_CASE("the learning rate falls linearly with the position, over all epochs of a run") {
  Run run(shared_corpus());
  run.settings.run_epochs = 4;
  double last = double{static_cast<float>(run.settings.learning_rate)};
  for (std::int64_t epoch = 0; epoch < 4; ++epoch) {
    run.settings.run_epoch = epoch;
    const EpochProgress progress = run.train(1);
    CHECK(seen_calls.front().learning_rate ==
          doctest::Approx(0.05 * (1 - static_cast<double>(epoch) / 4)).epsilon(1e-3));
    for (const SeenCall& call : seen_calls) {
      REQUIRE(call.learning_rate <= last);
      last = call.learning_rate;
    }
    CHECK(progress.learning_rate == doctest::Approx(last).epsilon(1e-6));
  }
  // The last batch of 128 kept words begins within 1,000 of 42,000 tokens of the end of the fourth epoch.
  CHECK(last < 0.05 * 1000 / 42000 / 4);
  CHECK(last >= 0.05 * 1e-4 * 0.999);
}

TEST_CASE("a learning rate follows its schedule and stays above its floor") {
  const Schedule linear;
  CHECK(linear.learning_rate(0.5, 0) == 0.5);
  CHECK(linear.learning_rate(0.5, 0.25) == 0.375);
  for (const double progress : {0.99995, 1.0, 2.0})
    CHECK(linear.learning_rate(0.5, progress) == doctest::Approx(0.5e-4));
  const Schedule constant{Schedule::Shape::kConstant, 0, 0.5};
  CHECK(constant.factor(0) == 0);
  CHECK(constant.factor(0.25) == 0.5);
  CHECK(constant.factor(0.5) == 1);
  CHECK(constant.factor(1) == 1);
  const Schedule cosine{Schedule::Shape::kCosine, 0.1, 0.2};
  CHECK(cosine.factor(0) == 0.1);
  CHECK(cosine.factor(0.2) == 1);
  CHECK(cosine.factor(0.6) == doctest::Approx(0.5));
  CHECK(cosine.factor(1) == 0.1);
}

TEST_CASE("the costlier a group, the fewer are trained between two looks at the flag that stops a worker") {
  const Corpus corpus = random_corpus(200, 200);
  Run run(corpus, 0);
  const Table wide(kWords, 1000);
  const auto most_groups = [&run] {
    run.train(1);
    std::size_t most = 0;
    for (const SeenCall& call : seen_calls) most = std::max(most, call.groups.size());
    return most;
  };
  CHECK(most_groups() == 128);
  run.settings.architecture.window = 1000;   // 65,536 rows
  CHECK(most_groups() == 32);
  run.settings.architecture.window = 5;
  run.settings.input = wide.view();
  run.objective = NegativeSamplingObjective(run.noise, 1000);   // 2^26 products of 10 x 1,001 x 1,008
  CHECK(most_groups() == 6);
  run.objective = NegativeSamplingObjective(run.noise, 10000);
  CHECK(most_groups() == 1);
}

TEST_CASE("several workers train with the rates of one") {
  Run run(shared_corpus());
  const auto rates = [&run](int threads) {
    run.train(threads);
    std::vector<double> all;
    for (const SeenCall& call : seen_calls) all.push_back(call.learning_rate);
    std::sort(all.begin(), all.end());
    return all;
  };
  CHECK(rates(1) == rates(4));
}

TEST_CASE("the measured loss does not depend on the number of workers when nothing changes") {
  for (const std::string& name : available_instruction_sets()) {
    Run run(shared_corpus(), kFewWords);
    run.settings.kernels = find_kernels(name);
    run.settings.learning_rate = 0;
    Stream stream(9);
    for (std::int64_t r = 0; r < kWords; ++r) {
      for (std::int64_t d = 0; d < 20; ++d)
        run.output.view().row(RowId{static_cast<std::uint32_t>(r)})[d] = unit_float(stream.next()) - 0.5F;
    }
    const EpochProgress alone = run.train(1);
    CHECK(alone.loss.weight > 0);
    for (const int threads : {2, 5}) {
      const EpochProgress together = run.train(threads);
      CHECK(together.loss.loss == doctest::Approx(alone.loss.loss).epsilon(1e-12));   // sums in another order
      CHECK(together.loss.weight == alone.loss.weight);
      CHECK(together.groups == alone.groups);
    }
  }
}

TEST_CASE("one worker is reproducible to the bit, and several train the same tables at once") {
  for (const std::string& name : available_instruction_sets()) {
    for (const bool cbow : {false, true}) {
      Run first(shared_corpus(), kFewWords), second(shared_corpus(), kFewWords), third(shared_corpus(), kFewWords);
      const auto train = [&](Run& run, int threads) {
        run.settings.kernels = find_kernels(name);
        run.settings.architecture.cbow = cbow;
        const EpochProgress progress = run.train(threads);
        return progress.loss.loss / progress.loss.weight;
      };
      const double loss = train(first, 1);
      CHECK(train(second, 1) == loss);
      const TableView a = first.input.view();
      const TableView b = second.input.view();
      CHECK(std::equal(a.data, a.data + a.rows * a.stride, b.data));
      // Updates that get lost between workers change the loss by little: it falls from 6 ln 2 = 4.16 to some 2.6.
      CHECK(train(third, 4) == doctest::Approx(loss).epsilon(0.05));
    }
  }
}

TEST_CASE("what a worker throws reaches the caller and ends the others") {
  Run run(shared_corpus());
  for (const int threads : {1, 4}) {
    std::atomic<int> calls{0};
    on_call = [&calls](LossSum&) {
      if (++calls == 3) throw std::length_error("thrown by the third call");
    };
    CHECK_THROWS_WITH_AS(run.train(threads), "thrown by the third call", std::length_error);
    on_call = nullptr;
    CHECK(run.train(threads).words == static_cast<std::int64_t>(shared_corpus().tokens.size()));
  }
}

TEST_CASE("a loss that is not finite ends the epoch with its number and the learning rate") {
  for (const double wrong : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Run run(shared_corpus());
    run.settings.epoch = 6;
    on_call = [wrong](LossSum& loss) { loss.loss = wrong; };
    std::string message;
    try {
      run.train(3);
    } catch (const StateError& error) {
      message = error.what();
    }
    CHECK(message.find("the loss must stay finite, got a value that is not in epoch 7 at learning rate 0.0") == 0);
  }
}

namespace {

// Holds every worker in its first kernel call until the observer has been called; then lets the watcher go first.
class Gate {
 public:
  Gate() {
    on_call = [this](LossSum&) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return open_; });
      lock.unlock();
      std::this_thread::yield();
    };
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

}   // namespace

TEST_CASE("an observer that returns false stops the epoch") {
  for (const int threads : {1, 3}) {
    const Corpus corpus = random_corpus(40 * kChunkTokens, 777);
    Run run(corpus);
    run.settings.threads = threads;
    Gate gate;
    int calls = 0;
    const EpochProgress progress = train_epoch(
        run.settings,
        [&](const EpochProgress&) {
          ++calls;
          gate.open();
          return false;
        },
        1ms);
    CHECK(calls == 1);
    CHECK(progress.stopped);
    CHECK(progress.words < static_cast<std::int64_t>(corpus.tokens.size()));   // how soon is up to the system's threads
  }
}

TEST_CASE("what an observer throws reaches the caller after the workers have ended") {
  Run run(shared_corpus());
  run.settings.threads = 3;
  {
    Gate gate;
    const auto observer = [&](const EpochProgress&) -> bool {
      gate.open();
      throw std::length_error("thrown by the observer");
    };
    CHECK_THROWS_WITH_AS(train_epoch(run.settings, observer, 1ms), "thrown by the observer", std::length_error);
  }
  on_call = nullptr;
  CHECK(run.train(3).groups > 0);
}

TEST_CASE("progress never goes back and ends with what was done") {
  Run run(shared_corpus());
  run.settings.threads = 2;
  std::vector<EpochProgress> seen;
  std::atomic<std::size_t> observed{0};
  on_call = [&](LossSum&) {   // at least one look at progress for every few batches
    const std::size_t before = observed;
    if (before < 5) observed.wait(before);
  };
  const EpochProgress last = train_epoch(
      run.settings,
      [&](const EpochProgress& progress) {
        seen.push_back(progress);
        ++observed;
        observed.notify_all();
        return true;
      },
      1ms);
  REQUIRE(seen.size() >= 5);
  for (std::size_t i = 1; i < seen.size(); ++i) {
    CHECK(seen[i].words >= seen[i - 1].words);
    CHECK(seen[i].trained_words >= seen[i - 1].trained_words);
    CHECK(seen[i].groups >= seen[i - 1].groups);
    CHECK(seen[i].words <= last.words);
  }
  CHECK(last.words == static_cast<std::int64_t>(shared_corpus().tokens.size()));
}

TEST_CASE("an empty corpus, and one without examples, train nothing") {
  for (const std::int64_t n : {0, 1, 5}) {
    const Corpus corpus = random_corpus(n, 1);
    Corpus counted = corpus;
    counted.counts.assign(kWords, 1);
    Run run(counted, 0);
    for (const int threads : {1, 4}) {
      const EpochProgress progress = run.train(threads);
      CHECK(progress.words == n);
      CHECK(progress.trained_words == n);
      CHECK(progress.groups == 0);
      CHECK(progress.loss.weight == 0);
      CHECK_FALSE(progress.stopped);
    }
  }
}

TEST_CASE("workers share tables under hierarchical softmax, too") {
  const Tree tree = build_huffman_tree(shared_corpus().counts);
  for (const std::string& name : available_instruction_sets()) {
    Run run(shared_corpus(), kFewWords);
    run.objective = HierarchicalSoftmaxObjective(tree);
    run.settings.kernels = find_kernels(name);
    const EpochProgress progress = run.train(4);
    CHECK(progress.loss.loss / progress.loss.weight > 0);
    CHECK(std::isfinite(progress.loss.loss));
  }
}
