// Modified Kneser-Ney smoothing of counted n-grams.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

#include "hogvec/ngram.hpp"

namespace hogvec {

namespace {

std::size_t place(std::int64_t i) { return static_cast<std::size_t>(i); }

// (n,) of level k + 1: where each of its n-grams stands in level k without its first word. `before`: that of level k.
std::vector<std::int64_t> suffixes(const NGramTrie& trie, std::size_t level, std::span<const std::int64_t> before) {
  const NGramLevel& parents = trie.levels[level];
  std::vector<std::int64_t> result(place(trie.levels[level + 1].size()));
  for (std::int64_t parent = 0; parent < parents.size(); ++parent) {
    for (std::int64_t child = parents.first_child[place(parent)]; child < parents.first_child[place(parent) + 1];
         ++child) {
      const std::int32_t word = trie.levels[level + 1].words[place(child)];
      result[place(child)] = level == 0 ? word : trie.find_child(level - 1, before[place(parent)], word);
    }
  }
  return result;
}

// D1, D2 and D3+ of Chen and Goodman from how many counts are 1, 2, 3 and 4. Where a small text leaves one of them
// without a value, or with none that takes something off, half the count stands in.
Discounts discounts_of(std::span<const std::int64_t> counts) {
  std::array<double, 5> n{};
  for (const std::int64_t count : counts)
    if (count >= 1 && count <= 4) ++n[place(count)];
  const double y = n[1] / (n[1] + 2 * n[2]);
  Discounts discounts;
  for (std::size_t i = 1; i <= 3; ++i) {
    const auto count = static_cast<double>(i);
    const double estimate = count - (count + 1) * y * n[i + 1] / n[i];
    discounts[i - 1] = estimate > 0 && n[i + 1] > 0 ? estimate : count / 2;   // also for one that is not a number
  }
  return discounts;
}

double discount(const Discounts& discounts, std::int64_t count) {
  return count == 0 ? 0 : discounts[place(std::min<std::int64_t>(count, 3)) - 1];
}

// How often n-grams occur or, of all levels but the last, how many different words come before them, where any does.
std::vector<std::int64_t> adjusted_counts(std::span<const std::int64_t> counts,
                                          std::span<const std::int64_t> suffix_above) {
  std::vector<std::int64_t> adjusted(counts.size());
  for (const std::int64_t suffix : suffix_above) ++adjusted[place(suffix)];
  for (std::size_t i = 0; i < adjusted.size(); ++i)
    if (adjusted[i] == 0) adjusted[i] = counts[i];   // it begins a sequence
  return adjusted;
}

// What the counts of some siblings become: their discounted shares, and what is left for words of lower order.
struct Shares {
  Shares(const Discounts& by, std::span<const std::int64_t> counts) : by_(&by) {
    double taken = 0;
    for (const std::int64_t count : counts) {
      total_ += static_cast<double>(count);
      taken += discount(by, count);
    }
    left_ = total_ > 0 ? taken / total_ : 1;
  }
  double left() const { return left_; }
  double of(std::int64_t count) const {
    return total_ > 0 ? (static_cast<double>(count) - discount(*by_, count)) / total_ : 0;
  }

 private:
  const Discounts* by_;
  double total_ = 0, left_ = 1;
};

// Words are shared out by how many different words they follow, and evenly.
std::vector<double> smooth_words(std::span<const std::int64_t> counts, const Discounts& discounts) {
  const Shares shares(discounts, counts);
  const std::size_t outputs = counts.size() - 1;   // all but the begin, which never comes next
  const double even = shares.left() / static_cast<double>(outputs);
  std::vector<double> probabilities(counts.size());
  for (std::size_t i = 0; i < outputs; ++i) probabilities[i] = shares.of(counts[i]) + even;
  return probabilities;
}

// The n-grams of one level, by the probabilities of those without their first words; also what is left for others.
std::vector<double> smooth_ngrams(std::span<const std::int64_t> first_child, std::span<const std::int64_t> counts,
                                  const Discounts& discounts, std::span<const std::int64_t> suffix,
                                  std::span<const double> lower, std::vector<float>& log_backoff) {
  std::vector<double> probabilities(counts.size());
  for (std::size_t parent = 0; parent + 1 < first_child.size(); ++parent) {
    const std::size_t begin = place(first_child[parent]);
    const std::size_t end = place(first_child[parent + 1]);
    const Shares shares(discounts, counts.subspan(begin, end - begin));
    log_backoff.push_back(static_cast<float>(std::log(shares.left())));
    for (std::size_t i = begin; i < end; ++i)
      probabilities[i] = shares.of(counts[i]) + shares.left() * lower[place(suffix[i])];
  }
  return probabilities;
}

}   // namespace

NGramWeights kneser_ney(const NGramTrie& trie, std::span<const std::span<const std::int64_t>> counts) {
  const std::size_t order = trie.levels.size();
  std::vector<std::vector<std::int64_t>> suffix(order);   // of each level but the first
  for (std::size_t k = 0; k + 1 < order; ++k) suffix[k + 1] = suffixes(trie, k, suffix[k]);

  NGramWeights weights;
  weights.log_backoff.resize(order - 1);
  std::vector<double> probabilities;
  for (std::size_t k = 0; k < order; ++k) {
    std::vector<std::int64_t> adjusted = k + 1 < order ? adjusted_counts(counts[k], suffix[k + 1])
                                                       : std::vector<std::int64_t>(counts[k].begin(), counts[k].end());
    if (k == 0) adjusted[place(begin_of_sequence(trie.num_words))] = 0;
    const Discounts discounts = discounts_of(adjusted);
    weights.discounts.push_back(discounts);
    probabilities = k == 0 ? smooth_words(adjusted, discounts)
                           : smooth_ngrams(trie.levels[k - 1].first_child, adjusted, discounts, suffix[k],
                                           probabilities, weights.log_backoff[k - 1]);
    std::vector<float>& logarithms = weights.log_probability.emplace_back();
    logarithms.reserve(probabilities.size());
    for (const double p : probabilities) logarithms.push_back(static_cast<float>(std::log(p)));
  }
  return weights;
}

}   // namespace hogvec
