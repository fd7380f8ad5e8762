// Synthetic language for the benches: counts that fall as Zipf's law has it, and tokens drawn by them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"
#include "hogvec/types.hpp"

namespace hogvec::bench {

// A vocabulary and a text of the size of 100 MB of English.
inline constexpr std::int64_t kEnglishWords = 68'000;
inline constexpr std::int64_t kEnglishTokens = 17'000'000;

// counts[i] in proportion to 1 / (i + 3), at least 1, their sum near `total`: (n,).
inline std::vector<std::int64_t> zipf_counts(std::int64_t n, std::int64_t total) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += 1.0 / static_cast<double>(i + 3);
  std::vector<std::int64_t> counts;
  counts.reserve(static_cast<std::size_t>(n));
  for (std::int64_t i = 0; i < n; ++i) {
    const double share = 1.0 / (static_cast<double>(i + 3) * sum);
    counts.push_back(std::max<std::int64_t>(1, static_cast<std::int64_t>(share * static_cast<double>(total))));
  }
  return counts;
}

// n tokens drawn by the counts: (n,).
inline std::vector<WordId> zipf_tokens(std::int64_t n, const std::vector<std::int64_t>& counts) {
  const AliasTable table(unigram_weights(counts, 1.0));
  Stream stream(make_key(1, Purpose::kSample));
  std::vector<WordId> tokens(static_cast<std::size_t>(n));
  for (WordId& token : tokens) token = table.draw(stream);
  return tokens;
}

}   // namespace hogvec::bench
