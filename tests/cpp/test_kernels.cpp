// The kernels of every instruction set against a plain reference in double precision: any size of group, any tail of
// the dimension, both links, bags, weights, hits and candidates of one's own; their loss, their elementary functions,
// their scratch memory. One long file: all of it shares the reference.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/kernels.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/random.hpp"
#include "hogvec/table.hpp"

using namespace hogvec;

namespace {

constexpr int kMostHidden = 25;
constexpr int kMostCandidates = 30;
constexpr float kRate = 0x1p-8F;

// Scores are of order 1, so that a score is off by some 2^-24 per addition; a row is rounded to 2^-24 of itself at each
// step. The rate is low enough that errors are not blown up: 1e-6 as a rule. A step that is lost, doubled or taken from
// changed rows is of order kRate = 4e-3.
constexpr double kTolerance = 2e-5;

// The labels of a softmax sum to up to 100, and its steps are as many times as long.
float rate_of(const Scoring& scoring) { return scoring.link == Link::kSoftmax ? kRate / 16 : kRate; }

using Matrix = std::vector<std::vector<double>>;

class Random {
 public:
  explicit Random(std::uint64_t seed) : stream_(make_key(seed, Purpose::kSample)) {}
  std::int64_t below(std::int64_t n) {
    return scale_bits(static_cast<std::uint32_t>(stream_.next() >> 32), static_cast<std::uint32_t>(n));
  }
  double uniform(double low, double high) { return low + (high - low) * unit_double(stream_.next()); }
  template <class T>
  void shuffle(std::vector<T>& values) {
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[static_cast<std::size_t>(below(static_cast<std::int64_t>(i)))]);
  }

 private:
  Stream stream_;
};

struct Options {
  bool distinct = false;   // one row a bag, no row twice in a group; otherwise rows repeat
  bool bags = false;       // bags of 0 to 15 rows, most of them of up to 5
  bool entries = false;    // with a weight for each entry
  bool scales = false;     // forward and backward, different
  bool weights = false;    // of hidden vectors and of candidates
  bool own = false;        // 0 to 3 candidates of each hidden vector alone
  bool regroup = false;    // groups pick hidden vectors, some more than once
  bool log_q = false;      // offsets of scores, equal for equal rows
  bool hits = false;       // a third of the shared candidates of a hidden vector are left out
};

