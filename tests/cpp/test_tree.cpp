// Huffman trees: word2vec's golden codes, optimality, completeness, and the cases its published code cannot do.
// Balanced trees, and trees given by their paths: what is a tree and what is not.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <initializer_list>
#include <limits>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/random.hpp"
#include "hogvec/tree.hpp"

using namespace hogvec;

namespace {

std::string code_of(const Tree& tree, std::size_t word) {
  std::string code;
  for (auto e = tree.offsets[word]; e < tree.offsets[word + 1]; ++e) {
    code += static_cast<char>('0' + tree.codes[static_cast<std::size_t>(e)]);
  }
  return code;
}

std::vector<std::size_t> points_of(const Tree& tree, std::size_t word) {
  std::vector<std::size_t> points;
  for (auto e = tree.offsets[word]; e < tree.offsets[word + 1]; ++e) {
    points.push_back(index(tree.points[static_cast<std::size_t>(e)]));
  }
  return points;
}

std::int64_t length_of(const Tree& tree, std::size_t word) { return tree.offsets[word + 1] - tree.offsets[word]; }

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
void check_structure(const Tree& tree, std::size_t n, std::size_t root) {
  REQUIRE(tree.offsets.size() == n + 1);
  REQUIRE(tree.offsets[0] == 0);
  constexpr std::size_t kUnset = std::numeric_limits<std::size_t>::max();
  std::vector<std::size_t> child(2 * (n - 1), kUnset);   // (inner node, turn) -> inner node, or n + word
  for (std::size_t word = 0; word < n; ++word) {
    const std::string code = code_of(tree, word);
    const std::vector<std::size_t> points = points_of(tree, word);
    REQUIRE(!points.empty());
    REQUIRE(points[0] == root);
    for (std::size_t i = 0; i < points.size(); ++i) {
      REQUIRE(points[i] < n - 1);
      const std::size_t next = i + 1 < points.size() ? points[i + 1] : n + word;
      std::size_t& slot = child[2 * points[i] + (code[i] == '1')];
      REQUIRE((slot == kUnset || slot == next));
      slot = next;
    }
  }
  REQUIRE(std::find(child.begin(), child.end(), kUnset) == child.end());   // complete: the Kraft sum is exactly 1
  REQUIRE(tree.num_leaves() == static_cast<std::int64_t>(n));
  REQUIRE(tree.num_inner() == static_cast<std::int64_t>(n) - 1);
  REQUIRE(index(tree.root()) == root);
  for (std::size_t place = 0; place < child.size(); ++place) {
    const auto named =
        static_cast<std::size_t>(tree.children[place] < 0 ? ~tree.children[place] : tree.children[place]);
    REQUIRE(child[place] == named + (tree.children[place] < 0 ? n : 0));
  }
  std::sort(child.begin(), child.end());
  REQUIRE(std::adjacent_find(child.begin(), child.end()) == child.end());
}

void check_optimal(const std::vector<std::int64_t>& counts) {
  const Tree tree = build_huffman_tree(counts);
  check_structure(tree, counts.size(), counts.size() - 2);
  std::int64_t total = 0;
  for (std::size_t word = 0; word < counts.size(); ++word) total += counts[word] * length_of(tree, word);
  CHECK(total == least_length(counts));
}

// Paths by hand, as (inner node, turn) from the root.
using Path = std::vector<std::pair<std::int32_t, int>>;

struct Paths {
  std::vector<std::int64_t> offsets{0};
  std::vector<std::int32_t> points;
  std::vector<std::uint8_t> codes;

  Paths(std::initializer_list<Path> paths) {
    for (const Path& path : paths) {
      for (const auto& [node, turn] : path) {
        points.push_back(node);
        codes.push_back(static_cast<std::uint8_t>(turn));
      }
      offsets.push_back(static_cast<std::int64_t>(points.size()));
    }
  }

  Tree tree() const { return tree_of_paths(offsets, points, codes); }
};

}   // namespace

TEST_CASE("the tree has word2vec's golden codes and points") {
  const Tree tree = build_huffman_tree(std::vector<std::int64_t>{100, 50, 20, 10, 5, 1});
  const std::vector<std::string> codes{"1", "01", "001", "0001", "00001", "00000"};
  const std::vector<std::vector<std::size_t>> points{{4},          {4, 3},          {4, 3, 2},
                                                     {4, 3, 2, 1}, {4, 3, 2, 1, 0}, {4, 3, 2, 1, 0}};
  for (std::size_t word = 0; word < 6; ++word) {
    CHECK(code_of(tree, word) == codes[word]);
    CHECK(points_of(tree, word) == points[word]);
  }
}

