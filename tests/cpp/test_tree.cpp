// Huffman trees: word2vec's golden codes, optimality, completeness, and the cases its published code cannot do.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <queue>
#include <string>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/tree.hpp"

using namespace hogvec;

namespace {

std::string code_of(const HuffmanTree& tree, std::size_t word) {
  std::string code;
  for (auto e = tree.offsets[word]; e < tree.offsets[word + 1]; ++e) {
    code += static_cast<char>('0' + tree.codes[static_cast<std::size_t>(e)]);
  }
  return code;
}

std::vector<std::size_t> points_of(const HuffmanTree& tree, std::size_t word) {
  std::vector<std::size_t> points;
  for (auto e = tree.offsets[word]; e < tree.offsets[word + 1]; ++e) {
    points.push_back(index(tree.points[static_cast<std::size_t>(e)]));
  }
  return points;
}

std::int64_t length_of(const HuffmanTree& tree, std::size_t word) {
  return tree.offsets[word + 1] - tree.offsets[word];
}

// The least total weighted length, by a priority queue: the sum of all merged weights.
std::int64_t least_length(const std::vector<std::int64_t>& counts) {
  std::priority_queue<std::int64_t, std::vector<std::int64_t>, std::greater<>> queue(counts.begin(), counts.end());
  std::int64_t total = 0;
  while (queue.size() > 1) {
    const std::int64_t a = queue.top();
    queue.pop();
    const std::int64_t b = queue.top();
    queue.pop();
    total += a + b;
    queue.push(a + b);
  }
  return total;
}

// Following a word's code from the root meets its points; each inner node has two distinct children, each node one
// parent.
void check_structure(const HuffmanTree& tree, std::size_t n) {
  REQUIRE(tree.offsets.size() == n + 1);
  REQUIRE(tree.offsets[0] == 0);
  constexpr std::size_t kUnset = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> child(2 * (n - 1), kUnset);   // (inner node, turn) -> inner node, or n + word
  for (std::size_t word = 0; word < n; ++word) {
    const std::string code = code_of(tree, word);
    const std::vector<std::size_t> points = points_of(tree, word);
    REQUIRE(!points.empty());
    REQUIRE(points[0] == n - 2);
    for (std::size_t i = 0; i < points.size(); ++i) {
      REQUIRE(points[i] < n - 1);
      const std::size_t next = i + 1 < points.size() ? points[i + 1] : n + word;
      std::size_t& slot = child[2 * points[i] + (code[i] == '1')];
      REQUIRE((slot == kUnset || slot == next));
      slot = next;
    }
  }
  REQUIRE(std::find(child.begin(), child.end(), kUnset) == child.end());   // complete: the Kraft sum is exactly 1
  std::sort(child.begin(), child.end());
  REQUIRE(std::adjacent_find(child.begin(), child.end()) == child.end());
}

void check_optimal(const std::vector<std::int64_t>& counts) {
  const HuffmanTree tree = build_huffman_tree(counts);
  check_structure(tree, counts.size());
  std::int64_t total = 0;
  for (std::size_t word = 0; word < counts.size(); ++word) total += counts[word] * length_of(tree, word);
  CHECK(total == least_length(counts));
}

}   // namespace

TEST_CASE("the tree has word2vec's golden codes and points") {
  const HuffmanTree tree = build_huffman_tree(std::vector<std::int64_t>{100, 50, 20, 10, 5, 1});
  const std::vector<std::string> codes{"1", "01", "001", "0001", "00001", "00000"};
  const std::vector<std::vector<std::size_t>> points{{4},          {4, 3},          {4, 3, 2},
                                                     {4, 3, 2, 1}, {4, 3, 2, 1, 0}, {4, 3, 2, 1, 0}};
  for (std::size_t word = 0; word < 6; ++word) {
    CHECK(code_of(tree, word) == codes[word]);
    CHECK(points_of(tree, word) == points[word]);
  }
}

