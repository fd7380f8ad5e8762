// Batches: the buffers behind them, the checks before a kernel sees one, and the canonical form of a hand-made one.
#include "hogvec/batch.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "hogvec/error.hpp"

namespace hogvec {

namespace {

// Adds the slack that kernels may read past the end of an array.
std::span<const float> with_slack(std::vector<float>& values) {
  const std::size_t size = values.size();
  values.reserve(size + kReadableSlack);
  std::fill(values.data() + size, values.data() + size + kReadableSlack, 0.0F);
  return {values.data(), size};
}

void check_length(std::size_t length, std::size_t expected, const char* name) {
  if (length != expected)
    throw ValueError(std::string(name) + " must have length " + std::to_string(expected) + ", got " +
                     std::to_string(length));
}

void check_optional_length(std::size_t length, std::size_t expected, const char* name) {
  if (length != 0) check_length(length, expected, name);
}

void check_rows(std::span<const RowId> rows, std::int64_t limit, const char* name) {
  for (const RowId row : rows) {
    if (static_cast<std::int64_t>(index(row)) >= limit)
      throw IndexError(std::string(name) + " must be below " + std::to_string(limit) + ", got " +
                       std::to_string(index(row)));
  }
}

std::int64_t hidden_at(const Batch& batch, std::int64_t i) {
  return batch.group_hidden.empty() ? i : batch.group_hidden[static_cast<std::size_t>(i)];
}

// Every bag one unweighted, unscaled row, none twice in a group, and no candidates of its own.
bool has_distinct_rows(const Batch& batch) {
  if (!batch.bag_weights.empty() || !batch.forward_scale.empty() || !batch.backward_scale.empty()) return false;
  if (!batch.own_offsets.empty()) return false;
  for (std::size_t h = 0; h + 1 < batch.bag_offsets.size(); ++h) {
    if (batch.bag_offsets[h + 1] != batch.bag_offsets[h] + 1) return false;
  }
  std::vector<RowId> rows;
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    rows.clear();
    for (std::int64_t i = batch.group_offsets[g]; i < batch.group_offsets[g + 1]; ++i)
      rows.push_back(batch.bag_rows[static_cast<std::size_t>(hidden_at(batch, i))]);
    std::sort(rows.begin(), rows.end());
    if (std::adjacent_find(rows.begin(), rows.end()) != rows.end()) return false;
  }
  return true;
}

template <class T>
std::vector<T> copy(std::span<const T> values) {
  return {values.begin(), values.end()};
}

// Every hit must be on a candidate that the hidden vector would be scored against.
void check_hits(const Batch& batch) {
  if (batch.hit_offsets.empty())
    return check_length(batch.hit_candidates.size(), 0, "hit_candidates without hit_offsets");
  check_length(batch.hit_offsets.size(), batch.num_hidden() + 1, "hit_offsets");
  check_offsets(batch.hit_offsets, batch.hit_candidates.size(), "hit_offsets");
  std::vector<bool> found(batch.hit_candidates.size(), false);
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    for (std::int64_t entry = batch.group_offsets[g]; entry < batch.group_offsets[g + 1]; ++entry) {
      const auto h = static_cast<std::size_t>(hidden_at(batch, entry));
      for (auto i = static_cast<std::size_t>(batch.hit_offsets[h]);
           i < static_cast<std::size_t>(batch.hit_offsets[h + 1]); ++i) {
        const std::int64_t candidate = batch.hit_candidates[i];
        if (batch.shared_offsets[g] <= candidate && candidate < batch.shared_offsets[g + 1]) found[i] = true;
      }
    }
  }
  const auto lost = std::find(found.begin(), found.end(), false);
  if (lost == found.end()) return;
  const auto i = static_cast<std::size_t>(lost - found.begin());
  const auto after = std::upper_bound(batch.hit_offsets.begin(), batch.hit_offsets.end(), static_cast<std::int64_t>(i));
  throw IndexError("hit_candidates must be shared candidates of a group that the hidden vector stands in, got " +
                   std::to_string(batch.hit_candidates[i]) + " for hidden vector " +
                   std::to_string(after - batch.hit_offsets.begin() - 1));
}

}   // namespace

