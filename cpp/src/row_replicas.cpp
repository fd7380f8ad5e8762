// Copies of rows that all workers train, and how their changes are added up.
#include "hogvec/row_replicas.hpp"

#include <algorithm>
#include <cmath>

namespace hogvec {

namespace {

// Groups between two merges: they cost the cores as many waits as a few windows do without copies.
constexpr std::int64_t kMergeGroups = 512;

// What a group takes off the distance of a row to where it stands still, by the learning rate. It is of the order of
// the curvature of the loss along a hidden vector, a quarter of its squared length at most, summed over a window.
// Measured: with 16 workers rows go astray below 0.05, learn a little less above 1, and from there on nothing changes.
constexpr double kCurvature = 0.5;

}   // namespace

// Were the loss of a row a parabola, u groups would leave x = exp(-c u) of the row's distance to the bottom, and w u
// groups, one after the other, x^w. The w copies, which all began at the same place, each went 1 - x of the way;
// together they shall go 1 - x^w of it: all of their changes are added while rows move slowly, their mean when they
// arrive.
double merged_share(double learning_rate, double uses, double workers) {
  const double passed = kCurvature * learning_rate * uses;
  if (passed <= 0) return 1;
  return std::expm1(-passed * workers) / (workers * std::expm1(-passed));
}

RowReplicas::RowReplicas(const Kernels& kernels, TableView table, std::int64_t first, std::int64_t count, int workers)
    : kernels_(&kernels),
      table_(table),
      first_(first),
      count_(count),
      workers_(workers),
      rows_(static_cast<std::size_t>(count * table.stride)),
      before_(static_cast<std::size_t>(count * table.stride)),
      uses_(static_cast<std::size_t>(count + 1)) {
  std::fill_n(rows_.data(), count * table.stride, 0.0F);
  std::fill_n(before_.data(), count * table.stride, 0.0F);
  merge();
}

void RowReplicas::trained(std::int64_t groups, double learning_rate) {
  groups_ += groups;
  learning_rate_ = learning_rate;
  if (groups_ >= kMergeGroups) merge();
}

void RowReplicas::merge() {
  for (std::int64_t i = 0; i < count_; ++i) {
    const std::int64_t place = i * table_.stride;
    const double share = merged_share(learning_rate_, uses_[static_cast<std::size_t>(i)], workers_);
    kernels_->merge_row(table_.data + (first_ + i) * table_.stride, rows_.data() + place, before_.data() + place,
                        static_cast<float>(share), table_.stride);
  }
  std::fill(uses_.begin(), uses_.end(), 0U);
  groups_ = 0;
}

}   // namespace hogvec
