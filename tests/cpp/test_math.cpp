// Functions of scores against their definitions in long double, where those can be computed, and their limits.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "hogvec/math.hpp"
#include "hogvec/random.hpp"

using namespace hogvec;

namespace {

constexpr double kFew = 4e-16;   // relative: two roundings

bool is_near(double x, long double truth) {
  return std::abs(static_cast<long double>(x) - truth) <= static_cast<long double>(kFew) * std::abs(truth);
}

}   // namespace

TEST_CASE("sigmoid, softplus and their logarithm are exact to rounding, however small they are") {
  for (int i = -7000; i <= 7000; ++i) {
    const double x = 0.1 * i;
    CAPTURE(x);
    const long double e = std::exp(static_cast<long double>(x));
    CHECK(is_near(sigmoid(x), e / (1 + e)));
    CHECK(is_near(softplus(x), std::log1p(e)));
    CHECK(is_near(log_sigmoid(x), -std::log1p(1 / e)));
  }
}

TEST_CASE("scores beyond the range of exp have the limits of the functions") {
  for (const double x : {1e4, 1e300, kInfinity}) {
    CHECK(sigmoid(x) == 1);
    CHECK(sigmoid(-x) == 0);
    CHECK(softplus(x) == x);
    CHECK(softplus(-x) == 0);
    CHECK(log_sigmoid(x) == 0);
    CHECK(log_sigmoid(-x) == -x);
  }
}

TEST_CASE("logarithms are added as the numbers are, none among them") {
  CHECK(log_add(std::log(2.0), std::log(3.0)) == doctest::Approx(std::log(5.0)).epsilon(1e-15));
  CHECK(log_add(1e5, 1e5) == doctest::Approx(1e5 + std::log(2.0)).epsilon(1e-15));
  CHECK(log_add(0, -50) == std::exp(-50.0));
  CHECK(log_add(-kInfinity, -3) == -3);
  CHECK(log_add(-3, -kInfinity) == -3);
  CHECK(log_add(-kInfinity, -kInfinity) == -kInfinity);
}

TEST_CASE("a dot product of floats is that of double precision") {
  Stream stream(make_key(1, Purpose::kSample));
  for (const std::int64_t n : {0, 1, 7, 8, 9, 15, 16, 17, 100, 300}) {
    CAPTURE(n);
    std::vector<float> a, b;
    long double truth = 0, size = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      a.push_back(unit_float(stream.next()) - 0.5F);
      b.push_back(unit_float(stream.next()) - 0.5F);
      const long double product = static_cast<long double>(a.back()) * static_cast<long double>(b.back());
      truth += product;
      size += std::abs(product);
    }
    CHECK(std::abs(static_cast<long double>(dot(a.data(), b.data(), n)) - truth) <= 1e-15L * size);
  }
}

TEST_CASE("one number that is not finite is found wherever it stands") {
  for (const std::size_t n : {1U, 7U, 16U, 33U}) {
    std::vector<float> values(n, std::numeric_limits<float>::lowest());
    values[n / 2] = std::numeric_limits<float>::denorm_min();
    CHECK(is_finite(values.data(), static_cast<std::int64_t>(n)));
    for (float& value : values) {
      const float before = value;
      for (const float bad : {HUGE_VALF, -HUGE_VALF, std::numeric_limits<float>::quiet_NaN()}) {
        value = bad;
        CHECK(!is_finite(values.data(), static_cast<std::int64_t>(n)));
      }
      value = before;
    }
  }
  CHECK(is_finite(nullptr, 0));
}