TEST_CASE("counts in any order give each word the code of its rank") {
  const Tree tree = build_huffman_tree(std::vector<std::int64_t>{5, 100, 1, 20, 50, 10});
  const std::vector<std::string> codes{"00001", "1", "00000", "001", "01", "0001"};
  for (std::size_t word = 0; word < 6; ++word) CHECK(code_of(tree, word) == codes[word]);
}

TEST_CASE("ties are broken by index and inner nodes go before leaves of the same count") {
  // Worked by hand from word2vec's rule: 1+1 make node 0 of weight 2, which goes before the leaf of count 2.
  const Tree tree = build_huffman_tree(std::vector<std::int64_t>{2, 1, 1});
  CHECK(code_of(tree, 0) == "1");
  CHECK(code_of(tree, 1) == "01");
  CHECK(code_of(tree, 2) == "00");
  const Tree flat = build_huffman_tree(std::vector<std::int64_t>{3, 3, 3, 3});
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
    const Tree tree = build_huffman_tree(counts);
    check_structure(tree, 2, 0);
    CHECK(tree.codes.size() == 2);
  }
}

TEST_CASE("codes may be longer than word2vec's 40") {
  std::vector<std::int64_t> fibonacci{1, 1};
  while (fibonacci.size() < 85) fibonacci.push_back(fibonacci[fibonacci.size() - 1] + fibonacci[fibonacci.size() - 2]);
  const Tree tree = build_huffman_tree(fibonacci);
  check_structure(tree, fibonacci.size(), fibonacci.size() - 2);
  CHECK(length_of(tree, 0) == 84);
}

