// What an output layer knows before it computes: its own candidates, the rows that will have gradients, and which
// shared candidates are an example's own. The gradients are in output_gradients.cpp.
#include "hogvec/output_layer.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "hogvec/error.hpp"
#include "hogvec/layer_checks.hpp"

namespace hogvec {
namespace {

constexpr std::size_t kFewTargets = 16;   // that are compared with one another sooner than sorted

std::string text(std::int64_t n) { return std::to_string(n); }

void check_offsets(const std::string& name, std::span<const std::int64_t> offsets, std::int64_t examples) {
  check_size((name + " must have an entry more than hidden has rows").c_str(), examples + 1, std::ssize(offsets));
  if (offsets.front() != 0 || !std::is_sorted(offsets.begin(), offsets.end()))
    throw ValueError(name + " must start at 0 and never fall");
}

}   // namespace

OutputLayer::OutputLayer(const BlockKernels& kernels, const LayerModel& model, FloatRows hidden,
                         std::span<const float> example_weights, const LayerCandidates& candidates)
    : kernels_(&kernels),
      model_(model),
      hidden_(hidden),
      example_weights_(example_weights),
      candidates_(candidates),
      offsets_((check(), shared_offsets())),
      panels_(model_, candidates_.shared_rows, candidates.all_rows, offsets_) {
  if (candidates.own_offsets.empty()) {
    take_targets();
  } else {
    take_own();
  }
  find_rows();
  find_hits();
}

void OutputLayer::check() const {
  const LayerCandidates& c = candidates_;
  check_hidden(hidden_, model_.weights);
  if (!model_.bias.empty()) check_bias(model_.bias, model_.weights);
  if (!example_weights_.empty()) {
    check_size("example_weights must have an entry for each row of hidden", hidden_.rows, std::ssize(example_weights_));
    for (const float weight : example_weights_) {
      if (!(weight >= 0 && std::isfinite(weight)))
        throw ValueError("example_weights must be finite and not negative, got " + std::to_string(weight));
    }
  }
  if (!c.shared_weights.empty())
    check_size("shared_weights must have an entry for each shared row", std::ssize(c.shared_rows),
               std::ssize(c.shared_weights));
  const std::int64_t shared = c.all_rows ? model_.weights.rows : std::ssize(c.shared_rows);
  if (!c.shared_log_q.empty())
    check_size("shared_log_q must have an entry for each shared row", shared, std::ssize(c.shared_log_q));
  for (const std::int32_t row : c.shared_rows) {
    if (row < 0 || row >= model_.weights.rows)
      throw IndexError("sampled ids must be at least 0 and below the rows of weights, " + text(model_.weights.rows) +
                       ", got " + text(row));
  }
  if (c.own_offsets.empty()) {
    if (!c.target_offsets.empty()) check_offsets("target_offsets", c.target_offsets, hidden_.rows);
    check_size("targets must have as many entries as hidden and target_offsets say",
               c.target_offsets.empty() ? hidden_.rows : c.target_offsets.back(), std::ssize(c.targets));
    if (!c.target_log_q.empty())
      check_size("target_log_q must have an entry for each target", std::ssize(c.targets), std::ssize(c.target_log_q));
    if (!c.target_weights.empty())
      check_size("target_weights must have an entry for each target", std::ssize(c.targets),
                 std::ssize(c.target_weights));
    for (const float weight : c.target_weights) {
      if (!(weight > 0 && std::isfinite(weight)))
        throw ValueError("target_weights must be finite and above 0, got " + std::to_string(weight));
    }
  } else {
    check_offsets("own_offsets", c.own_offsets, hidden_.rows);
    check_size("own_rows must have as many entries as own_offsets says", c.own_offsets.back(), std::ssize(c.own_rows));
    check_size("own_labels must have as many entries as own_offsets says", c.own_offsets.back(),
               std::ssize(c.own_labels));
    if (!c.own_log_q.empty())
      check_size("own_log_q must have as many entries as own_offsets says", c.own_offsets.back(),
                 std::ssize(c.own_log_q));
  }
  for (const std::span<const std::int64_t> ids : {c.targets, c.own_rows}) {
    for (const std::int64_t row : ids) {
      if (row < 0 || row >= model_.weights.rows)
        throw IndexError("targets must be at least 0 and below the rows of weights, " + text(model_.weights.rows) +
                         ", got " + text(row));
    }
  }
}

// What is added to a shared candidate's score: its bias, less log_q; in a softmax m equal candidates are one whose
// score is higher by ln m.
std::vector<float> OutputLayer::shared_offsets() const {
  const LayerCandidates& c = candidates_;
  const auto size = c.all_rows ? static_cast<std::size_t>(model_.weights.rows) : c.shared_rows.size();
  std::vector<float> offsets(size);
  for (std::size_t i = 0; i < size; ++i) {
    double offset = 0;
    const std::size_t row = c.all_rows ? i : static_cast<std::size_t>(c.shared_rows[i]);
    if (!model_.bias.empty()) offset += double{model_.bias[row]} / model_.temperature;
    if (!c.shared_log_q.empty()) offset -= c.shared_log_q[i];
    if (c.link.link == Link::kSoftmax && !c.shared_weights.empty()) offset += std::log(double{c.shared_weights[i]});
    offsets[i] = static_cast<float>(offset);
  }
  return offsets;
}

void OutputLayer::take_own() {
  const LayerCandidates& c = candidates_;
  own_offsets_.assign(c.own_offsets.begin(), c.own_offsets.end());
  own_rows_.assign(c.own_rows.begin(), c.own_rows.end());
  for (std::size_t i = 0; i < c.own_labels.size(); ++i)
    own_.push_back({.label = double{c.own_labels[i]}, .log_q = c.own_log_q.empty() ? 0.0 : c.own_log_q[i]});
}

void OutputLayer::take_targets() {
  const LayerCandidates& c = candidates_;
  own_rows_.reserve(c.targets.size());
  own_.reserve(c.targets.size());
  own_offsets_.reserve(static_cast<std::size_t>(hidden_.rows) + 1);
  own_offsets_.push_back(0);
  for (std::size_t b = 0; b < static_cast<std::size_t>(hidden_.rows); ++b) {
    if (c.target_offsets.empty()) {
      add_targets(b, b + 1);
    } else {
      add_targets(static_cast<std::size_t>(c.target_offsets[b]), static_cast<std::size_t>(c.target_offsets[b + 1]));
    }
    own_offsets_.push_back(static_cast<std::int64_t>(own_rows_.size()));
  }
}

// Entries [begin, end) of the targets, which are one example's: independent labels are the weights, others their shares
// of a whole. Of equal ones the first stays.
void OutputLayer::add_targets(std::size_t begin, std::size_t end) {
  const LayerCandidates& c = candidates_;
  const auto weight = [&](std::size_t i) { return c.target_weights.empty() ? 1.0 : double{c.target_weights[i]}; };
  double whole = 0;
  for (std::size_t i = begin; i < end; ++i) whole += weight(i);
  const double share = c.link.independent ? 1 : 1 / whole;
  const std::size_t first = own_rows_.size();
  const auto take = [&](std::size_t i, std::size_t from) {
    const auto begin_of_search = own_rows_.begin() + static_cast<std::ptrdiff_t>(from);
    const auto found = std::find(begin_of_search, own_rows_.end(), c.targets[i]);
    if (found == own_rows_.end()) {
      own_rows_.push_back(c.targets[i]);
      own_.push_back({.label = share * weight(i), .log_q = c.target_log_q.empty() ? 0.0 : c.target_log_q[i]});
    } else if (!c.link.independent) {
      own_[static_cast<std::size_t>(found - own_rows_.begin())].label += share * weight(i);
    }
  };
  if (end - begin <= kFewTargets) {
    for (std::size_t i = begin; i < end; ++i) take(i, first);
    return;
  }
  std::vector<std::size_t> order(end - begin);
  std::iota(order.begin(), order.end(), begin);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return c.targets[i] < c.targets[j]; });
  for (const std::size_t i : order) take(i, std::max(first + 1, own_rows_.size()) - 1);
}

