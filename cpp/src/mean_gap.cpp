// The running means of gaps.
#include "hogvec/mean_gap.hpp"

#include <algorithm>
#include <cstddef>

namespace hogvec {

void update_mean_gaps(const MeanGaps& gaps, std::span<const std::int64_t> slots, std::int64_t num_hashes,
                      std::int64_t time, double rate) {
  std::size_t next = 0;
  while (next < slots.size()) {
    ++time;
    for (std::int64_t hash = 0; hash < num_hashes; ++hash) {
      const auto slot = static_cast<std::size_t>(slots[next++]);
      const auto gap = static_cast<double>(time - gaps.last_seen[slot]);
      const std::int64_t seen = ++gaps.num_seen[slot];
      double& mean = gaps.mean[slot];
      if (seen == 1) {
        mean = gap;   // from the start of the stream
      } else {
        mean += std::max(rate, 1 / static_cast<double>(seen)) * (gap - mean);
      }
      gaps.last_seen[slot] = time;
    }
  }
}

}   // namespace hogvec