std::vector<RowId> random_rows(Random& random, std::int64_t n, std::int64_t limit, bool distinct) {
  std::vector<RowId> rows;
  if (!distinct) {
    for (std::int64_t i = 0; i < n; ++i) rows.push_back(RowId{static_cast<std::uint32_t>(random.below(limit))});
    return rows;
  }
  for (std::int64_t i = 0; i < limit; ++i) rows.push_back(RowId{static_cast<std::uint32_t>(i)});
  random.shuffle(rows);
  rows.resize(static_cast<std::size_t>(n));
  return rows;
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void add_hits(Random& random, std::int64_t num_hidden, BatchBuffer& buffer) {
  std::vector<std::vector<std::int64_t>> hits(static_cast<std::size_t>(num_hidden));
  for (std::size_t g = 0; g + 1 < buffer.group_offsets.size(); ++g) {
    for (std::int64_t i = buffer.group_offsets[g]; i < buffer.group_offsets[g + 1]; ++i) {
      const auto entry = static_cast<std::size_t>(i);
      const std::size_t h = buffer.group_hidden.empty() ? entry : buffer.group_hidden[entry];
      for (std::int64_t t = buffer.shared_offsets[g]; t < buffer.shared_offsets[g + 1]; ++t) {
        if (random.below(3) == 0) hits[h].push_back(t);
      }
    }
  }
  buffer.hit_offsets.push_back(0);
  for (const std::vector<std::int64_t>& of_one : hits) {
    append(buffer.hit_candidates, of_one);
    buffer.hit_offsets.push_back(static_cast<std::int64_t>(buffer.hit_candidates.size()));
  }
}

// hidden[g] hidden vectors against candidates[g] shared candidates, for every group g.
BatchBuffer random_batch(Random& random, const std::vector<int>& hidden, const std::vector<int>& candidates,
                         std::int64_t input_rows, std::int64_t output_rows, const Options& options) {
  BatchBuffer buffer;
  buffer.group_offsets.push_back(0);
  buffer.shared_offsets.push_back(0);
  for (std::size_t g = 0; g < hidden.size(); ++g) {
    buffer.group_offsets.push_back(buffer.group_offsets.back() + hidden[g]);
    append(buffer.shared_rows, random_rows(random, candidates[g], output_rows, options.distinct));
    buffer.shared_offsets.push_back(static_cast<std::int64_t>(buffer.shared_rows.size()));
    if (!options.bags) append(buffer.bag_rows, random_rows(random, hidden[g], input_rows, options.distinct));
  }
  for (std::size_t t = 0; t < buffer.shared_rows.size(); ++t) {
    buffer.shared_labels.push_back(random.below(2) == 0 ? 0.0F : 1.0F);
    if (options.weights) buffer.shared_weights.push_back(static_cast<float>(random.uniform(0, 3)));
  }
  std::int64_t num_hidden = buffer.group_offsets.back();
  if (options.regroup && num_hidden > 0) {
    const std::int64_t entries = num_hidden;
    num_hidden = (entries + 1) / 2;
    for (std::int64_t i = 0; i < entries; ++i)
      buffer.group_hidden.push_back(static_cast<std::uint32_t>(random.below(num_hidden)));
    if (!options.bags) buffer.bag_rows.resize(static_cast<std::size_t>(num_hidden));
  }
  if (options.bags) {
    buffer.bag_offsets.push_back(0);
    for (std::int64_t h = 0; h < num_hidden; ++h) {
      append(buffer.bag_rows, random_rows(random, random.below(random.below(3) == 0 ? 16 : 6), input_rows, false));
      buffer.bag_offsets.push_back(static_cast<std::int64_t>(buffer.bag_rows.size()));
    }
  }
  if (options.entries) {
    for (std::size_t e = 0; e < buffer.bag_rows.size(); ++e)
      buffer.bag_weights.push_back(static_cast<float>(random.uniform(0.2, 1.5)));
  }
  if (options.own) buffer.own_offsets.push_back(0);
  for (std::int64_t h = 0; h < num_hidden; ++h) {
    if (options.scales) buffer.forward_scale.push_back(static_cast<float>(random.uniform(0.1, 0.5)));
    if (options.scales) buffer.backward_scale.push_back(static_cast<float>(random.uniform(0.5, 1)));
    if (options.weights) buffer.weight.push_back(static_cast<float>(random.uniform(0, 2)));
    if (!options.own) continue;
    append(buffer.own_rows, random_rows(random, random.below(4), output_rows, false));
    buffer.own_offsets.push_back(static_cast<std::int64_t>(buffer.own_rows.size()));
  }
  for (std::size_t i = 0; i < buffer.own_rows.size(); ++i)
    buffer.own_labels.push_back(random.below(2) == 0 ? 0.0F : 1.0F);
  if (options.log_q) {
    std::vector<float> of_row;
    for (std::int64_t row = 0; row < output_rows; ++row) of_row.push_back(static_cast<float>(random.uniform(-2, 2)));
    for (const RowId row : buffer.shared_rows) buffer.shared_log_q.push_back(of_row[index(row)]);
    for (const RowId row : buffer.own_rows) buffer.own_log_q.push_back(of_row[index(row)]);
  }
  if (options.hits) add_hits(random, num_hidden, buffer);
  return buffer;
}

// Rows whose inner products are of order 1 whatever the dimension, exact in float.
Matrix random_matrix(Random& random, std::int64_t rows, std::int64_t dim) {
  Matrix matrix(static_cast<std::size_t>(rows), std::vector<double>(static_cast<std::size_t>(dim)));
  const double scale = 2 / std::pow(static_cast<double>(dim), 0.25);
  for (auto& row : matrix) {
    for (double& x : row) x = static_cast<float>(random.uniform(-scale, scale));
  }
  return matrix;
}

double dot(const std::vector<double>& a, const std::vector<double>& b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

void add_scaled(std::vector<double>& to, double scale, const std::vector<double>& from) {
  for (std::size_t d = 0; d < to.size(); ++d) to[d] += scale * from[d];
}

template <class T>
double at(const std::vector<T>& values, std::size_t i) {
  return values.empty() ? 1.0 : static_cast<double>(values[i]);
}

double reference_sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double reference_softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

struct Range {
  std::size_t begin, end;
};
template <class T>
Range range_of(const std::vector<T>& offsets, std::size_t i) {
  return {static_cast<std::size_t>(offsets[i]), static_cast<std::size_t>(offsets[i + 1])};
}

Range bag_of(const BatchBuffer& batch, std::size_t h) {
  return batch.bag_offsets.empty() ? Range{h, h + 1} : range_of(batch.bag_offsets, h);
}

struct Candidate {
  RowId row;
  double label, weight, log_q;
};

// What hidden vector h of group g is scored against: a hit on a row leaves out all candidates of that row.
std::vector<Candidate> candidates_of(const BatchBuffer& batch, std::size_t g, std::size_t h) {
  const Range shared = range_of(batch.shared_offsets, g);
  std::vector<RowId> left_out;
  if (!batch.hit_offsets.empty()) {
    const Range hits = range_of(batch.hit_offsets, h);
    for (std::size_t i = hits.begin; i < hits.end; ++i) {
      const auto t = static_cast<std::size_t>(batch.hit_candidates[i]);
      if (t >= shared.begin && t < shared.end) left_out.push_back(batch.shared_rows[t]);
    }
  }
  std::vector<Candidate> candidates;
  for (std::size_t t = shared.begin; t < shared.end; ++t) {
    const RowId row = batch.shared_rows[t];
    if (std::find(left_out.begin(), left_out.end(), row) != left_out.end()) continue;
    const double log_q = batch.shared_log_q.empty() ? 0.0 : double{batch.shared_log_q[t]};
    candidates.push_back({row, double{batch.shared_labels[t]}, at(batch.shared_weights, t), log_q});
  }
  if (batch.own_offsets.empty()) return candidates;
  const Range own = range_of(batch.own_offsets, h);
  for (std::size_t t = own.begin; t < own.end; ++t) {
    const double log_q = batch.own_log_q.empty() ? 0.0 : double{batch.own_log_q[t]};
    candidates.push_back({batch.own_rows[t], double{batch.own_labels[t]}, 1, log_q});
  }
  return candidates;
}

// The loss of one hidden vector, and -dLoss/dScore of every candidate in its place.
double reference_link(const std::vector<Candidate>& candidates, const std::vector<double>& scores,
                      const Scoring& scoring, std::vector<double>& coefficients) {
  double loss = 0;
  coefficients.clear();
  if (scoring.link == Link::kLogistic) {
    for (std::size_t t = 0; t < scores.size(); ++t) {
      const Candidate& c = candidates[t];
      const double s = scores[t] - c.log_q;
      loss += c.weight * (reference_softplus(s) - c.label * s);
      coefficients.push_back(c.weight * (c.label - reference_sigmoid(s)));
    }
    return loss;
  }
  const double scale{scoring.score_scale};
  double most = -1e300;
  double total = 0;
  double labels = 0;
  for (std::size_t t = 0; t < scores.size(); ++t) {
    if (candidates[t].weight > 0) most = std::max(most, scale * scores[t] - candidates[t].log_q);
    labels += candidates[t].weight * candidates[t].label;
  }
  const auto mass = [&](std::size_t t) {   // of a candidate of weight 0 it could overflow
    const Candidate& c = candidates[t];
    return c.weight > 0 ? c.weight * std::exp(scale * scores[t] - c.log_q - most) : 0.0;
  };
  for (std::size_t t = 0; t < scores.size(); ++t) total += mass(t);
  for (std::size_t t = 0; t < scores.size(); ++t) {
    const Candidate& c = candidates[t];
    loss += c.weight * c.label * (std::log(total) + most - (scale * scores[t] - c.log_q));
    coefficients.push_back(total > 0 ? scale * (c.weight * c.label - labels * mass(t) / total) : 0.0);
  }
  return total > 0 ? loss : 0.0;
}

// One step down the gradient of one group's loss, every derivative taken before anything changes. Returns the loss.
double reference_group(const BatchBuffer& batch, std::size_t g, Matrix& input, Matrix& output, double rate,
                       const Scoring& scoring = {}) {
  const Range members = range_of(batch.group_offsets, g);
  Matrix new_input = input;
  Matrix new_output = output;
  double loss = 0;
  for (std::size_t i = members.begin; i < members.end; ++i) {
    const std::size_t h = batch.group_hidden.empty() ? i : batch.group_hidden[i];
    const Range bag = bag_of(batch, h);
    std::vector<double> hidden(input[0].size());
    for (std::size_t e = bag.begin; e < bag.end; ++e)
      add_scaled(hidden, at(batch.forward_scale, h) * at(batch.bag_weights, e), input[index(batch.bag_rows[e])]);
    std::vector<double> step(hidden.size());
    const std::vector<Candidate> candidates = candidates_of(batch, g, h);
    std::vector<double> scores, coefficients;
    for (const Candidate& candidate : candidates) scores.push_back(dot(hidden, output[index(candidate.row)]));
    loss += at(batch.weight, h) * reference_link(candidates, scores, scoring, coefficients);
    for (std::size_t t = 0; t < candidates.size(); ++t) {
      const double coefficient = rate * at(batch.weight, h) * coefficients[t];
      add_scaled(step, coefficient, output[index(candidates[t].row)]);
      add_scaled(new_output[index(candidates[t].row)], coefficient, hidden);
    }
    for (std::size_t e = bag.begin; e < bag.end; ++e)
      add_scaled(new_input[index(batch.bag_rows[e])], at(batch.backward_scale, h) * at(batch.bag_weights, e), step);
  }
  input = new_input;
  output = new_output;
  return loss;
}

double reference_train(const BatchBuffer& batch, Matrix& input, Matrix& output, double rate, const Scoring& scoring) {
  double loss = 0;
  for (std::size_t g = 0; g + 1 < batch.group_offsets.size(); ++g)
    loss += reference_group(batch, g, input, output, rate, scoring);
  return loss;
}

void fill(TableView table, const Matrix& matrix) {
  for (std::size_t r = 0; r < matrix.size(); ++r) {
    float* row = table.row(RowId{static_cast<std::uint32_t>(r)});
    for (std::size_t d = 0; d < matrix[r].size(); ++d) row[d] = static_cast<float>(matrix[r][d]);
  }
}

double largest_difference(TableView table, const Matrix& matrix) {
  double largest = 0;
  for (std::size_t r = 0; r < matrix.size(); ++r) {
    const float* row = table.row(RowId{static_cast<std::uint32_t>(r)});
    for (std::size_t d = 0; d < matrix[r].size(); ++d) {
      const double difference = std::abs(double{row[d]} - matrix[r][d]);
      if (!(difference <= largest)) largest = difference;   // also when it is nan
    }
  }
  return largest;
}

bool padding_is_zero(TableView table) {
  for (std::int64_t r = 0; r < table.rows; ++r) {
    const float* row = table.row(RowId{static_cast<std::uint32_t>(r)});
    if (std::any_of(row + table.dim, row + table.stride, [](float x) { return x != 0; })) return false;
  }
  return true;
}

const std::vector<const Kernels*>& all_kernels() {
  static const std::vector<const Kernels*> all = [] {
    std::vector<const Kernels*> kernels;
    for (const std::string& name : available_instruction_sets()) kernels.push_back(find_kernels(name));
    return kernels;
  }();
  return all;
}

// A pair of tables to be trained.
struct Tables {
  Tables(const Matrix& in, const Matrix& out)
      : input(static_cast<std::int64_t>(in.size()), static_cast<std::int64_t>(in[0].size())),
        output(static_cast<std::int64_t>(out.size()), static_cast<std::int64_t>(out[0].size())) {
    fill(input.view(), in);
    fill(output.view(), out);
  }

  LossSum train(const Kernels& kernels, const Batch& batch, const GroupSettings& settings, Scratch& scratch,
                Link link = Link::kLogistic) {
    scratch.reserve(batch, input.view().stride);
    LossSum loss;
    kernels.train(link)(BatchArrays(batch), settings, input.view(), output.view(), scratch, loss);
    return loss;
  }
  LossSum train(const Kernels& kernels, const Batch& batch, float rate, const Scoring& scoring = {}) {
    Scratch scratch;
    GroupSettings settings;
    settings.learning_rate = rate;
    settings.score_scale = scoring.score_scale;
    return train(kernels, batch, settings, scratch, scoring.link);
  }

  Table input, output;
};

// Trains `raw` with every instruction set and with the reference; returns the weight of the measured hidden vectors.
void check_against_reference(BatchBuffer& raw, const Matrix& input, const Matrix& output, const Scoring& scoring = {}) {
  const Batch given = raw.view();
  validate(given, static_cast<std::int64_t>(input.size()), static_cast<std::int64_t>(output.size()));
  BatchBuffer buffer = canonical(given);
  const Batch batch = buffer.view();
  Matrix expected_input = input;
  Matrix expected_output = output;
  const double expected_loss = reference_train(raw, expected_input, expected_output, double{rate_of(scoring)}, scoring);
  for (const Kernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->instruction_set));
    Tables tables(input, output);
    const LossSum loss = tables.train(*kernels, batch, rate_of(scoring), scoring);
    CHECK(loss.loss == doctest::Approx(expected_loss).epsilon(kTolerance));
    CHECK(largest_difference(tables.input.view(), expected_input) < kTolerance);
    CHECK(largest_difference(tables.output.view(), expected_output) < kTolerance);
    CHECK(padding_is_zero(tables.input.view()));
    CHECK(padding_is_zero(tables.output.view()));
  }
}

