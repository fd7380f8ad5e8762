// Candidates of the losses: draws of noise, distinct ones too, paths of a tree, all rows.
#include "hogvec/objective.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "hogvec/candidate_places.hpp"
#include "hogvec/distinct_ids.hpp"
#include "hogvec/error.hpp"

namespace hogvec {

namespace {

constexpr std::size_t kCopied = 16;   // entries of a path copied at a time

// Up to this many draws are compared pair by pair; more are sorted first.
constexpr std::size_t kMostCompared = 32;

bool all_distinct(WordId target, std::span<const WordId> draws) {
  if (draws.size() > kMostCompared) return false;   // not known
  bool clash = false;
  for (std::size_t i = 0; i < draws.size(); ++i) {
    clash |= draws[i] == target;
    for (std::size_t j = 0; j < i; ++j) clash |= draws[i] == draws[j];
  }
  return !clash;
}

// The candidate counts once more. Returns how often, the first time included.
float add_weight(BatchBuffer& buffer, std::size_t candidate) {
  buffer.shared_weights.resize(std::max(buffer.shared_weights.size(), candidate + 1), 1.0F);
  return buffer.shared_weights[candidate] += 1.0F;
}

}   // namespace

// The rare case: a draw equals the target or another one. Returns the place after the last candidate.
std::size_t NegativeSamplingObjective::add_merged(WordId target, std::span<WordId> draws, std::size_t place,
                                                  BatchBuffer& buffer, Stream& stream) const {
  for (WordId& draw : draws) {
    if (hits_ != Hits::kRedraw) break;
    for (int redraw = 0; draw == target && redraw < kMostRedraws; ++redraw) draw = noise_->draw(stream);
  }
  const bool sorted = draws.size() > kMostCompared;
  if (sorted) std::sort(draws.begin(), draws.end());
  const std::size_t first = place;
  for (const WordId draw : draws) {
    if (draw == target) {
      if (hits_ == Hits::kKeep) buffer.shared_labels[first - 1] = 1.0F / add_weight(buffer, first - 1);
      continue;
    }
    const RowId row = row_of(draw);
    // Equal draws are neighbours when sorted.
    const std::size_t from = sorted && place > first ? place - 1 : first;
    const auto begin = buffer.shared_rows.begin();
    const auto same = static_cast<std::size_t>(
        std::find(begin + static_cast<std::ptrdiff_t>(from), begin + static_cast<std::ptrdiff_t>(place), row) - begin);
    if (same == place) {
      buffer.shared_rows[place++] = row;
      continue;
    }
    add_weight(buffer, same);
  }
  return place;
}

void NegativeSamplingObjective::add_candidates(BatchBuffer& buffer, Stream& stream) const {
  if (!buffer.target_offsets.empty()) return add_for_several(buffer, stream);
  const auto negatives = static_cast<std::size_t>(negatives_);
  const std::size_t groups = buffer.targets.size();
  // All draws of the batch in one loop, so that the cache misses of the sampler's table overlap; and a set to merge in.
  const std::size_t sets = num_noise_sets(groups);
  buffer.draws.resize((sets + 1) * negatives);
  noise_->draw(stream, std::span(buffer.draws).first(sets * negatives));
  const std::span<WordId> merged = std::span(buffer.draws).subspan(sets * negatives);

  // Room for all, cut at the end: a store costs less than a push that may grow.
  buffer.shared_rows.resize(groups * (negatives + 1));
  buffer.shared_labels.assign(groups * (negatives + 1), 0.0F);
  buffer.shared_offsets.resize(groups + 1);
  buffer.shared_offsets[0] = 0;
  std::size_t place = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const WordId target = buffer.targets[g];
    const std::span<const WordId> draws = std::span(buffer.draws).subspan(noise_set_of(g) * negatives, negatives);
    buffer.shared_labels[place] = 1.0F;
    buffer.shared_rows[place++] = row_of(target);
    if (all_distinct(target, draws)) {
      for (const WordId draw : draws) buffer.shared_rows[place++] = row_of(draw);
    } else {
      std::copy(draws.begin(), draws.end(), merged.begin());   // other groups take the set as it was drawn
      place = add_merged(target, merged, place, buffer, stream);
    }
    buffer.shared_offsets[g + 1] = static_cast<std::int64_t>(place);
  }
  buffer.shared_rows.resize(place);
  buffer.shared_labels.resize(place);
  if (!buffer.shared_weights.empty()) buffer.shared_weights.resize(place, 1.0F);
  add_log_q(buffer);
}