void check_offsets(std::span<const std::int64_t> offsets, std::size_t last, const char* name) {
  const auto fail = [name](const std::string& rule) { throw ValueError(std::string(name) + " must " + rule); };
  if (offsets.empty()) fail("hold at least one number, got none");
  if (offsets.front() != 0) fail("start at 0, got " + std::to_string(offsets.front()));
  for (std::size_t i = 1; i < offsets.size(); ++i) {
    if (offsets[i] < offsets[i - 1])
      fail("not fall, got " + std::to_string(offsets[i]) + " after " + std::to_string(offsets[i - 1]));
  }
  if (offsets.back() != static_cast<std::int64_t>(last))
    fail("end at " + std::to_string(last) + ", got " + std::to_string(offsets.back()));
}

void BatchBuffer::clear() {
  for (auto* offsets : {&bag_offsets, &group_offsets, &shared_offsets, &own_offsets, &hit_offsets, &hit_candidates})
    offsets->clear();
  for (auto* rows : {&bag_rows, &shared_rows, &own_rows}) rows->clear();
  for (auto* values : {&bag_weights, &forward_scale, &backward_scale, &weight, &shared_labels, &shared_weights,
                       &shared_log_q, &own_labels, &own_log_q})
    values->clear();
  group_hidden.clear();
  targets.clear();
  target_offsets.clear();
  rows_repeat = false;
}

Batch BatchBuffer::view() {
  Batch batch;
  batch.bag_offsets = bag_offsets;
  batch.bag_rows = bag_rows;
  batch.bag_weights = bag_weights;
  batch.forward_scale = forward_scale;
  batch.backward_scale = backward_scale;
  batch.weight = weight;
  batch.group_offsets = group_offsets;
  batch.group_hidden = group_hidden;
  batch.shared_offsets = shared_offsets;
  batch.shared_rows = shared_rows;
  batch.shared_labels = with_slack(shared_labels);
  if (!shared_weights.empty()) batch.shared_weights = with_slack(shared_weights);
  if (!shared_log_q.empty()) batch.shared_log_q = with_slack(shared_log_q);
  batch.own_offsets = own_offsets;
  batch.own_rows = own_rows;
  batch.own_labels = own_labels;
  batch.own_log_q = own_log_q;
  batch.hit_offsets = hit_offsets;
  batch.hit_candidates = hit_candidates;
  batch.rows_distinct = rows_distinct;
  batch.rows_repeat = rows_repeat;
  return batch;
}

void validate(const Batch& batch, std::int64_t input_rows, std::int64_t output_rows) {
  if (!batch.bag_offsets.empty()) check_offsets(batch.bag_offsets, batch.bag_rows.size(), "bag_offsets");
  const std::size_t hidden = batch.num_hidden();
  check_optional_length(batch.bag_weights.size(), batch.bag_rows.size(), "bag_weights");
  check_optional_length(batch.forward_scale.size(), hidden, "forward_scale");
  check_optional_length(batch.backward_scale.size(), hidden, "backward_scale");
  check_optional_length(batch.weight.size(), hidden, "weight");
  check_offsets(batch.group_offsets, batch.group_hidden.empty() ? hidden : batch.group_hidden.size(), "group_offsets");
  for (const std::uint32_t h : batch.group_hidden) {
    if (h >= hidden)
      throw IndexError("group_hidden must be below " + std::to_string(hidden) + ", got " + std::to_string(h));
  }
  check_length(batch.shared_offsets.size(), batch.group_offsets.size(), "shared_offsets");
  check_offsets(batch.shared_offsets, batch.shared_rows.size(), "shared_offsets");
  check_length(batch.shared_labels.size(), batch.shared_rows.size(), "shared_labels");
  check_optional_length(batch.shared_weights.size(), batch.shared_rows.size(), "shared_weights");
  check_optional_length(batch.shared_log_q.size(), batch.shared_rows.size(), "shared_log_q");
  if (!batch.own_offsets.empty()) check_length(batch.own_offsets.size(), hidden + 1, "own_offsets");
  if (!batch.own_offsets.empty()) check_offsets(batch.own_offsets, batch.own_rows.size(), "own_offsets");
  if (batch.own_offsets.empty()) check_length(batch.own_rows.size(), 0, "own_rows without own_offsets");
  check_length(batch.own_labels.size(), batch.own_rows.size(), "own_labels");
  check_optional_length(batch.own_log_q.size(), batch.own_rows.size(), "own_log_q");
  check_hits(batch);
  for (const float w : batch.shared_weights) {   // equal rows become one of their total weight: it must not cancel
    if (!(w >= 0)) throw ValueError("shared_weights must not be negative, got " + std::to_string(w));
  }
  check_rows(batch.bag_rows, input_rows, "bag_rows");
  check_rows(batch.shared_rows, output_rows, "shared_rows");
  check_rows(batch.own_rows, output_rows, "own_rows");
}

