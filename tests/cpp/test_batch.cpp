// Batches: what is refused before a kernel sees it, and the form that hand-made ones are brought into.
#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "hogvec/batch.hpp"
#include "hogvec/error.hpp"

using namespace hogvec;

namespace {

std::vector<RowId> rows(const std::vector<std::uint32_t>& numbers) {
  std::vector<RowId> result;
  for (const std::uint32_t number : numbers) result.push_back(RowId{number});
  return result;
}

// Three hidden vectors in two groups, with every array present.
BatchBuffer whole_batch() {
  BatchBuffer buffer;
  buffer.bag_offsets = {0, 2, 2, 3};
  buffer.bag_rows = rows({0, 1, 4});
  buffer.bag_weights = {1, 2, 3};
  buffer.forward_scale = {1, 1, 1};
  buffer.backward_scale = {1, 1, 1};
  buffer.weight = {1, 1, 1};
  buffer.group_offsets = {0, 1, 4};
  buffer.group_hidden = {0, 1, 2, 0};
  buffer.shared_offsets = {0, 1, 3};
  buffer.shared_rows = rows({0, 1, 6});
  buffer.shared_labels = {1, 1, 0};
  buffer.shared_weights = {1, 1, 5};
  buffer.own_offsets = {0, 1, 1, 2};
  buffer.own_rows = rows({3, 6});
  buffer.own_labels = {1, 0};
  buffer.hit_offsets = {0, 2, 2, 3};   // hidden vector 0 stands in both groups
  buffer.hit_candidates = {0, 2, 1};
  return buffer;
}

// The message with which the whole batch is refused after a change, "" if it is not. 5 input rows, 7 output rows.
template <class Error = ValueError>
std::string refusal(const std::function<void(BatchBuffer&)>& change) {
  BatchBuffer buffer = whole_batch();
  change(buffer);
  try {
    validate(buffer.view(), 5, 7);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}   // namespace

TEST_CASE("a batch with every array is valid, and so is one with the fewest") {
  CHECK(refusal([](BatchBuffer&) {}).empty());
  BatchBuffer least;
  least.bag_rows = rows({4, 4});
  least.group_offsets = {0, 2};
  least.shared_offsets = {0, 1};
  least.shared_rows = rows({6});
  least.shared_labels = {1};
  CHECK_NOTHROW(validate(least.view(), 5, 7));
  BatchBuffer none;
  none.group_offsets = none.shared_offsets = {0};
  CHECK_NOTHROW(validate(none.view(), 5, 7));
}

TEST_CASE("arrays of the wrong length are refused by name") {
  CHECK(refusal([](auto& b) { b.bag_weights = {1}; }) == "bag_weights must have length 3, got 1");
  CHECK(refusal([](auto& b) { b.forward_scale = {1, 1}; }) == "forward_scale must have length 3, got 2");
  CHECK(refusal([](auto& b) { b.backward_scale = {1, 1}; }) == "backward_scale must have length 3, got 2");
  CHECK(refusal([](auto& b) { b.weight = {1, 1, 1, 1}; }) == "weight must have length 3, got 4");
  CHECK(refusal([](auto& b) { b.shared_offsets = {0, 3}; }) == "shared_offsets must have length 3, got 2");
  CHECK(refusal([](auto& b) { b.shared_labels = {}; }) == "shared_labels must have length 3, got 0");
  CHECK(refusal([](auto& b) { b.shared_weights = {1, 1}; }) == "shared_weights must have length 3, got 2");
  CHECK(refusal([](auto& b) { b.own_offsets = {0, 2}; }) == "own_offsets must have length 4, got 2");
  CHECK(refusal([](auto& b) { b.own_offsets = {}; }) == "own_rows without own_offsets must have length 0, got 2");
  CHECK(refusal([](auto& b) { b.own_labels = {1}; }) == "own_labels must have length 2, got 1");
}

TEST_CASE("offsets that do not ascend from 0 to the end are refused by name") {
  CHECK(refusal([](auto& b) { b.bag_offsets = {0, 2, 1, 3}; }) == "bag_offsets must not fall, got 1 after 2");
  CHECK(refusal([](auto& b) { b.bag_offsets = {1, 2, 2, 3}; }) == "bag_offsets must start at 0, got 1");
  CHECK(refusal([](auto& b) { b.bag_offsets = {0, 2, 2, 4}; }) == "bag_offsets must end at 3, got 4");
  CHECK(refusal([](auto& b) { b.group_offsets = {}; }) == "group_offsets must hold at least one number, got none");
  CHECK(refusal([](auto& b) { b.group_offsets = {0, 1, 3}; }) == "group_offsets must end at 4, got 3");
  CHECK(refusal([](auto& b) { b.group_offsets = {0, 5, 4}; }) == "group_offsets must not fall, got 4 after 5");
  CHECK(refusal([](auto& b) { b.shared_offsets = {0, -1, 3}; }) == "shared_offsets must not fall, got -1 after 0");
  CHECK(refusal([](auto& b) { b.shared_offsets = {0, 1, 2}; }) == "shared_offsets must end at 3, got 2");
  CHECK(refusal([](auto& b) { b.own_offsets = {0, 1, 1, 5}; }) == "own_offsets must end at 2, got 5");
  CHECK(refusal([](auto& b) { b.own_offsets = {0, std::numeric_limits<std::int64_t>::max(), 1, 2}; }) ==
        "own_offsets must not fall, got 1 after 9223372036854775807");
}

TEST_CASE("ids that are out of range are refused by name") {
  const auto last = [](std::vector<RowId>& ids, std::uint32_t id) { ids.back() = RowId{id}; };
  CHECK(refusal<IndexError>([&](auto& b) { last(b.bag_rows, 5); }) == "bag_rows must be below 5, got 5");
  CHECK(refusal<IndexError>([&](auto& b) { last(b.shared_rows, 7); }) == "shared_rows must be below 7, got 7");
  CHECK(refusal<IndexError>([&](auto& b) { last(b.own_rows, 0xffffffffU); }) ==
        "own_rows must be below 7, got 4294967295");
  CHECK(refusal<IndexError>([](auto& b) { b.group_hidden[1] = 3; }) == "group_hidden must be below 3, got 3");
}

TEST_CASE("negative weights of shared candidates are refused") {
  // Equal candidates are merged into one of their total weight: opposite weights would cancel though their labels
  // differ.
  CHECK(refusal([](auto& b) { b.shared_weights[1] = -0.5F; }).find("shared_weights must not be negative, got -0.5") ==
        0);
  CHECK(refusal([](auto& b) {
          b.shared_weights[1] = std::numeric_limits<float>::quiet_NaN();
        }).find("shared_weights must not be negative, got ") == 0);
}

TEST_CASE("equal shared rows of a group become one candidate with the sum of weights and the mean of labels") {
  BatchBuffer given;
  given.bag_rows = rows({0, 1});
  given.group_offsets = {0, 1, 2};
  given.shared_offsets = {0, 5, 7};
  given.shared_rows = rows({3, 4, 3, 3, 5, 4, 4});
  given.shared_labels = {1, 0, 0, 1, 1, 1, 1};
  BatchBuffer merged = canonical(given.view());
  CHECK(merged.shared_offsets == std::vector<std::int64_t>{0, 3, 4});
  CHECK(merged.shared_rows == rows({3, 4, 5, 4}));
  CHECK(merged.shared_weights == std::vector<float>{3, 1, 1, 2});
  CHECK(double{merged.shared_labels[0]} == doctest::Approx(2.0 / 3));
  CHECK(merged.shared_labels[3] == 1);

  given.shared_weights = {1, 2, 3, 0, 1, 0, 0};
  merged = canonical(given.view());
  CHECK(merged.shared_weights == std::vector<float>{4, 2, 1, 0});
  CHECK(double{merged.shared_labels[0]} == doctest::Approx(1.0 / 4));
}

TEST_CASE("hits must be on candidates that the hidden vector would be scored against") {
  CHECK(refusal([](BatchBuffer& b) { b.hit_offsets.pop_back(); }) == "hit_offsets must have length 4, got 3");
  CHECK(refusal([](BatchBuffer& b) { b.hit_offsets.back() = 4; }) == "hit_offsets must end at 3, got 4");
  CHECK(refusal([](BatchBuffer& b) { b.hit_offsets.clear(); }) ==
        "hit_candidates without hit_offsets must have length 0, got 3");
  const std::string rule = "hit_candidates must be shared candidates of a group that the hidden vector stands in, got ";
  CHECK(refusal<IndexError>([](BatchBuffer& b) { b.hit_candidates[2] = 0; }) == rule + "0 for hidden vector 2");
  CHECK(refusal<IndexError>([](BatchBuffer& b) { b.hit_candidates[2] = 3; }) == rule + "3 for hidden vector 2");
  CHECK(refusal<IndexError>([](BatchBuffer& b) { b.hit_candidates[1] = -1; }) == rule + "-1 for hidden vector 0");
}

TEST_CASE("a hit on one of equal rows is a hit on what they become") {
  BatchBuffer given = whole_batch();
  given.shared_rows = rows({0, 6, 6});
  const BatchBuffer merged = canonical(given.view());
  CHECK(merged.shared_rows == rows({0, 6}));
  CHECK(merged.hit_offsets == given.hit_offsets);
  CHECK(merged.hit_candidates == std::vector<std::int64_t>{0, 1, 1});
}

TEST_CASE("a batch without equal rows keeps its candidates and has no weights") {
  BatchBuffer given;
  given.bag_rows = rows({0, 1});
  given.group_offsets = {0, 1, 2};
  given.shared_offsets = {0, 2, 4};
  given.shared_rows = rows({3, 4, 3, 4});
  given.shared_labels = {1, 0, 0, 1};
  const BatchBuffer same = canonical(given.view());
  CHECK(same.shared_rows == given.shared_rows);
  CHECK(same.shared_labels == given.shared_labels);
  CHECK(same.shared_offsets == given.shared_offsets);
  CHECK(same.shared_weights.empty());
}

TEST_CASE("groups of distinct single rows are recognised, and only those") {
  BatchBuffer given;
  given.bag_rows = rows({0, 1, 0, 2});
  given.group_offsets = {0, 2, 4};
  given.shared_offsets = {0, 1, 2};
  given.shared_rows = rows({3, 3});
  given.shared_labels = {1, 0};
  const auto is_distinct = [](BatchBuffer buffer, const std::function<void(BatchBuffer&)>& change) {
    change(buffer);
    return canonical(buffer.view()).rows_distinct;
  };
  CHECK(is_distinct(given, [](auto&) {}));   // row 0 stands in two groups, not twice in one
  CHECK(is_distinct(given, [](auto& b) { b.bag_offsets = {0, 1, 2, 3, 4}; }));
  CHECK(is_distinct(given, [](auto& b) { b.weight = {1, 2, 3, 4}; }));
  CHECK(is_distinct(given, [](auto& b) { b.group_hidden = {3, 2, 1, 0}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.group_hidden = {0, 2, 1, 3}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.group_offsets = {0, 1, 4}, b.bag_rows[3] = RowId{1}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.bag_offsets = {0, 0, 2, 3, 4}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.bag_weights = {1, 1, 1, 1}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.forward_scale = {1, 1, 1, 1}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.backward_scale = {1, 1, 1, 1}; }));
  CHECK_FALSE(is_distinct(given, [](auto& b) { b.own_offsets = {0, 0, 0, 0, 0}; }));
}

TEST_CASE("a view may be read past the end of labels and weights, and an empty span stays empty") {
  BatchBuffer buffer = whole_batch();
  const Batch batch = buffer.view();
  for (std::size_t i = 3; i < 3 + kReadableSlack; ++i) {
    CHECK(batch.shared_labels.data()[i] == 0);
    CHECK(batch.shared_weights.data()[i] == 0);
  }
  buffer.clear();
  buffer.group_offsets = buffer.shared_offsets = {0};
  const Batch empty = buffer.view();
  CHECK(empty.num_groups() == 0);
  CHECK(empty.num_hidden() == 0);
  CHECK(empty.shared_weights.empty());
  CHECK(empty.weight.empty());
  CHECK(empty.own_offsets.empty());
}
