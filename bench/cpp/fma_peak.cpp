// Chains of dependent multiply-adds in enough registers to fill both pipes of any processor at hand. The baseline of
// x86-64 has no fused instruction: there a multiplication and an addition follow each other.
#include "fma_peak.hpp"

#include <algorithm>
#include <ctime>
#include <map>

namespace hogvec::bench {

namespace {

constexpr int kChains = 12;   // two pipes of latency 4 or 5 need 8 to 10; 16 registers hold 12 and both factors
constexpr long kRounds = 200'000;

typedef float Four __attribute__((vector_size(16)));
typedef float Eight __attribute__((vector_size(32)));
typedef float Sixteen __attribute__((vector_size(64)));

// The limit of x -> x m + a is finite, so that the numbers stay ordinary ones.
template <class Vec>
__attribute__((always_inline)) inline float run_chains(long rounds, float factor, float term) {
  Vec sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = Vec{} + term * static_cast<float>(i);   // equal chains would become one
  const Vec m = Vec{} + factor;
  const Vec a = Vec{} + term;
  for (long i = 0; i < rounds; ++i) {
#pragma GCC unroll 16
    for (Vec& sum : sums) sum = sum * m + a;
  }
  float total = 0;
#pragma GCC unroll 16
  for (const Vec& sum : sums) total += sum[0];
  return total;
}

float baseline(long rounds, float factor, float term) { return run_chains<Four>(rounds, factor, term); }
#if defined(__x86_64__)
__attribute__((target("avx2,fma"))) float avx2(long rounds, float factor, float term) {
  return run_chains<Eight>(rounds, factor, term);
}
__attribute__((target("avx512f,avx2,fma,prefer-vector-width=512"))) float avx512(long rounds, float factor,
                                                                                 float term) {
  return run_chains<Sixteen>(rounds, factor, term);
}
#endif

double measure(float (*chains)(long, float, float), int lanes) {
  volatile float factor = 0.5F, term = 1.0F;   // unknown to the compiler
  volatile float result = 0;
  double best = 1e9;
  for (int run = 0; run < 50; ++run) {
    const double begin = thread_seconds();
    result = chains(kRounds, factor, term);
    best = std::min(best, thread_seconds() - begin);
  }
  (void)result;
  return 2.0 * kChains * lanes * static_cast<double>(kRounds) / best;
}

}   // namespace

double thread_seconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double peak_flops(const std::string& instruction_set) {
  static std::map<std::string, double> known;
  const auto found = known.find(instruction_set);
  if (found != known.end()) return found->second;
  double peak = 0;
#if defined(__x86_64__)
  if (instruction_set == "avx512") peak = measure(avx512, 16);
  if (instruction_set == "avx2") peak = measure(avx2, 8);
#endif
  if (peak == 0) peak = measure(baseline, 4);   // also AArch64's neon, whose baseline has the fused instruction
  return known[instruction_set] = peak;
}

}   // namespace hogvec::bench