BatchBuffer canonical(const Batch& batch) {
  BatchBuffer buffer;
  buffer.bag_offsets = copy(batch.bag_offsets);
  buffer.bag_rows = copy(batch.bag_rows);
  buffer.bag_weights = copy(batch.bag_weights);
  buffer.forward_scale = copy(batch.forward_scale);
  buffer.backward_scale = copy(batch.backward_scale);
  buffer.weight = copy(batch.weight);
  buffer.group_offsets = copy(batch.group_offsets);
  buffer.group_hidden = copy(batch.group_hidden);
  buffer.own_offsets = copy(batch.own_offsets);
  buffer.own_rows = copy(batch.own_rows);
  buffer.own_labels = copy(batch.own_labels);
  buffer.own_log_q = copy(batch.own_log_q);
  buffer.rows_distinct = has_distinct_rows(batch);
  buffer.shared_offsets.push_back(0);
  std::unordered_map<std::size_t, std::size_t> place;                 // row -> its candidate
  std::vector<std::int64_t> candidate_of(batch.shared_rows.size());   // by the place in the batch that was given
  bool weighted = !batch.shared_weights.empty();
  for (std::size_t g = 0; g < batch.num_groups(); ++g) {
    place.clear();
    for (auto t = static_cast<std::size_t>(batch.shared_offsets[g]);
         t < static_cast<std::size_t>(batch.shared_offsets[g + 1]); ++t) {
      const float weight = batch.shared_weights.empty() ? 1.0F : batch.shared_weights[t];
      const float label = batch.shared_labels[t];
      const auto [entry, is_new] = place.try_emplace(index(batch.shared_rows[t]), buffer.shared_rows.size());
      candidate_of[t] = static_cast<std::int64_t>(entry->second);
      if (is_new) {
        buffer.shared_rows.push_back(batch.shared_rows[t]);
        buffer.shared_labels.push_back(label);
        buffer.shared_weights.push_back(weight);
        if (!batch.shared_log_q.empty()) buffer.shared_log_q.push_back(batch.shared_log_q[t]);
        continue;
      }
      if (!batch.shared_log_q.empty() && batch.shared_log_q[t] != buffer.shared_log_q[entry->second])
        throw ValueError("shared_log_q must be the same for equal rows of a group, got " +
                         std::to_string(batch.shared_log_q[t]) + " and " +
                         std::to_string(buffer.shared_log_q[entry->second]) + " for row " +
                         std::to_string(index(batch.shared_rows[t])));
      weighted = true;
      float& merged = buffer.shared_weights[entry->second];
      float& merged_label = buffer.shared_labels[entry->second];
      const float sum = merged + weight;
      if (sum != 0.0F) merged_label = (merged * merged_label + weight * label) / sum;
      merged = sum;
    }
    buffer.shared_offsets.push_back(static_cast<std::int64_t>(buffer.shared_rows.size()));
  }
  if (!weighted) buffer.shared_weights.clear();
  buffer.hit_offsets = copy(batch.hit_offsets);
  for (const std::int64_t hit : batch.hit_candidates)
    buffer.hit_candidates.push_back(candidate_of[static_cast<std::size_t>(hit)]);
  return buffer;
}

}   // namespace hogvec
