// The mean gaps of a stream against the formula, written out, and against the frequencies the stream was made with.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "hogvec/mean_gap.hpp"
#include "hogvec/random.hpp"
#include "hogvec/sampler.hpp"

using namespace hogvec;

namespace {

struct State {
  explicit State(std::size_t n) : mean(n, std::numeric_limits<double>::infinity()), last_seen(n, 0), num_seen(n, 0) {}
  void update(const std::vector<std::int64_t>& slots, std::int64_t num_hashes, double rate) {
    update_mean_gaps({mean, last_seen, num_seen}, slots, num_hashes, time, rate);
    time += static_cast<std::int64_t>(slots.size()) / num_hashes;
  }
  std::vector<double> mean;
  std::vector<std::int64_t> last_seen;
  std::vector<std::int64_t> num_seen;
  std::int64_t time = 0;
};

}   // namespace

TEST_CASE("gaps are averaged, then forgotten exponentially") {
  State state(2);
  state.update({0, 1, 1, 0}, 1, 0.4);   // id 0 at 1 and 4, id 1 at 2 and 3
  CHECK(state.mean[0] == 2);            // (1 + 3) / 2
  CHECK(state.mean[1] == 1.5);          // (2 + 1) / 2
  state.update({1, 1, 1, 0}, 1, 0.4);   // id 0 at 8; id 1 at 5, 6, 7
  CHECK(state.mean[0] == doctest::Approx(2 + 0.4 * (4 - 2)));
  const double third = 1.5 + 0.4 * (2 - 1.5);
  CHECK(state.mean[1] == doctest::Approx(third + 0.4 * (1 - third) + 0.4 * (1 - (third + 0.4 * (1 - third)))));
  CHECK(state.last_seen == std::vector<std::int64_t>{8, 7});
}

TEST_CASE("an id that was never seen has an infinite gap") {
  State state(3);
  state.update({0, 2}, 1, 0.1);
  CHECK(std::isinf(state.mean[1]));
}

TEST_CASE("several hashes of a position are seen at the same time") {
  State state(4);
  state.update({0, 2, 1, 2, 0, 3}, 2, 0.01);   // three positions of two slots
  CHECK(state.mean == std::vector<double>{1.5, 2, 1, 3});
}

TEST_CASE("one over the mean gap is the frequency") {
  std::vector<double> p{0.5, 0.3, 0.15, 0.05};
  const AliasTable table(p);
  Stream stream(3);
  State state(4);
  std::vector<std::int64_t> slots(400000);
  for (std::int64_t& slot : slots) slot = static_cast<std::int64_t>(index(table.draw(stream)));
  state.update(slots, 1, 1e-4);
  // Gaps are geometric: the mean of some 1e4 has a relative deviation of 1 %.
  for (std::size_t i = 0; i < 4; ++i) CHECK(1 / state.mean[i] == doctest::Approx(p[i]).epsilon(0.04));
}
