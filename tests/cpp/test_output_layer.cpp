// The output layer on every instruction set against a plain reference in double precision. The Python tests compare the
// losses that are made of it with theirs.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/output_layer.hpp"
#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

bool always() { return true; }

std::vector<float> random_floats(std::int64_t n, std::uint64_t seed, float scale) {
  Stream stream(make_key(seed, Purpose::kSample));
  std::vector<float> values(static_cast<std::size_t>(n));
  for (float& value : values) value = scale * (2 * unit_float(stream.next()) - 1);
  return values;
}

// A mini-batch whose shared rows are every third, some of them the targets of some examples.
struct Case {
  std::int64_t examples, outputs, dim, gap;
  Link link;
  std::vector<float> hidden, weights, bias, example_weights, shared_weights;
  std::vector<std::int32_t> shared;
  std::vector<double> shared_log_q, target_log_q;
  std::vector<std::int64_t> targets;

  Case(std::int64_t batch, std::int64_t rows, std::int64_t width, Link how)
      : examples(batch),
        outputs(rows),
        dim(width),
        gap(width % 5),
        link(how),
        hidden(random_floats(batch * (width + gap), 1, 1.0F)),
        weights(random_floats(rows * (width + gap), 2, 1.0F)),
        bias(random_floats(rows, 3, 1.0F)),
        example_weights(random_floats(batch, 4, 1.0F)) {
    for (float& weight : example_weights) weight = std::abs(weight);
    for (std::int32_t row = static_cast<std::int32_t>(rows) - 1; row >= 0; row -= 3) {
      shared.push_back(row);
      shared_weights.push_back(static_cast<float>(row % 3 + 1));
      shared_log_q.push_back(-0.1 * (row % 50));
    }
    for (std::int64_t b = 0; b < batch; ++b) {
      targets.push_back(b * 7 % rows);
      target_log_q.push_back(-0.2 * static_cast<double>(b % 5));
    }
  }

  LayerModel model() const { return {{weights.data(), outputs, dim, dim + gap}, bias, 1, false}; }
  FloatRows rows_of_hidden() const { return {hidden.data(), examples, dim, dim + gap}; }
  LayerCandidates candidates() const {
    LayerCandidates c;
    c.link.link = link;
    c.shared_rows = shared;
    c.shared_weights = shared_weights;
    c.shared_log_q = shared_log_q;
    c.targets = targets;
    c.target_log_q = target_log_q;
    return c;
  }
};

struct Results {
  std::vector<double> loss;
  std::vector<float> hidden, rows, bias;
};

Results run(const Case& given, const char* isa, int threads, std::vector<std::int64_t>* ids = nullptr) {
  OutputLayer layer(find_kernels(isa)->blocks, given.model(), given.rows_of_hidden(), given.example_weights,
                    given.candidates());
  const auto examples = static_cast<std::size_t>(given.examples);
  const auto dim = static_cast<std::size_t>(given.dim);
  const std::size_t size = layer.rows().size();
  // Not zeros: what is there before must not matter.
  Results results{std::vector<double>(examples, 7), std::vector<float>(examples * dim, 7),
                  std::vector<float>(size * dim, 7), std::vector<float>(size, 7)};
  layer.gradients({results.loss, results.hidden, results.rows, results.bias}, threads, always);
  if (ids != nullptr) ids->assign(layer.rows().begin(), layer.rows().end());
  return results;
}

struct Expected {
  std::vector<double> loss, hidden, rows, bias;   // (B,), (B, dim), (V, dim), (V,)
};