std::vector<int> every_number_of_candidates() {
  std::vector<int> candidates(kMostCandidates + 1);
  std::iota(candidates.begin(), candidates.end(), 0);
  return candidates;
}

const std::initializer_list<std::int64_t> kDims = {1, 15, 16, 17, 31, 33, 64, 100, 128, 300};
const std::vector<Scoring> kScorings = {{}, {Link::kSoftmax, 1, 1}, {Link::kSoftmax, 0.6F, 1}};

// Each dimension and each number of hidden vectors meets every scoring, though not each pair of them.
const Scoring& scoring_of(std::int64_t dim, int hidden) {
  return kScorings[static_cast<std::size_t>(dim + hidden) % kScorings.size()];
}

}   // namespace

TEST_CASE("groups of distinct rows are trained in place as by the reference") {
  for (const std::int64_t dim : kDims) {
    for (int hidden = 0; hidden <= kMostHidden; ++hidden) {
      CAPTURE(dim);
      CAPTURE(hidden);
      Random random(static_cast<std::uint64_t>(dim * 100 + hidden));
      Options options;
      options.distinct = true;
      options.weights = hidden % 2 == 1;
      options.log_q = hidden % 3 == 1;
      options.hits = hidden % 5 == 1;
      BatchBuffer raw = random_batch(random, std::vector<int>(kMostCandidates + 1, hidden),
                                     every_number_of_candidates(), kMostHidden, kMostCandidates, options);
      if (hidden > 0) REQUIRE(canonical(raw.view()).rows_distinct);
      const Matrix input = random_matrix(random, kMostHidden, dim);
      const Matrix output = random_matrix(random, kMostCandidates, dim);
      check_against_reference(raw, input, output, scoring_of(dim, hidden));
    }
  }
}

