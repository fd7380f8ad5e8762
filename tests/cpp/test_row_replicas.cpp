// Workers' own copies of rows: what they learn is what the table would have learned, and how copies are merged.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "hogvec/kernels.hpp"
#include "hogvec/row_replicas.hpp"
#include "hogvec/table.hpp"

using namespace hogvec;

namespace {

constexpr std::int64_t kRows = 12;
constexpr std::int64_t kDim = 20;
constexpr std::int64_t kFirst = 5;   // the copied rows are those from here on
constexpr std::int64_t kCopied = 7;

// Groups of a hidden vector and two candidates: rows g and g + 5 of the output table.
struct Groups {
  std::vector<RowId> bag_rows, shared_rows;
  std::vector<std::int64_t> group_offsets = {0}, shared_offsets = {0};
  std::vector<float> labels;

  explicit Groups(std::int64_t groups) {
    for (std::int64_t g = 0; g < groups; ++g) {
      bag_rows.push_back(RowId(g % kRows));
      for (const std::int64_t row : {g % kRows, (g + 5) % kRows}) shared_rows.push_back(RowId(row));
      for (const float label : {1.0F, 0.0F}) labels.push_back(label);
      group_offsets.push_back(g + 1);
      shared_offsets.push_back(2 * (g + 1));
    }
    labels.resize(labels.size() + kReadableSlack);
  }

  Batch batch() const {
    Batch batch;
    batch.bag_rows = bag_rows;
    batch.group_offsets = group_offsets;
    batch.shared_offsets = shared_offsets;
    batch.shared_rows = shared_rows;
    batch.shared_labels = labels;
    batch.rows_distinct = true;
    return batch;
  }
};

struct Tables {
  Table input{kRows, kDim}, output{kRows, kDim};
  Tables() {
    initialize_uniform(input.view(), 1, 1);
    initialize_uniform(output.view(), 2, 1);
  }
};

void train(const Kernels& kernels, const Groups& groups, const Tables& tables, const ReplicaView& replicas) {
  GroupSettings settings;
  settings.learning_rate = 0.1F;
  settings.replicas = replicas;
  Scratch scratch;
  const Batch batch = groups.batch();
  scratch.reserve(batch, tables.input.view().stride);
  LossSum loss;
  kernels.train_logistic(BatchArrays(batch), settings, {tables.input.view()}, {tables.output.view()}, scratch, loss);
}

double largest_difference(TableView a, TableView b) {
  double largest = 0;
  for (std::int64_t i = 0; i < a.rows * a.stride; ++i)
    largest = std::max(largest, std::abs(double{a.data[i]} - double{b.data[i]}));
  return largest;
}

}   // namespace

TEST_CASE("copies of one worker learn what the rows themselves would, once they are merged") {
  for (const std::string& name : available_instruction_sets()) {
    CAPTURE(name);
    const Kernels& kernels = *find_kernels(name);
    const Groups groups(40);
    Tables plain, copied;
    train(kernels, groups, plain, {});
    RowReplicas replicas(kernels, copied.output.view(), kFirst, kCopied, 1);
    train(kernels, groups, copied, replicas.view());
    CHECK(largest_difference(plain.output.view(), copied.output.view()) > 0.01);   // the table's wait for the merge
    CHECK(largest_difference(plain.input.view(), copied.input.view()) < 1e-6);
    replicas.merge();
    CHECK(largest_difference(plain.output.view(), copied.output.view()) < 1e-6);
  }
}

TEST_CASE("a candidate is counted with its copy, or with the rows that have none") {
  Tables tables;
  RowReplicas replicas(active_kernels(), tables.output.view(), kFirst, kCopied, 2);
  train(active_kernels(), Groups(kRows), tables, replicas.view());
  const ReplicaView view = replicas.view();
  for (std::int64_t i = 0; i < kCopied; ++i) CHECK(view.uses[i] == 2);
  CHECK(view.uses[kCopied] == 2 * (kRows - kCopied));
  replicas.merge();
  for (std::int64_t i = 0; i <= kCopied; ++i) CHECK(view.uses[i] == 0);
}

TEST_CASE("a merge brings what others brought, and merges come by themselves") {
  Tables tables;
  const TableView output = tables.output.view();
  RowReplicas one(active_kernels(), output, kFirst, kCopied, 2);
  RowReplicas other(active_kernels(), output, kFirst, kCopied, 2);
  const float before = output.row(RowId(kFirst))[3];
  one.view().rows[3] += 1;
  other.view().rows[3] += 2;
  one.trained(1, 0.1);
  CHECK(output.row(RowId(kFirst))[3] == before);   // not yet
  one.trained(100000, 0.1);
  CHECK(output.row(RowId(kFirst))[3] == doctest::Approx(before + 1));
  other.trained(100000, 0.1);
  CHECK(output.row(RowId(kFirst))[3] == doctest::Approx(before + 3));
  CHECK(other.view().rows[3] == output.row(RowId(kFirst))[3]);
  CHECK(one.view().rows[3] == doctest::Approx(before + 1));
  one.merge();
  CHECK(one.view().rows[3] == output.row(RowId(kFirst))[3]);
}

TEST_CASE("changes of rows that move slowly are added, and of rows that arrived their mean is taken") {
  CHECK(merged_share(0.025, 0, 16) == 1);
  CHECK(merged_share(0, 100, 16) == 1);
  CHECK(merged_share(1e-9, 1, 16) == doctest::Approx(1).epsilon(1e-6));
  CHECK(merged_share(10, 1e6, 16) == doctest::Approx(1.0 / 16));
  CHECK(merged_share(0.025, 100, 1) == doctest::Approx(1));
  // Copies that each leave x of the way to the bottom leave x^w together.
  for (const double uses : {3.0, 20.0, 90.0}) {
    const double alone = merged_share(0.025, uses, 2);   // (1 - x^2) / (2 (1 - x)) = (1 + x) / 2
    const double x = 2 * alone - 1;
    CHECK(merged_share(0.025, uses, 8) == doctest::Approx((1 - std::pow(x, 8)) / (8 * (1 - x))));
  }
}