Expected reference(const Case& given) {
  const auto dim = static_cast<std::size_t>(given.dim);
  Expected expected{std::vector<double>(static_cast<std::size_t>(given.examples)),
                    std::vector<double>(static_cast<std::size_t>(given.examples) * dim),
                    std::vector<double>(static_cast<std::size_t>(given.outputs) * dim),
                    std::vector<double>(static_cast<std::size_t>(given.outputs))};
  for (std::size_t b = 0; b < expected.loss.size(); ++b) {
    struct Candidate {
      std::size_t row;
      double label, weight, score;
    };
    std::vector<Candidate> all;
    const auto add = [&](std::int64_t row, double label, double weight, double log_q) {
      double s = double{given.bias[static_cast<std::size_t>(row)]} - log_q;
      for (std::int64_t d = 0; d < given.dim; ++d)
        s += double{given.rows_of_hidden().row(static_cast<std::int64_t>(b))[d]} *
             double{given.model().weights.row(row)[d]};
      all.push_back({static_cast<std::size_t>(row), label, weight, s});
    };
    add(given.targets[b], 1, 1, given.target_log_q[b]);
    for (std::size_t i = 0; i < given.shared.size(); ++i) {
      if (given.shared[i] != given.targets[b])
        add(given.shared[i], 0, double{given.shared_weights[i]}, given.shared_log_q[i]);
    }
    double z = 0;
    for (const Candidate& c : all) z += c.weight * std::exp(c.score);
    const auto weight = double{given.example_weights[b]};
    for (const Candidate& c : all) {
      double g = 0;   // dLoss/dScore
      if (given.link == Link::kSoftmax) {
        g = c.weight * std::exp(c.score) / z - c.label;
        expected.loss[b] += weight * c.label * (std::log(z) - c.score);
      } else {
        g = c.weight / (1 + std::exp(-c.score)) - c.label;
        expected.loss[b] += weight * (c.weight * std::log1p(std::exp(c.score)) - c.label * c.score);
      }
      g *= weight;
      expected.bias[c.row] += g;
      for (std::size_t d = 0; d < dim; ++d) {
        expected.hidden[b * dim + d] += g * double{given.model().weights.row(static_cast<std::int64_t>(c.row))[d]};
        expected.rows[c.row * dim + d] += g * double{given.rows_of_hidden().row(static_cast<std::int64_t>(b))[d]};
      }
    }
  }
  return expected;
}

// The largest difference, relative to the largest value.
template <class A, class B>
double distance(const std::vector<A>& got, const std::vector<B>& expected) {
  double most = 0, off = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    most = std::max(most, std::abs(double{expected[i]}));
    off = std::max(off, std::abs(double{got[i]} - double{expected[i]}));
  }
  return off / std::max(most, 1e-3);   // where all is zero, what is left is rounding
}

void check(const Case& given, const char* isa, int threads) {
  std::vector<std::int64_t> ids;
  const Results got = run(given, isa, threads, &ids);
  const Expected expected = reference(given);
  CHECK(distance(got.loss, expected.loss) < 1e-5);
  CHECK(distance(got.hidden, expected.hidden) < 1e-5);
  CHECK(std::is_sorted(ids.begin(), ids.end()));
  std::vector<double> rows(expected.rows.size()), bias(expected.bias.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto row = static_cast<std::size_t>(ids[i]);
    bias[row] = double{got.bias[i]};
    for (std::size_t d = 0; d < static_cast<std::size_t>(given.dim); ++d)
      rows[row * static_cast<std::size_t>(given.dim) + d] =
          double{got.rows[i * static_cast<std::size_t>(given.dim) + d]};
  }
  CHECK(distance(rows, expected.rows) < 1e-5);   // of rows that are not named, too: they have none
  CHECK(distance(bias, expected.bias) < 1e-5);
}

}   // namespace

TEST_CASE("gradients match the reference at every dimension and instruction set") {
  for (const std::string& isa : available_instruction_sets()) {
    for (const std::int64_t dim : {1, 15, 16, 17, 31, 33, 64, 100, 128, 300}) {
      for (const Link link : {Link::kLogistic, Link::kSoftmax}) {
        CAPTURE(isa);
        CAPTURE(dim);
        check(Case(9, 40, dim, link), isa.c_str(), 1);
      }
    }
  }
}

