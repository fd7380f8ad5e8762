// An objective as Python holds it: with what it points to, and what it asks of the tables.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "active_calls.hpp"
#include "arrays.hpp"
#include "hogvec/error.hpp"
#include "hogvec/objective.hpp"
#include "hogvec/workers.hpp"

namespace hogvec::bindings {

// An objective together with the sampler or the classes that it points to, and what it asks of the tables.
class OwnedObjective {
 public:
  OwnedObjective(const OwnedObjective&) = delete;
  OwnedObjective& operator=(const OwnedObjective&) = delete;

  static std::unique_ptr<OwnedObjective> negative_sampling(const Array<double>& weights, std::int32_t negatives) {
    std::unique_ptr<OwnedObjective> owned(new OwnedObjective);
    if (negatives < 1) throw ValueError("negatives must be at least 1, got " + std::to_string(negatives));
    owned->make_noise(weights);
    owned->objective_.emplace(NegativeSamplingObjective(*owned->noise_, negatives));
    return owned;
  }

  // log_q: (n,), what is subtracted from a score of each output.
  static std::unique_ptr<OwnedObjective> noise_contrastive(const Array<double>& weights, const Array<float>& log_q,
                                                           std::int32_t negatives, bool remove_hits) {
    std::unique_ptr<OwnedObjective> owned = negative_sampling(weights, negatives);
    const auto values = as_span(log_q, "log_q");
    if (values.size() != owned->noise_->size())
      throw ValueError("log_q must have the length of weights, " + std::to_string(owned->noise_->size()) + ", got " +
                       std::to_string(values.size()));
    owned->log_q_.assign(values.begin(), values.end());
    owned->objective_.emplace(
        NegativeSamplingObjective(*owned->noise_, negatives, remove_hits ? Hits::kRemove : Hits::kKeep, owned->log_q_));
    return owned;
  }

  // The tree must outlive what is returned.
  static std::unique_ptr<OwnedObjective> hierarchical_softmax(const Tree& tree) {
    std::unique_ptr<OwnedObjective> owned(new OwnedObjective);
    owned->num_targets_ = tree.num_leaves();
    owned->num_rows_ = tree.num_inner();
    owned->objective_.emplace(HierarchicalSoftmaxObjective(tree));
    return owned;
  }

  // log_q is the logarithm of the expected count among the draws.
  static std::unique_ptr<OwnedObjective> sampled_softmax(const Array<double>& weights, std::int32_t num_sampled,
                                                         bool unique, bool keep_hits, float temperature,
                                                         float label_smoothing) {
    if (num_sampled < 1) throw ValueError("num_sampled must be at least 1, got " + std::to_string(num_sampled));
    std::unique_ptr<OwnedObjective> owned(new OwnedObjective);
    owned->make_noise(weights);
    owned->objective_.emplace(SampledSoftmaxObjective(*owned->noise_, as_span(weights, "weights"),
                                                      {num_sampled, unique, keep_hits, temperature, label_smoothing}));
    return owned;
  }

  static std::unique_ptr<OwnedObjective> all_rows(std::int64_t num_rows, bool softmax, float temperature,
                                                  float label_smoothing, bool every_target) {
    if (num_rows < 1 || num_rows > 0x7fffffff)
      throw ValueError("num_rows must be at least 1 and below 2^31, got " + std::to_string(num_rows));
    std::unique_ptr<OwnedObjective> owned(new OwnedObjective);
    owned->num_targets_ = owned->num_rows_ = num_rows;
    const Link link = softmax ? Link::kSoftmax : Link::kLogistic;
    owned->objective_.emplace(AllRowsObjective(num_rows, link, temperature, label_smoothing, every_target));
    return owned;
  }

  static std::unique_ptr<OwnedObjective> two_level_softmax(const Array<std::int32_t>& class_of) {
    std::unique_ptr<OwnedObjective> owned(new OwnedObjective);
    owned->classes_ = make_classes(as_span(class_of, "class_of"));
    owned->num_targets_ = static_cast<std::int64_t>(owned->classes_.members.size());
    owned->num_rows_ = owned->num_targets_ + owned->classes_.num_classes();
    owned->objective_.emplace(TwoLevelSoftmaxObjective(owned->classes_));
    return owned;
  }

  const Objective& objective() const { return *objective_; }
  std::int64_t num_targets() const { return num_targets_; }   // outputs it has candidates for
  std::int64_t num_rows() const { return num_rows_; }         // rows of the output table it may name

 private:
  OwnedObjective() = default;

  // An output for each weight.
  void make_noise(const Array<double>& weights) {
    const auto values = as_span(weights, "weights");
    const Unlocked unlocked;
    Pulse pulse(keep_going);
    noise_.emplace(values, &pulse);
    num_targets_ = num_rows_ = static_cast<std::int64_t>(noise_->size());
  }

  std::optional<AliasTable> noise_;
  std::vector<float> log_q_;
  ClassArrays classes_;
  std::optional<Objective> objective_;
  std::int64_t num_targets_ = 0;
  std::int64_t num_rows_ = 0;
};

}   // namespace hogvec::bindings