void OutputLayer::find_rows() {
  if (candidates_.all_rows) {
    rows_.resize(static_cast<std::size_t>(model_.weights.rows));
    for (std::size_t i = 0; i < rows_.size(); ++i) rows_[i] = static_cast<std::int64_t>(i);
    own_slots_ = own_rows_;
    return;
  }
  const std::span<const std::int32_t> shared = candidates_.shared_rows;
  own_slots_.reserve(own_rows_.size());
  shared_slots_.reserve(shared.size());
  const auto num_rows = static_cast<std::size_t>(model_.weights.rows);
  if (own_rows_.size() + shared.size() > num_rows / 8) {   // so many are found sooner by a table than by sorting
    std::vector<std::int64_t> slots(num_rows, -1);
    for (const std::int64_t row : own_rows_) slots[static_cast<std::size_t>(row)] = 0;
    for (const std::int32_t row : shared) slots[static_cast<std::size_t>(row)] = 0;
    for (std::size_t row = 0; row < num_rows; ++row) {
      if (slots[row] < 0) continue;
      slots[row] = static_cast<std::int64_t>(rows_.size());
      rows_.push_back(static_cast<std::int64_t>(row));
    }
    for (const std::int64_t row : own_rows_) own_slots_.push_back(slots[static_cast<std::size_t>(row)]);
    for (const std::int32_t row : shared) shared_slots_.push_back(slots[static_cast<std::size_t>(row)]);
    return;
  }
  std::vector<std::pair<std::int64_t, std::size_t>> entries;   // a row, and where it stands: own ones, then shared
  entries.reserve(own_rows_.size() + shared.size());
  for (const std::int64_t row : own_rows_) entries.emplace_back(row, entries.size());
  for (const std::int32_t row : shared) entries.emplace_back(row, entries.size());
  std::sort(entries.begin(), entries.end());
  own_slots_.resize(own_rows_.size());
  shared_slots_.resize(shared.size());
  for (const auto& [row, place] : entries) {
    if (rows_.empty() || rows_.back() != row) rows_.push_back(row);
    const bool is_own = place < own_slots_.size();
    (is_own ? own_slots_[place] : shared_slots_[place - own_slots_.size()]) =
        static_cast<std::int64_t>(rows_.size()) - 1;
  }
}