TEST_CASE("gradients match the reference at every number of examples and of candidates") {
  for (const std::string& isa : available_instruction_sets()) {
    for (const std::int64_t examples : {1, 2, 5, 6, 7, 13, 14, 15, 28, 125, 126, 127, 260}) {
      for (const std::int64_t outputs : {1, 2, 95, 96, 97, 400}) {
        CAPTURE(isa);
        CAPTURE(examples);
        CAPTURE(outputs);
        check(Case(examples, outputs, 20, Link::kSoftmax), isa.c_str(), 1);
        check(Case(examples, outputs, 20, Link::kLogistic), isa.c_str(), 1);
      }
    }
  }
}

TEST_CASE("workers share the candidates and find the same gradients") {
  for (const Link link : {Link::kLogistic, Link::kSoftmax}) {
    const Case given(130, 3000, 33, link);
    for (const int threads : {1, 2, 3, 50}) check(given, available_instruction_sets().back().c_str(), threads);
  }
}

TEST_CASE("a batch that is taken in several blocks has the same gradients") {
  // 14 hidden vectors at a time: their scores against so many outputs fill what a block may have.
  Case given(40, 1'300'000, 1, Link::kSoftmax);
  given.shared.resize(400'000);
  given.shared_weights.resize(400'000);
  given.shared_log_q.assign(400'000, 0.0);
  check(given, available_instruction_sets().back().c_str(), 2);
}

TEST_CASE("scores of ten thousand are fine and masked candidates have nothing") {
  for (const std::string& isa : available_instruction_sets()) {
    Case given(4, 12, 3, Link::kSoftmax);
    for (float& h : given.hidden) h *= 100;
    for (float& w : given.weights) w *= 100;
    given.target_log_q.assign(given.target_log_q.size(), 0.0);
    const Results far = run(given, isa.c_str(), 1);
    for (const double loss : far.loss) CHECK(std::isfinite(loss));
    // All candidates are the example's own target: nothing is left to tell it from.
    given.shared = {static_cast<std::int32_t>(given.targets[0])};
    given.shared_weights = {3};
    given.shared_log_q = {0};
    given.targets.assign(given.targets.size(), given.targets[0]);
    const Results none = run(given, isa.c_str(), 1);
    for (const double loss : none.loss) CHECK(loss == 0);
    for (const float g : none.hidden) CHECK(g == 0);
    for (const float g : none.rows) CHECK(g == 0);
  }
}

TEST_CASE("numbers that are not finite are found before anything is written") {
  Case given(4, 12, 3, Link::kSoftmax);
  given.hidden[6] = NAN;
  CHECK_THROWS_WITH_AS(run(given, "baseline", 1), "hidden must be finite, got nan in row 1", ValueError);
  given.hidden[6] = 0;
  given.weights[static_cast<std::size_t>(11 * (given.dim + given.gap))] = -INFINITY;
  CHECK_THROWS_WITH_AS(run(given, "baseline", 1), "weights must be finite, got -inf in row 11", ValueError);
  given.weights[static_cast<std::size_t>(11 * (given.dim + given.gap))] = 3e38F;
  given.hidden.assign(given.hidden.size(), 3e38F);
  CHECK_THROWS_AS(run(given, "baseline", 1), ValueError);
}

TEST_CASE("a call that is told to stop says so") {
  const Case given(1000, 30'000, 64, Link::kSoftmax);
  OutputLayer layer(active_kernels().blocks, given.model(), given.rows_of_hidden(), {}, given.candidates());
  std::vector<double> loss(1000);
  std::vector<float> hidden(64'000), rows(layer.rows().size() * 64), bias(layer.rows().size());
  const auto never = [] { return false; };
  // So quick a machine need not have heard of it: then the call ends as usual.
  for (const int threads : {1, 2}) {
    try {
      layer.gradients({loss, hidden, rows, bias}, threads, never);
    } catch (const StateError& error) {
      CHECK(std::string(error.what()) == "the call must run to its end, got a stop before it");
    }
  }
}