void NegativeSamplingObjective::add_log_q(BatchBuffer& buffer) const {
  if (log_q_.empty()) return;
  buffer.shared_log_q.resize(buffer.shared_rows.size());
  for (std::size_t t = 0; t < buffer.shared_rows.size(); ++t)
    buffer.shared_log_q[t] = log_q_[index(buffer.shared_rows[t])];
}

HierarchicalSoftmaxObjective::HierarchicalSoftmaxObjective(const Tree& tree) : tree_(&tree) {
  points_.reserve(tree.points.size() + kCopied);
  points_.assign(tree.points.begin(), tree.points.end());
  points_.resize(tree.points.size() + kCopied);
  labels_.reserve(tree.codes.size() + kCopied);
  for (const std::uint8_t code : tree.codes) labels_.push_back(code == 0 ? 1.0F : 0.0F);
  labels_.resize(tree.codes.size() + kCopied);
}

void HierarchicalSoftmaxObjective::add_candidates(BatchBuffer& buffer, Stream&) const {
  if (!buffer.target_offsets.empty()) return add_for_several(buffer);
  const std::vector<std::int64_t>& offsets = tree_->offsets;
  const std::size_t groups = buffer.targets.size();
  buffer.shared_offsets.resize(groups + 1);
  buffer.shared_offsets[0] = 0;
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t target = index(buffer.targets[g]);
    buffer.shared_offsets[g + 1] = buffer.shared_offsets[g] + offsets[target + 1] - offsets[target];
  }
  // Paths are copied in whole blocks, each overwritten where the next begins: their number seldom changes, so that
  // few branches are mispredicted. Room for the last block's excess is cut off again.
  const auto total = static_cast<std::size_t>(buffer.shared_offsets[groups]);
  buffer.shared_rows.resize(total + kCopied);
  buffer.shared_labels.resize(total + kCopied);
  for (std::size_t g = 0; g < groups; ++g) {
    const auto from = static_cast<std::size_t>(offsets[index(buffer.targets[g])]);
    const auto to = static_cast<std::size_t>(buffer.shared_offsets[g]);
    const auto size = static_cast<std::size_t>(buffer.shared_offsets[g + 1]) - to;
    for (std::size_t i = 0; i < size; i += kCopied) {
      std::copy_n(points_.data() + from + i, kCopied, buffer.shared_rows.data() + to + i);
      std::copy_n(labels_.data() + from + i, kCopied, buffer.shared_labels.data() + to + i);
    }
  }
  buffer.shared_rows.resize(total);
  buffer.shared_labels.resize(total);
}

// The candidates of one group while they are drawn.
struct SampledSoftmaxObjective::Sample {
  Sample(BatchBuffer& buffer, std::size_t most) : buffer_(&buffer), places_(buffer, most) {}

  void start(WordId word) {
    first = last;
    num_hits = 0;
    target = word;
    places_.start(first);
    find_or_add(word);
  }

  // The place of a word among all candidates: `last`, as it was before, if it is new.
  std::size_t find_or_add(WordId word) {
    const std::size_t place = places_.find_or_add(row_of(word), last);
    if (place == last) buffer_->shared_rows[last++] = row_of(word);
    return place;
  }

  std::size_t first = 0, last = 0;   // its candidates are [first, last), the target's at first
  std::size_t num_hits = 0;          // draws that equal the target
  WordId target{};

 private:
  BatchBuffer* buffer_;
  CandidatePlaces places_;
};

