// Counts of one item's companions at a time, in an array over all items that is cleared entry by entry.
#include "hogvec/item_neighbors.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <vector>

namespace hogvec {
namespace {

constexpr std::int64_t kItemsAtOnce = 64;   // that a worker takes

struct Neighbor {
  float similarity;
  std::int32_t id;
};
bool is_nearer(const Neighbor& a, const Neighbor& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.id < b.id;
}

}   // namespace

void item_neighbors(const BinaryRows& items_of_users, const BinaryRows& users_of_items, std::int64_t k, double shrink,
                    std::span<std::int32_t> ids, std::span<float> similarities, int threads,
                    const KeepGoing& keep_going) {
  const std::int64_t items = users_of_items.rows();
  std::fill(ids.begin(), ids.end(), -1);
  std::fill(similarities.begin(), similarities.end(), 0.0F);
  std::atomic<std::int64_t> next{0};
  run_workers_to_the_end(threads, keep_going, [&](int, const StopFlag& stop) {
    std::vector<std::int32_t> count(static_cast<std::size_t>(items), 0);
    std::vector<std::int32_t> met;
    std::vector<Neighbor> all;
    for (std::int64_t begin = next.fetch_add(kItemsAtOnce); begin < items; begin = next.fetch_add(kItemsAtOnce)) {
      for (std::int64_t i = begin; i < std::min(begin + kItemsAtOnce, items); ++i) {
        if (stop.load(std::memory_order_relaxed)) return;
        met.clear();
        for (const std::int32_t user : users_of_items.row(i)) {
          for (const std::int32_t other : items_of_users.row(user)) {
            if (count[static_cast<std::size_t>(other)]++ == 0) met.push_back(other);
          }
        }
        all.clear();
        const auto own = static_cast<double>(users_of_items.row(i).size());
        for (const std::int32_t other : met) {
          std::int32_t& both = count[static_cast<std::size_t>(other)];
          const double product = own * static_cast<double>(users_of_items.row(other).size());
          if (other != i) all.push_back({static_cast<float>(both / (std::sqrt(product) + shrink)), other});
          both = 0;
        }
        const auto kept = std::min<std::ptrdiff_t>(k, std::ssize(all));
        std::partial_sort(all.begin(), all.begin() + kept, all.end(), is_nearer);
        for (std::ptrdiff_t n = 0; n < kept; ++n) {
          ids[static_cast<std::size_t>(i * k + n)] = all[static_cast<std::size_t>(n)].id;
          similarities[static_cast<std::size_t>(i * k + n)] = all[static_cast<std::size_t>(n)].similarity;
        }
      }
    }
  });
}

void add_neighbors(const BinaryRows& bags, std::span<const std::int32_t> ids, std::span<const float> similarities,
                   std::int64_t k, std::int64_t items, std::span<float> scores, int threads) {
  std::fill(scores.begin(), scores.end(), 0.0F);
  run_workers_to_the_end(
      threads, [] { return true; },
      [&](int w, const StopFlag&) {
        const Part part = part_of(bags.rows(), w, threads);
        for (std::int64_t b = part.begin; b < part.end; ++b) {
          float* const row = scores.data() + b * items;
          for (const std::int32_t item : bags.row(b)) {
            for (std::int64_t n = item * k; n < (item + 1) * k && ids[static_cast<std::size_t>(n)] >= 0; ++n)
              row[ids[static_cast<std::size_t>(n)]] += similarities[static_cast<std::size_t>(n)];
          }
        }
      });
}

}   // namespace hogvec
