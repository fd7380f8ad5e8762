// Probabilities under trees: they sum to 1, the best ones are found in order, and calls end when they are told to. The
// Python tests compare them with the reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/tree_scores.hpp"

using namespace hogvec;

namespace {

bool always() { return true; }

std::vector<float> random_floats(std::int64_t n, std::uint64_t seed) {
  Stream stream(make_key(seed, Purpose::kSample));
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = 4 * unit_float(stream.next()) - 2;
  return values;
}

// A tree with random weights of some dimension, rows `gap` floats longer than that, and hidden vectors likewise.
struct Case {
  Tree tree;
  std::int64_t rows, dim, stride;
  std::vector<float> weights, bias, hidden;

  Case(Tree made, std::int64_t batch, std::int64_t width, std::int64_t gap)
      : tree(std::move(made)),
        rows(batch),
        dim(width),
        stride(width + gap),
        weights(random_floats(tree.num_inner() * stride, 1)),
        bias(random_floats(tree.num_inner(), 2)),
        hidden(random_floats(batch * stride, 3)) {}

  TreeModel model() const { return {&tree, {weights.data(), tree.num_inner(), dim, stride}, bias}; }
  FloatRows inputs() const { return {hidden.data(), rows, dim, stride}; }

  std::vector<double> log_likelihood(std::int64_t target, int threads) const {
    std::vector<double> result(static_cast<std::size_t>(rows));
    const std::vector<std::int64_t> targets(result.size(), target);
    tree_log_likelihood(model(), inputs(), targets, result, threads, always);
    return result;
  }
};

}   // namespace

TEST_CASE("probabilities of all outputs sum to 1 and the best are found in order") {
  for (const std::int64_t dim : {1, 8, 19}) {
    const Case given(build_balanced_tree(37), 5, dim, dim % 3);
    const auto n = static_cast<std::size_t>(given.tree.num_leaves());
    std::vector<std::vector<double>> by_word;
    for (std::size_t word = 0; word < n; ++word)
      by_word.push_back(given.log_likelihood(static_cast<std::int64_t>(word), 3));
    std::vector<std::int32_t> ids(5 * n);
    std::vector<double> log_probabilities(5 * n);
    tree_top_k(given.model(), given.inputs(), given.tree.num_leaves(), ids, log_probabilities, 2, always);
    for (std::size_t row = 0; row < 5; ++row) {
      double sum = 0;
      for (std::size_t i = 0; i < n; ++i) {
        const double log_probability = log_probabilities[row * n + i];
        CHECK(log_probability == by_word[static_cast<std::size_t>(ids[row * n + i])][row]);
        if (i > 0) CHECK(log_probability <= log_probabilities[row * n + i - 1]);
        sum += std::exp(log_probability);
      }
      CHECK(sum == doctest::Approx(1).epsilon(1e-12));
    }
  }
}

TEST_CASE("many workers give what one gives") {
  const Case given(build_balanced_tree(1000), 400, 9, 2);
  CHECK(given.log_likelihood(123, 1) == given.log_likelihood(123, 8));
  constexpr std::int64_t kBest = 10;
  std::vector<std::int32_t> ids(400 * kBest), again(400 * kBest);
  std::vector<double> log_probabilities(400 * kBest);
  tree_top_k(given.model(), given.inputs(), kBest, ids, log_probabilities, 1, always);
  tree_top_k(given.model(), given.inputs(), kBest, again, log_probabilities, 8, always);
  CHECK(ids == again);
}

TEST_CASE("a call ends when it is told to, and says so") {
  // Scores of zero: every search has to open the whole tree.
  Case given(build_balanced_tree(1 << 16), 10'000, 1, 0);
  std::fill(given.weights.begin(), given.weights.end(), 0.0F);
  std::fill(given.bias.begin(), given.bias.end(), 0.0F);
  std::vector<std::int32_t> ids(10'000);
  std::vector<double> log_probabilities(10'000);
  CHECK_THROWS_WITH_AS(tree_top_k(given.model(), given.inputs(), 1, ids, log_probabilities, 2, [] { return false; }),
                       "the call must run to its end, got a stop before it", StateError);
}

TEST_CASE("what does not agree or is not finite is refused") {
  Case given(build_balanced_tree(4), 2, 3, 0);
  std::vector<double> result(2);
  const auto score = [&](const TreeModel& model, std::vector<std::int64_t> targets) {
    tree_log_likelihood(model, given.inputs(), targets, result, 2, always);
  };
  TreeModel model = given.model();
  CHECK_THROWS_AS(score(model, {0, 4}), IndexError);
  CHECK_THROWS_AS(score(model, {-1, 0}), IndexError);
  CHECK_THROWS_AS(score(model, {0}), ValueError);
  model.weights.rows = 4;
  CHECK_THROWS_AS(score(model, {0, 1}), ValueError);
  model = given.model();
  model.weights.dim = 2;
  CHECK_THROWS_AS(score(model, {0, 1}), ValueError);
  model = given.model();
  model.bias = model.bias.first(2);
  CHECK_THROWS_AS(score(model, {0, 1}), ValueError);
  given.hidden[4] = std::nanf("");
  CHECK_THROWS_WITH_AS(score(given.model(), {0, 1}), "hidden must be finite, got nan in row 1", ValueError);
}