TEST_CASE("counts in any order give each word the code of its rank") {
  const HuffmanTree tree = build_huffman_tree(std::vector<std::int64_t>{5, 100, 1, 20, 50, 10});
  const std::vector<std::string> codes{"00001", "1", "00000", "001", "01", "0001"};
  for (std::size_t word = 0; word < 6; ++word) CHECK(code_of(tree, word) == codes[word]);
}

TEST_CASE("ties are broken by index and inner nodes go before leaves of the same count") {
  // Worked by hand from word2vec's rule: 1+1 make node 0 of weight 2, which goes before the leaf of count 2.
  const HuffmanTree tree = build_huffman_tree(std::vector<std::int64_t>{2, 1, 1});
  CHECK(code_of(tree, 0) == "1");
  CHECK(code_of(tree, 1) == "01");
  CHECK(code_of(tree, 2) == "00");
  const HuffmanTree flat = build_huffman_tree(std::vector<std::int64_t>{3, 3, 3, 3});
  CHECK(code_of(flat, 0) == "11");
  CHECK(code_of(flat, 1) == "10");
  CHECK(code_of(flat, 2) == "01");
  CHECK(code_of(flat, 3) == "00");
}

TEST_CASE("random counts give complete trees of least weighted length") {
  Stream stream(make_key(11, Purpose::kSample));
  for (std::uint32_t trial = 0; trial < 300; ++trial) {
    std::vector<std::int64_t> counts(2 + stream.next() % 60);
    const std::uint64_t range = 1 + stream.next() % (trial % 3 == 0 ? 3 : 1000);   // many ties, or few
    for (std::int64_t& count : counts) count = static_cast<std::int64_t>(stream.next() % range) + (trial % 2);
    check_optimal(counts);
  }
}

TEST_CASE("two words have one node between them") {
  for (const std::vector<std::int64_t>& counts : {std::vector<std::int64_t>{3, 1}, {1, 3}, {0, 0}, {0, 5}}) {
    const HuffmanTree tree = build_huffman_tree(counts);
    check_structure(tree, 2);
    CHECK(tree.codes.size() == 2);
  }
}

TEST_CASE("codes may be longer than word2vec's 40") {
  std::vector<std::int64_t> fibonacci{1, 1};
  while (fibonacci.size() < 85) fibonacci.push_back(fibonacci[fibonacci.size() - 1] + fibonacci[fibonacci.size() - 2]);
  const HuffmanTree tree = build_huffman_tree(fibonacci);
  check_structure(tree, fibonacci.size());
  CHECK(length_of(tree, 0) == 84);
}

TEST_CASE("words of count zero get codes that stay short") {
  check_optimal({0, 7, 0, 0, 3, 0, 0, 1});
  const std::size_t n = 100000;
  std::vector<std::int64_t> counts(n, 0);
  counts[17] = 1000;
  const HuffmanTree tree = build_huffman_tree(counts);
  check_structure(tree, n);
  CHECK(length_of(tree, 17) == 1);
  for (std::size_t word = 0; word < n; ++word) REQUIRE(length_of(tree, word) <= 18);   // ceil(log2 99999) + 1
}

TEST_CASE("counts beyond 10^15 are counts like any other") {
  // word2vec marks nodes not yet made with 10^15 and would take them for real here.
  const std::int64_t huge = std::int64_t{1} << 58;
  check_optimal({huge, huge, huge, huge, 1, huge / 2});
}

TEST_CASE("counts that are no tree are refused") {
  using Counts = std::vector<std::int64_t>;
  CHECK_THROWS_WITH_AS(build_huffman_tree(Counts{}), "counts must have at least 2 entries, got 0", ValueError);
  CHECK_THROWS_WITH_AS(build_huffman_tree(Counts{4}), "counts must have at least 2 entries, got 1", ValueError);
  CHECK_THROWS_WITH_AS(build_huffman_tree(Counts{4, -1}), "counts must not be negative, got -1 at index 1", ValueError);
  const std::int64_t huge = std::int64_t{1} << 62;
  CHECK_THROWS_AS(build_huffman_tree(Counts{huge, huge}), ValueError);
}