TEST_CASE("groups with every option are trained as by the reference") {
  for (const std::int64_t dim : kDims) {
    for (int hidden = 0; hidden <= kMostHidden; ++hidden) {
      CAPTURE(dim);
      CAPTURE(hidden);
      Random random(static_cast<std::uint64_t>(dim * 100 + hidden));
      const auto coin = [&random] { return random.below(2) == 0; };
      const Options options{false, coin(), coin(), coin(), coin(), coin(), coin(), coin(), coin()};
      BatchBuffer raw = random_batch(random, std::vector<int>(kMostCandidates + 1, hidden),
                                     every_number_of_candidates(), 12, 12, options);
      const Matrix input = random_matrix(random, 12, dim);
      const Matrix output = random_matrix(random, 12, dim);
      check_against_reference(raw, input, output, scoring_of(dim, hidden));
    }
  }
}

TEST_CASE("groups of any size follow one another") {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    const auto coin = [&random] { return random.below(2) == 0; };
    const Options options{false, coin(), coin(), coin(), coin(), coin(), coin(), coin(), coin()};
    std::vector<int> hidden, candidates;
    for (std::int64_t g = random.below(12); g > 0; --g) {
      hidden.push_back(static_cast<int>(random.below(kMostHidden + 1)));
      candidates.push_back(static_cast<int>(random.below(4) == 0 ? random.below(70) : random.below(8)));
    }
    BatchBuffer raw = random_batch(random, hidden, candidates, 90, 90, options);
    const std::int64_t dim = 1 + random.below(70);
    const Matrix input = random_matrix(random, 90, dim);
    const Matrix output = random_matrix(random, 90, dim);
    for (const Scoring& scoring : kScorings) check_against_reference(raw, input, output, scoring);
  }
}