void OutputLayer::find_hits() {
  const auto panels = static_cast<std::size_t>(panels_.panels());
  hits_before_.assign(panels + 1, 0);
  double all = static_cast<double>(panels_.size());
  if (!candidates_.shared_weights.empty()) {
    all = 0;
    for (const float weight : candidates_.shared_weights) all += double{weight};
  }
  shared_count_.assign(static_cast<std::size_t>(hidden_.rows), all);
  if (!candidates_.mask_hits || !candidates_.own_offsets.empty()) return;
  std::vector<std::int32_t> candidate_at(candidates_.all_rows ? 0 : rows_.size(), -1);
  for (std::size_t i = 0; i < shared_slots_.size(); ++i)
    candidate_at[static_cast<std::size_t>(shared_slots_[i])] = static_cast<std::int32_t>(i);
  for (std::int64_t b = 0; b < hidden_.rows; ++b) {
    for (auto t = static_cast<std::size_t>(own_offsets_[static_cast<std::size_t>(b)]);
         t < static_cast<std::size_t>(own_offsets_[static_cast<std::size_t>(b) + 1]); ++t) {
      const std::int32_t candidate = candidates_.all_rows ? static_cast<std::int32_t>(own_rows_[t])
                                                          : candidate_at[static_cast<std::size_t>(own_slots_[t])];
      if (candidate < 0) continue;
      hits_.push_back({static_cast<std::int32_t>(b), candidate});
      const auto& weights = candidates_.shared_weights;
      shared_count_[static_cast<std::size_t>(b)] -=
          weights.empty() ? 1.0 : double{weights[static_cast<std::size_t>(candidate)]};
    }
  }
  const auto panel_of = [](const Hit& hit) { return static_cast<std::size_t>(hit.candidate / kPanel); };
  for (const Hit& hit : hits_) ++hits_before_[panel_of(hit) + 1];
  for (std::size_t p = 0; p < panels; ++p) hits_before_[p + 1] += hits_before_[p];
  std::vector<Hit> sorted(hits_.size());
  std::vector<std::int64_t> place(hits_before_.begin(), hits_before_.end() - 1);
  for (const Hit& hit : hits_) sorted[static_cast<std::size_t>(place[panel_of(hit)]++)] = hit;
  hits_ = std::move(sorted);
}

}   // namespace hogvec