SampledSoftmaxObjective::SampledSoftmaxObjective(const AliasTable& noise, std::span<const double> probability,
                                                 const Settings& settings)
    : noise_(&noise), settings_(settings), num_sampled_(static_cast<std::size_t>(settings.num_sampled)) {
  const double total = std::accumulate(probability.begin(), probability.end(), 0.0);
  if (!settings.unique) {
    for (const double p : probability)
      log_q_.push_back(static_cast<float>(std::log(p / total) + std::log(settings.num_sampled)));
    return;
  }
  const auto possible =
      static_cast<std::size_t>(std::count_if(probability.begin(), probability.end(), [](double p) { return p > 0; }));
  if (num_sampled_ > possible)
    throw ValueError("num_sampled must be at most " + std::to_string(possible) +
                     ", the number of ids with positive probability, with unique=True, got " +
                     std::to_string(num_sampled_));
  for (const double p : probability) {
    const double share = std::min(p / total, 1.0);
    const double rate = -std::log1p(-share);
    probability_.push_back(share);
    rates_.push_back({static_cast<float>(rate), static_cast<float>(std::log(rate))});
  }
}

// With y = n * rate, ln(1 - e^-y) = ln y + ln((1 - e^-y) / y), the second a series that converges below 2 pi.
float SampledSoftmaxObjective::log_expected_count(WordId word, double num_tries, double log_num_tries) const {
  const Rate& rate = rates_[index(word)];
  const auto y = static_cast<float>(num_tries * double{rate.rate});
  if (!(y < 1)) return std::log1p(-std::exp(-y));
  const float square = y * y;
  const float series =
      square * (1.0F / 24 - square * (1.0F / 2880 - square * (1.0F / 181440 - square * (1.0F / 9676800)))) - 0.5F * y;
  return static_cast<float>(log_num_tries) + rate.log_rate + series;
}

// Draws with replacement: equal ones become one candidate.
void SampledSoftmaxObjective::add_group(BatchBuffer& buffer, std::span<const WordId> draws, Sample& sample) const {
  for (const WordId draw : draws) {
    const std::size_t last = sample.last;
    const std::size_t place = sample.find_or_add(draw);
    if (place == last) continue;   // it is new
    if (place == sample.first) {
      ++sample.num_hits;
      if (!settings_.keep_hits) continue;
    }
    add_weight(buffer, place);
  }
}

// Draws until there are enough distinct words. Returns the number of draws.
double SampledSoftmaxObjective::add_distinct(BatchBuffer& buffer, Stream& stream, Sample& sample) const {
  // Most draws would be repeats: then the rest is found at once.
  const std::size_t patience = 4 * num_sampled_ + probability_.size();
  std::size_t tries = 0;
  std::size_t found = 0;
  while (found < num_sampled_) {
    if (tries > patience) return static_cast<double>(tries) + complete(buffer, stream, sample);
    // As many as are missing: only the last of them can be the last one needed.
    const std::span<WordId> draws = std::span(buffer.draws).first(num_sampled_ - found);
    noise_->draw(stream, draws);
    tries += draws.size();
    for (const WordId draw : draws) {
      const std::size_t last = sample.last;
      const std::size_t place = sample.find_or_add(draw);
      if (place == last) ++found;
      if (place != sample.first || sample.num_hits > 0) continue;
      sample.num_hits = 1;
      ++found;
      if (settings_.keep_hits) add_weight(buffer, place);
    }
  }
  return static_cast<double>(tries);
}

// Finds the words that are missing. Returns how many more draws they would have taken.
double SampledSoftmaxObjective::complete(BatchBuffer& buffer, Stream& stream, Sample& sample) const {
  std::vector<WordId> found;
  for (std::size_t t = sample.first + 1; t < sample.last; ++t)
    found.push_back(WordId{static_cast<std::int32_t>(index(buffer.shared_rows[t]))});
  if (sample.num_hits > 0) found.push_back(sample.target);
  DistinctIds distinct(num_sampled_);
  distinct.add(found);
  distinct.complete(probability_, stream.next());
  for (const WordId word : std::span(distinct.ids()).subspan(found.size())) {
    if (sample.find_or_add(word) != sample.first) continue;
    sample.num_hits = 1;
    if (settings_.keep_hits) add_weight(buffer, sample.first);
  }
  return distinct.num_tries() - static_cast<double>(found.size());
}

