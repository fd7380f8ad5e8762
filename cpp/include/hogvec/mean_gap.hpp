// How often ids occur in a stream, from the mean gap between the occurrences of each.
// Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019.
#pragma once

#include <cstdint>
#include <span>

namespace hogvec {

// What is known of each slot, an id or a hash of ids. All of one length.
struct MeanGaps {
  std::span<double> mean;              // positions from one occurrence to the next; infinity before the first
  std::span<std::int64_t> last_seen;   // the position of the latest occurrence, counted from 1; 0 before the first
  std::span<std::int64_t> num_seen;
};

// Takes positions time + 1, time + 2, ... of the stream, each an occurrence of num_hashes slots of `slots`, one after
// the other: mean += a (gap - mean), where a is `rate`, but 1 / num_seen as long as that is more. The first mean is so
// the first gap, the first 1 / rate means are of all gaps, and later ones forget exponentially. Slots must be in range.
void update_mean_gaps(const MeanGaps& gaps, std::span<const std::int64_t> slots, std::int64_t num_hashes,
                      std::int64_t time, double rate);

}   // namespace hogvec