TEST_CASE("rows in place are trained as copies of them") {
  for (const std::int64_t dim : kDims) {
    Random random(static_cast<std::uint64_t>(dim));
    Options options;
    options.distinct = true;
    BatchBuffer raw =
        random_batch(random, {1, 2, 3, 9, 10, 4, 5, 7, 11}, {6, 6, 6, 6, 6, 1, 3, 12, 14}, 11, 14, options);
    BatchBuffer buffer = canonical(raw.view());
    Batch batch = buffer.view();
    REQUIRE(batch.rows_distinct);
    const Matrix input = random_matrix(random, 11, dim);
    const Matrix output = random_matrix(random, 14, dim);
    for (const Kernels* kernels : all_kernels()) {
      CAPTURE(std::string(kernels->instruction_set));
      CAPTURE(dim);
      Tables in_place(input, output);
      Tables copied(input, output);
      batch.rows_distinct = true;
      const LossSum first = in_place.train(*kernels, batch, kRate);
      batch.rows_distinct = false;
      const LossSum second = copied.train(*kernels, batch, kRate);
      CHECK(first.loss == doctest::Approx(second.loss).epsilon(1e-6));
      CHECK(first.weight == second.weight);
      double largest = 0;   // sums in another order: some roundings of numbers of order 1
      for (const auto& [a, b] : {std::pair{in_place.input.view(), copied.input.view()},
                                 std::pair{in_place.output.view(), copied.output.view()}}) {
        for (std::int64_t i = 0; i < a.rows * a.stride; ++i)
          largest = std::max(largest, std::abs(double{a.data[i]} - double{b.data[i]}));
      }
      CHECK(largest < 2e-6);
    }
  }
}

TEST_CASE("groups of more candidates than a block of the softmax's sum are trained as by the reference") {
  Random random(8);
  Options options;
  options.weights = options.own = options.log_q = options.hits = true;
  BatchBuffer raw = random_batch(random, {3, 1}, {1500, 2100}, 9, 2500, options);
  const Matrix input = random_matrix(random, 9, 19);
  const Matrix output = random_matrix(random, 2500, 19);
  for (const Scoring& scoring : kScorings) check_against_reference(raw, input, output, scoring);
}

TEST_CASE("groups that repeat the rows of the first are trained as if each had its own") {
  Random random(9);
  const std::vector<int> hidden = {3, 1, 0, 7};
  Options options;
  options.distinct = true;
  for (const int candidates : {1, 5, 6, 14, 40}) {
    BatchBuffer raw = random_batch(random, hidden, std::vector<int>(hidden.size(), candidates), 9, 40, options);
    BatchBuffer repeated = raw;
    repeated.rows_distinct = repeated.rows_repeat = true;
    repeated.shared_rows.resize(static_cast<std::size_t>(candidates));
    for (std::size_t t = 0; t < raw.shared_rows.size(); ++t)
      raw.shared_rows[t] = raw.shared_rows[t % static_cast<std::size_t>(candidates)];
    raw.rows_distinct = true;
    const Matrix input = random_matrix(random, 9, 33);
    const Matrix output = random_matrix(random, 40, 33);
    for (const Scoring& scoring : kScorings) {
      for (const Kernels* kernels : all_kernels()) {
        Tables first(input, output);
        Tables second(input, output);
        CHECK(first.train(*kernels, raw.view(), kRate, scoring).loss ==
              second.train(*kernels, repeated.view(), kRate, scoring).loss);
        for (const auto& [a, b] :
             {std::pair{first.input.view(), second.input.view()}, std::pair{first.output.view(), second.output.view()}})
          CHECK(std::equal(a.data, a.data + a.rows * a.stride, b.data));
      }
    }
  }
}

