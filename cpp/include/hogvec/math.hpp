// Elementary functions of scores in double precision, and the products behind them: no exp overflows, and what is small
// is kept. For what is computed one by one; kernels have their own over registers of floats.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace hogvec {

inline constexpr double kInfinity = std::numeric_limits<double>::infinity();

// 1 / (1 + exp(-x)).
inline double sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1.0) / (1 + e);
}

// ln(1 + exp(x)).
inline double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

// ln sigmoid(x).
inline double log_sigmoid(double x) { return std::min(x, 0.0) - std::log1p(std::exp(-std::abs(x))); }

// ln(exp(a) + exp(b)); minus infinity is the logarithm of nothing.
inline double log_add(double a, double b) {
  const double most = std::max(a, b);
  if (most == -kInfinity) return most;
  return most + std::log1p(std::exp(-std::abs(a - b)));
}

// The sum of a[i] b[i], i in [0, n). Products of two floats are exact in double precision.
inline double dot(const float* a, const float* b, std::int64_t n) {
  constexpr std::int64_t kSums = 8;   // sums of their own let the compiler use whole registers
  double sums[kSums] = {};
  std::int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (std::int64_t j = 0; j < kSums; ++j) sums[j] += double{a[i + j]} * double{b[i + j]};
  }
  for (; i < n; ++i) sums[0] += double{a[i]} * double{b[i]};
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

// Whether all of n floats are.
inline bool is_finite(const float* values, std::int64_t n) {
  std::uint32_t largest = 0;   // exponent, all ones in what is not finite
  for (std::int64_t i = 0; i < n; ++i)
    largest = std::max(largest, std::bit_cast<std::uint32_t>(values[i]) & 0x7f800000U);
  return largest != 0x7f800000U;
}

}   // namespace hogvec