// The label of a candidate counts as often as its weight says.
void SampledSoftmaxObjective::add_labels(BatchBuffer& buffer, const Sample& sample) const {
  const std::size_t kept = settings_.keep_hits ? sample.num_hits : 0;
  const std::size_t candidates = 1 + num_sampled_ - sample.num_hits + kept;
  const float even = settings_.label_smoothing / static_cast<float>(candidates);
  std::fill(buffer.shared_labels.begin() + static_cast<std::ptrdiff_t>(sample.first),
            buffer.shared_labels.begin() + static_cast<std::ptrdiff_t>(sample.last), even);
  buffer.shared_labels[sample.first] += (1 - settings_.label_smoothing) / static_cast<float>(1 + kept);
}

void SampledSoftmaxObjective::add_candidates(BatchBuffer& buffer, Stream& stream) const {
  const std::size_t groups = buffer.targets.size();
  const std::size_t most = num_sampled_ + 1;
  for (std::vector<float>* values : {&buffer.shared_labels, &buffer.shared_log_q}) values->resize(groups * most);
  buffer.shared_rows.resize(groups * most);
  buffer.shared_offsets.assign(groups + 1, 0);
  buffer.draws.resize(settings_.unique ? num_sampled_ : groups * num_sampled_);
  // With replacement all draws of the batch in one loop, so that the cache misses of the sampler's table overlap.
  if (!settings_.unique) noise_->draw(stream, buffer.draws);
  Sample sample(buffer, most);
  for (std::size_t g = 0; g < groups; ++g) {
    sample.start(buffer.targets[g]);
    double tries = 0;
    if (settings_.unique) {
      tries = add_distinct(buffer, stream, sample);
    } else {
      add_group(buffer, std::span(buffer.draws).subspan(g * num_sampled_, num_sampled_), sample);
    }
    add_labels(buffer, sample);
    const double log_tries = std::log(tries);
    for (std::size_t t = sample.first; t < sample.last; ++t) {
      const std::size_t row = index(buffer.shared_rows[t]);
      buffer.shared_log_q[t] =
          settings_.unique ? log_expected_count(WordId{static_cast<std::int32_t>(row)}, tries, log_tries) : log_q_[row];
    }
    buffer.shared_offsets[g + 1] = static_cast<std::int64_t>(sample.last);
  }
  for (std::vector<float>* values : {&buffer.shared_labels, &buffer.shared_log_q}) values->resize(sample.last);
  buffer.shared_rows.resize(sample.last);
  if (!buffer.shared_weights.empty()) buffer.shared_weights.resize(sample.last, 1.0F);
}

void AllRowsObjective::add_candidates(BatchBuffer& buffer, Stream&) const {
  const auto rows = static_cast<std::size_t>(num_rows_);
  const bool several = !buffer.target_offsets.empty();
  const std::size_t groups = several ? buffer.target_offsets.size() - 1 : buffer.targets.size();
  buffer.rows_repeat = true;
  buffer.shared_rows.resize(rows);
  for (std::size_t row = 0; row < rows; ++row) buffer.shared_rows[row] = RowId{static_cast<std::uint32_t>(row)};
  buffer.shared_offsets.resize(groups + 1);
  for (std::size_t g = 0; g <= groups; ++g) buffer.shared_offsets[g] = static_cast<std::int64_t>(g * rows);
  buffer.shared_labels.assign(groups * rows, label_smoothing_ / static_cast<float>(rows));
  for (std::size_t g = 0; g < groups; ++g) {
    const std::size_t begin = several ? static_cast<std::size_t>(buffer.target_offsets[g]) : g;
    const std::size_t end = several ? static_cast<std::size_t>(buffer.target_offsets[g + 1]) : g + 1;
    const float share = (1 - label_smoothing_) / static_cast<float>(end - begin);
    for (std::size_t i = begin; i < end; ++i) {
      float& label = buffer.shared_labels[g * rows + index(buffer.targets[i])];
      label = every_target_ ? 1 : label + share;
    }
  }
}

}   // namespace hogvec