TEST_CASE("a softmax of scores of ten thousand is exact, and of scores far apart 0 or 1") {
  // Scores 10000, 9999, -10000 and 0, of a hidden vector of 1.
  BatchBuffer buffer;
  buffer.bag_rows = {RowId{0}};
  buffer.group_offsets = {0, 1};
  buffer.shared_offsets = {0, 4};
  buffer.shared_rows = {RowId{0}, RowId{1}, RowId{2}, RowId{3}};
  buffer.rows_distinct = true;
  const Matrix input = {{1}};
  const Matrix output = {{1e4}, {9999}, {-1e4}, {0}};
  for (const Kernels* kernels : all_kernels()) {
    for (std::size_t label = 0; label < 4; ++label) {
      buffer.shared_labels.assign(4, 0);
      buffer.shared_labels[label] = 1;
      Tables tables(input, output);
      const double log_z = 1e4 + std::log1p(std::exp(-1.0));
      const double loss = tables.train(*kernels, buffer.view(), 512, {Link::kSoftmax, 1, 1}).loss;
      CHECK(loss == doctest::Approx(log_z - output[label][0]).epsilon(1e-6));
      for (std::size_t t = 0; t < 4; ++t) {
        const double moved = double{tables.output.view().row(RowId{static_cast<std::uint32_t>(t)})[0]} - output[t][0];
        const double share = t < 2 ? std::exp(output[t][0] - log_z) : 0;
        const double expected = 512 * ((t == label ? 1 : 0) - share);
        CHECK(std::abs(moved - expected) < 2e-3);   // rows near 10000 are rounded to 2^-11 = 5e-4
        if (t >= 2 && t != label) CHECK(moved == 0);
      }
    }
  }
}

TEST_CASE("examples of several groups are measured together and count once") {
  Random random(3);
  BatchBuffer raw = random_batch(random, {2, 2, 3, 3, 1, 1}, {4, 7, 4, 5, 4, 1}, 9, 9, {});
  raw.group_hidden = {0, 1, 0, 1, 2, 3, 4, 2, 3, 4, 5, 5};
  raw.bag_rows.resize(6);
  BatchBuffer buffer = canonical(raw.view());
  Matrix input = random_matrix(random, 9, 20);
  Matrix output = random_matrix(random, 9, 20);
  const Scoring scoring{Link::kSoftmax, 1, 2};
  std::vector<double> losses;
  for (std::size_t g = 0; g < 6; ++g) losses.push_back(reference_group(raw, g, input, output, 0, scoring));
  for (const Kernels* kernels : all_kernels()) {
    for (std::int64_t first = 0; first < 3; ++first) {
      Tables tables(input, output);
      Scratch scratch;
      GroupSettings settings;
      settings.first_group = 2 * first;
      settings.loss_every = 3;
      settings.groups_each = 2;
      const auto example = static_cast<std::size_t>((3 - first) % 3);
      const LossSum sum = tables.train(*kernels, buffer.view(), settings, scratch, Link::kSoftmax);
      CHECK(sum.loss == doctest::Approx(losses[2 * example] + losses[2 * example + 1]).epsilon(1e-5));
      CHECK(sum.weight ==
            static_cast<double>(buffer.group_offsets[2 * example + 1] - buffer.group_offsets[2 * example]));
    }
  }
}

TEST_CASE("a step is minus the two-sided difference quotient of the measured loss") {
  // The quotient's error is step^2 / 6 times a third derivative of order 1, and the rounding of some 50 float scores
  // divided by the step: below 1e-3 each. The directions have length 1, the derivatives along them are of order 1.
  constexpr double kStep = 0x1p-5;
  for (const bool distinct : {true, false}) {
    Random random(5 + distinct);
    Options options;
    options.distinct = distinct;
    options.weights = options.bags = options.entries = options.own = options.hits = !distinct;
    BatchBuffer raw = random_batch(random, {5}, {6}, 7, 7, options);
    BatchBuffer buffer = canonical(raw.view());
    const Batch batch = buffer.view();
    REQUIRE(batch.rows_distinct == distinct);
    const Matrix tables[2] = {random_matrix(random, 7, 33), random_matrix(random, 7, 33)};
    const auto check = [&](const Kernels* kernels, const Scoring& scoring) {
      CAPTURE(std::string(kernels->instruction_set));
      Tables trained(tables[0], tables[1]);
      trained.train(*kernels, batch, 1.0F, scoring);
      const TableView views[2] = {trained.input.view(), trained.output.view()};
      for (int side = 0; side < 2; ++side) {
        for (int repeat = 0; repeat < 5; ++repeat) {
          Matrix direction = random_matrix(random, 7, 33);
          double square = 0;
          for (const auto& row : direction) square += dot(row, row);
          const auto loss_at = [&](double step) {
            Matrix moved[2] = {tables[0], tables[1]};
            for (std::size_t r = 0; r < 7; ++r) add_scaled(moved[side][r], step / std::sqrt(square), direction[r]);
            return Tables(moved[0], moved[1]).train(*kernels, batch, 0.0F, scoring).loss;
          };
          double along = 0;
          for (std::size_t r = 0; r < 7; ++r) {
            const float* row = views[side].row(RowId{static_cast<std::uint32_t>(r)});
            for (std::size_t d = 0; d < 33; ++d) along += (double{row[d]} - tables[side][r][d]) * direction[r][d];
          }
          CHECK(along / std::sqrt(square) ==
                doctest::Approx((loss_at(-kStep) - loss_at(kStep)) / (2 * kStep)).scale(1).epsilon(2e-3));
        }
      }
    };
    for (const Kernels* kernels : all_kernels()) {
      for (const Scoring& scoring : kScorings) check(kernels, scoring);
    }
  }
}