TEST_CASE("words of count zero get codes that stay short") {
  check_optimal({0, 7, 0, 0, 3, 0, 0, 1});
  const std::size_t n = 100000;
  std::vector<std::int64_t> counts(n, 0);
  counts[17] = 1000;
  const Tree tree = build_huffman_tree(counts);
  check_structure(tree, n, n - 2);
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

TEST_CASE("a balanced tree keeps the order of words and has paths of two lengths at most") {
  for (std::size_t n = 2; n <= 130; ++n) {
    const Tree tree = build_balanced_tree(static_cast<std::int64_t>(n));
    check_structure(tree, n, (n + 1) / 2 - 1);
    const auto longest = static_cast<std::int64_t>(std::bit_width(n - 1));   // ceil(log2 n)
    for (std::size_t word = 0; word < n; ++word) {
      REQUIRE(length_of(tree, word) >= static_cast<std::int64_t>(std::bit_width(n)) - 1);
      REQUIRE(length_of(tree, word) <= longest);
      if (word > 0) REQUIRE(code_of(tree, word - 1) < code_of(tree, word));
      const std::vector<std::size_t> points = points_of(tree, word);
      for (std::size_t i = 0; i < points.size(); ++i) REQUIRE((code_of(tree, word)[i] == '1') == (word > points[i]));
    }
    REQUIRE(length_of(tree, 0) == longest);
  }
  CHECK_THROWS_WITH_AS(build_balanced_tree(1), "num_leaves must be at least 2, got 1", ValueError);
  CHECK_THROWS_WITH_AS(build_balanced_tree(std::int64_t{1} << 31),
                       "num_leaves must be at most 2147483647, got 2147483648", ValueError);
}

TEST_CASE("the paths of a tree make the same tree again") {
  std::vector<std::int64_t> counts;
  for (std::int64_t i = 0; i < 77; ++i) counts.push_back(1000 / (i % 13 + 1));
  for (const Tree& tree : {build_huffman_tree(counts), build_balanced_tree(77), build_balanced_tree(2)}) {
    std::vector<std::int32_t> points;
    for (const RowId node : tree.points) points.push_back(static_cast<std::int32_t>(node));
    const Tree again = tree_of_paths(tree.offsets, points, tree.codes);
    CHECK(again.offsets == tree.offsets);
    CHECK(again.points == tree.points);
    CHECK(again.codes == tree.codes);
    CHECK(again.children == tree.children);
  }
}

TEST_CASE("any numbering of inner nodes and leaves is a tree") {
  const Tree tree = Paths{{{1, 1}, {0, 1}}, {{1, 0}, {2, 0}}, {{1, 1}, {0, 0}}, {{1, 0}, {2, 1}}}.tree();
  check_structure(tree, 4, 1);
  CHECK(tree.children == std::vector<std::int32_t>{~2, ~0, 2, 0, ~1, ~3});
}

TEST_CASE("paths that are no tree are refused with what is wrong") {
  const auto check = [](const Paths& paths, const char* message) {
    CHECK_THROWS_WITH_AS(paths.tree(), message, ValueError);
  };
  check({}, "offsets must have at least 3 entries, the ends of 2 paths, got 1");
  check({{{0, 0}}}, "offsets must have at least 3 entries, the ends of 2 paths, got 2");
  check({{{0, 0}}, {}}, "offsets must rise, since no path is empty, got 1 after 1 at id 1");
  check({{{-1, 0}}, {{0, 1}}}, "points must not be negative, got -1 on the path of id 0");
  check({{{0, 0}}, {{2, 1}}}, "points must be numbered from 0 with none left out, got 2 on the path of id 1");
  check({{{0, 0}}, {{0, 2}}}, "codes must be 0 or 1, got 2 on the path of id 1");
  check({{{0, 0}}, {{0, 1}, {1, 0}}, {{1, 1}}},
        "paths must start at one root, got inner node 0 for id 0 and inner node 1 for id 2");
  check({{{0, 0}}, {{0, 0}}}, "ids must have different paths, got the same one for ids 0 and 1");
  check({{{0, 0}}, {{0, 0}, {1, 1}}, {{0, 1}}},
        "a path must not go on where another ends, got inner node 1 after turn 0 at inner node 0, where id 0 is");
  check({{{0, 0}, {1, 1}}, {{0, 0}}, {{0, 1}}},
        "a path must not go on where another ends, got inner node 1 after turn 0 at inner node 0, where id 1 is");
  check({{{0, 0}, {1, 0}}, {{0, 0}, {2, 0}}, {{0, 0}, {1, 1}}, {{0, 1}}},
        "turn 0 at inner node 0 must lead to one node, got inner node 1 and inner node 2");
  check({{{0, 0}, {1, 0}}, {{0, 1}, {1, 1}}, {{0, 1}, {2, 1}}, {{0, 1}, {2, 0}}},
        "inner node 1 must have one parent, got turn 0 at inner node 0 and turn 1 at inner node 0");
  check({{{0, 0}, {1, 0}}, {{0, 1}, {2, 0}, {1, 1}}, {{0, 1}, {2, 1}}, {{0, 0}, {1, 1}}},
        "inner node 1 must have one parent, got turn 0 at inner node 0 and turn 0 at inner node 2");
  check({{{0, 0}, {1, 0}, {0, 1}}, {{0, 1}}, {{0, 0}, {1, 1}}},
        "the root, inner node 0, must have no parent, got inner node 1");
  check({{{0, 0}, {1, 0}, {1, 1}}, {{0, 1}}, {{0, 0}, {1, 1}}},
        "inner node 1 must have one parent, got turn 0 at inner node 0 and turn 0 at inner node 1");
  check({{{0, 0}}, {{0, 1}, {1, 1}}}, "inner node 1 must have two children, got no path with turn 0 there");
  check({{{0, 0}, {1, 0}}, {{0, 0}, {1, 1}}}, "inner node 0 must have two children, got no path with turn 1 there");
  check({{{0, 0}, {2, 0}}, {{0, 0}, {2, 1}}, {{0, 1}}}, "inner node 1 must be on a path, got it on none");
}

TEST_CASE("arrays of paths whose lengths do not agree are refused") {
  Paths paths{{{0, 0}}, {{0, 1}}};
  paths.codes.pop_back();
  CHECK_THROWS_WITH_AS(paths.tree(), "codes must have the length of points, 2, got 1", ValueError);
  paths.codes.push_back(1);
  paths.offsets.back() = 3;
  CHECK_THROWS_WITH_AS(paths.tree(), "offsets must end at the length of points, 2, got 3", ValueError);
  paths.offsets = {1, 2, 3};
  CHECK_THROWS_WITH_AS(paths.tree(), "offsets must start at 0, got 1", ValueError);
  paths.offsets = {0, 3, 2};
  CHECK_THROWS_WITH_AS(paths.tree(), "offsets must rise, since no path is empty, got 2 after 3 at id 1", ValueError);
}