TEST_CASE("a learning rate of zero measures and changes nothing") {
  Random random(1);
  BatchBuffer raw = random_batch(random, {3, 4}, {6, 9}, 9, 9, {});
  BatchBuffer buffer = canonical(raw.view());
  const Matrix input = random_matrix(random, 9, 20);
  const Matrix output = random_matrix(random, 9, 20);
  for (const Kernels* kernels : all_kernels()) {
    Tables tables(input, output);
    CHECK(tables.train(*kernels, buffer.view(), 0.0F).loss > 0);
    CHECK(largest_difference(tables.input.view(), input) == 0);
    CHECK(largest_difference(tables.output.view(), output) == 0);
  }
}

TEST_CASE("the loss is that of the groups whose number is a multiple of loss_every") {
  Random random(2);
  Options options;
  options.weights = options.own = true;
  BatchBuffer raw =
      random_batch(random, {3, 1, 0, 4, 2, 5, 1, 2, 3, 1}, {6, 2, 3, 0, 7, 6, 6, 1, 13, 6}, 9, 14, options);
  BatchBuffer buffer = canonical(raw.view());
  const Batch batch = buffer.view();
  Matrix input = random_matrix(random, 9, 17);
  Matrix output = random_matrix(random, 14, 17);
  std::vector<double> losses, weights;
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    losses.push_back(reference_group(raw, g, input, output, 0));
    weights.push_back(0);
    for (std::int64_t h = batch.group_offsets[g]; h < batch.group_offsets[g + 1]; ++h)
      weights.back() += double{raw.weight[static_cast<std::size_t>(h)]};
  }
  for (const Kernels* kernels : all_kernels()) {
    for (const std::int64_t every : {1, 2, 3, 16, 1000}) {
      for (const std::int64_t first : {0, 1, 2, 5, 15, 16, 995}) {
        CAPTURE(every);
        CAPTURE(first);
        double loss = 0;
        double weight = 0;
        for (std::size_t g = 0; g < losses.size(); ++g) {
          if ((first + static_cast<std::int64_t>(g)) % every != 0) continue;
          loss += losses[g];
          weight += weights[g];
        }
        Tables tables(input, output);
        Scratch scratch;
        GroupSettings settings;
        settings.first_group = first;
        settings.loss_every = every;
        const LossSum sum = tables.train(*kernels, batch, settings, scratch);
        CHECK(sum.loss == doctest::Approx(loss).epsilon(1e-5));
        CHECK(sum.weight == doctest::Approx(weight).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("a batch without groups trains nothing") {
  BatchBuffer buffer;
  buffer.group_offsets = buffer.shared_offsets = {0};
  const Matrix table(2, std::vector<double>(5, 0.5));
  for (const Kernels* kernels : all_kernels()) {
    Tables tables(table, table);
    const LossSum loss = tables.train(*kernels, buffer.view(), 1.0F);
    CHECK(loss.loss == 0);
    CHECK(loss.weight == 0);
    CHECK(largest_difference(tables.input.view(), table) == 0);
  }
}

TEST_CASE("scratch memory may be used again for batches and rows of any other size") {
  const std::vector<std::vector<int>> sizes = {{3, 2}, {25, 25}, {1}, {}, {7, 0, 40}, {2}, {25}};
  for (const Kernels* kernels : all_kernels()) {
    Scratch used;
    Random random(3);
    for (std::size_t round = 0; round < 3 * sizes.size(); ++round) {
      const std::vector<int>& hidden = sizes[round % sizes.size()];
      std::vector<int> candidates;
      for (std::size_t g = 0; g < hidden.size(); ++g) candidates.push_back(static_cast<int>(random.below(40)));
      Options options;
      options.own = round % 2 == 0;
      options.bags = round % 3 == 0;
      BatchBuffer raw = random_batch(random, hidden, candidates, 50, 50, options);
      BatchBuffer buffer = canonical(raw.view());
      const std::int64_t dim = 1 + random.below(200);
      const Matrix input = random_matrix(random, 50, dim);
      const Matrix output = random_matrix(random, 50, dim);
      GroupSettings settings;
      settings.learning_rate = kRate;
      Scratch fresh;
      Tables first(input, output);
      Tables second(input, output);
      const LossSum a = first.train(*kernels, buffer.view(), settings, used);
      const LossSum b = second.train(*kernels, buffer.view(), settings, fresh);
      CHECK(a.loss == b.loss);
      const TableView x = first.output.view();
      const TableView y = second.output.view();
      CHECK(std::equal(x.data, x.data + x.rows * x.stride, y.data));
      CHECK(std::equal(first.input.view().data, first.input.view().data + x.rows * x.stride, second.input.view().data));
    }
  }
}

TEST_CASE("scores beyond the exponential's range saturate and stay finite") {
  BatchBuffer buffer;
  buffer.bag_rows = {RowId{0}, RowId{1}};
  buffer.group_offsets = {0, 2};
  buffer.shared_offsets = {0, 2};
  buffer.shared_rows = {RowId{0}, RowId{1}};
  buffer.shared_labels = {1, 0};
  buffer.rows_distinct = true;
  for (const Kernels* kernels : all_kernels()) {
    Tables tables({{200}, {-300}}, {{1}, {1}});
    // Hidden 200: softplus(-200) + softplus(200); hidden -300: softplus(300) + softplus(-300).
    CHECK(tables.train(*kernels, buffer.view(), 0.5F).loss == 500);
    // Coefficients 0.5 (1 - 1), 0.5 (0 - 1), 0.5 (1 - 0), 0.5 (0 - 0).
    CHECK(largest_difference(tables.input.view(), {{199.5}, {-299.5}}) == 0);
    CHECK(largest_difference(tables.output.view(), {{1 - 150.0}, {1 - 100.0}}) == 0);
  }
}

namespace {

// The largest distance of y from the true value in units of the last place of a float of its size.
template <class Function>
double largest_error(void (*approximate)(const float*, float*, long), Function exact, const std::vector<float>& x) {
  std::vector<float> y(x.size());
  approximate(x.data(), y.data(), static_cast<long>(x.size()));
  double largest = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const long double truth = exact(static_cast<long double>(x[i]));
    const auto rounded = static_cast<float>(truth);
    const double place = double{std::nextafter(rounded, 2 * rounded + 1)} - double{rounded};
    largest = std::max(largest, static_cast<double>(std::abs(static_cast<long double>(y[i]) - truth)) / place);
  }
  return largest;
}

long double exact_sigmoid(long double x) { return 1 / (1 + std::exp(-x)); }
long double exact_softplus(long double x) { return std::max(x, 0.0L) + std::log1p(std::exp(-std::abs(x))); }

}   // namespace

TEST_CASE("sigmoid and softplus are accurate to some units of the last place") {
  // Of an exponential (0.9), a sum (0.5) and a quotient (0.5), doubled where a result falls to the next power of two;
  // measured on three million points: 2.30 and 1.90, which is 1.5 and 1.3 times 2^-23 of the result.
  constexpr double kUnits = 2.4;
  std::vector<float> x;
  for (int i = -300000; i <= 300000; ++i) x.push_back(static_cast<float>(i) * 1e-4F);
  for (float small = 1e-30F; small < 1; small *= 1.1F) {
    x.push_back(small);
    x.push_back(-small);
  }
  for (const Kernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->instruction_set));
    const double sigmoid_error = largest_error(kernels->sigmoid, exact_sigmoid, x);
    const double softplus_error = largest_error(kernels->softplus, exact_softplus, x);
    CHECK(sigmoid_error <= kUnits);
    CHECK(softplus_error <= kUnits);
  }
}

TEST_CASE("sigmoid and softplus go to their limits and pass nan on") {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const std::vector<float> x = {0.0F,  -0.0F,  88.0F,     -88.0F,     100.0F, -100.0F,
                                1e30F, -1e30F, kInfinity, -kInfinity, 1e-45F, std::numeric_limits<float>::quiet_NaN()};
  constexpr double kTiny = 1.2e-38;   // about the smallest normal float: results may be this instead of less
  for (const Kernels* kernels : all_kernels()) {
    CAPTURE(std::string(kernels->instruction_set));
    std::vector<float> s(x.size()), p(x.size());
    kernels->sigmoid(x.data(), s.data(), static_cast<long>(x.size()));
    kernels->softplus(x.data(), p.data(), static_cast<long>(x.size()));
    for (std::size_t i = 0; i + 1 < x.size(); ++i) {
      CAPTURE(x[i]);
      const auto truth = static_cast<double>(exact_sigmoid(x[i]));
      CHECK(std::abs(double{s[i]} - truth) <= 0x1p-22 * truth + kTiny);
      const auto loss = static_cast<double>(exact_softplus(x[i]));
      if (x[i] == kInfinity) {
        CHECK(p[i] == kInfinity);
      } else {
        CHECK(std::abs(double{p[i]} - loss) <= 0x1p-22 * loss + kTiny);
      }
    }
    CHECK(s[8] == 1);
    CHECK(std::isnan(s.back()));
    CHECK(std::isnan(p.back()));
  }
}

TEST_CASE("sigmoid and softplus take arrays of any length and write nothing else") {
  for (const Kernels* kernels : all_kernels()) {
    for (const auto function : {kernels->sigmoid, kernels->softplus}) {
      for (std::size_t n = 0; n <= 70; ++n) {
        std::vector<float> x, y(n + 1, -7.0F);
        for (std::size_t i = 0; i < n; ++i) x.push_back(static_cast<float>(i) * 0.37F - 12);
        function(x.data(), y.data(), static_cast<long>(n));
        CHECK(y[n] == -7.0F);
        for (std::size_t i = 0; i < n; ++i) {
          float alone = 0;
          function(&x[i], &alone, 1);
          REQUIRE(y[i] == alone);
        }
      }
    }
  }
}

TEST_CASE("instruction sets are found by name, the slowest first") {
  const std::vector<std::string> names = available_instruction_sets();
  REQUIRE(!names.empty());
  CHECK(names.front() == "baseline");
  for (const std::string& name : names) {
    REQUIRE(find_kernels(name) != nullptr);
    CHECK(find_kernels(name)->instruction_set == name);
  }
  CHECK(find_kernels("sse9") == nullptr);
  CHECK(find_kernels("") == nullptr);
  CHECK(find_kernels("AVX2") == nullptr);
}
