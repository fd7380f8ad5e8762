// One SIMD register of floats as a GNU vector, and the few operations the kernels need. Included inside a namespace of
// each instruction set, between target pragmas, with HOGVEC_LANES defined: no include, no static object, no std name.

using Vec = float __attribute__((vector_size(4 * HOGVEC_LANES)));
using IntVec = int __attribute__((vector_size(4 * HOGVEC_LANES)));
using AliasedVec = float __attribute__((vector_size(4 * HOGVEC_LANES), may_alias));
using UnalignedVec = float __attribute__((vector_size(4 * HOGVEC_LANES), aligned(4), may_alias));
using Quad = float __attribute__((vector_size(16)));
using UnalignedQuad = float __attribute__((vector_size(16), aligned(4), may_alias));

#define HOGVEC_INLINE static inline __attribute__((always_inline))

constexpr int kLanes = HOGVEC_LANES;

HOGVEC_INLINE Vec splat(float x) { return x - Vec{}; }

// Shared rows may be written by other workers meanwhile (Hogwild): every access to them goes through load and store,
// one move each. On x86 that is an instruction, since compilers form the address of a volatile access in a register of
// its own, of which a tile has too few; a build that checks races makes them relaxed atomics, float by float.
#ifdef HOGVEC_CHECK_RACES
HOGVEC_INLINE Vec load(const float* p) {
  Vec v;
  for (int i = 0; i < kLanes; ++i) {
    float x;
    __atomic_load(p + i, &x, __ATOMIC_RELAXED);
    v[i] = x;
  }
  return v;
}
HOGVEC_INLINE void store(float* p, Vec v) {
  for (int i = 0; i < kLanes; ++i) {
    float x = v[i];
    __atomic_store(p + i, &x, __ATOMIC_RELAXED);
  }
}
#elif defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#if HOGVEC_LANES == 4
#define HOGVEC_MOVE "movaps"
#else
#define HOGVEC_MOVE "vmovaps"
#endif
HOGVEC_INLINE Vec load(const float* p) {
  Vec v;
  __asm__(HOGVEC_MOVE " %1, %0" : "=v"(v) : "m"(*reinterpret_cast<const AliasedVec*>(p)));
  return v;
}
HOGVEC_INLINE void store(float* p, Vec v) {
  __asm__(HOGVEC_MOVE " %1, %0" : "=m"(*reinterpret_cast<AliasedVec*>(p)) : "v"(v));
}
#else
HOGVEC_INLINE Vec load(const float* p) { return *reinterpret_cast<const volatile AliasedVec*>(p); }
HOGVEC_INLINE void store(float* p, Vec v) { *reinterpret_cast<volatile AliasedVec*>(p) = v; }
#endif

// Memory of one worker alone, at any float's address.
HOGVEC_INLINE Vec load_private(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
HOGVEC_INLINE void store_private(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }

HOGVEC_INLINE Vec choose(IntVec mask, Vec a, Vec b) { return mask ? a : b; }

// exp for x <= 0, 0x1p-126 below -87.33: 2^n * (1 + t), r = x - n ln 2, |r| <= ln 2 / 2, t = r + r^2 q(r) with Taylor's
// terms to r^7, whose remainder r^8 / 8! < 5.2e-9 is below half an ulp. Adding the 1 last leaves little to round.
HOGVEC_INLINE Vec exp_negative(Vec x) {
  x = choose(x < -87.33F, splat(-87.33F), x);
  const Vec shifted = x * 0x1.715476p+0F + 0x1.8p23F;   // round to nearest by the float's own adder
  const Vec n = shifted - 0x1.8p23F;
  Vec r = x - n * 0x1.62e400p-1F;   // Cody and Waite: ln 2 in two parts
  r = r - n * 0x1.7f7d1cp-20F;
  const Vec r2 = r * r;
  const Vec q01 = r * (1.0F / 6.0F) + 0.5F;   // Estrin's order
  const Vec q23 = r * (1.0F / 120.0F) + 1.0F / 24.0F;
  const Vec q45 = r * (1.0F / 5040.0F) + 1.0F / 720.0F;
  const Vec q = (q45 * r2 + q23) * r2 + q01;
  const Vec t = q * r2 + r;
  return (t + 1.0F) * reinterpret_cast<Vec>((reinterpret_cast<IntVec>(shifted) << 23) + 0x3f800000);
}

HOGVEC_INLINE Vec absolute(Vec x) { return reinterpret_cast<Vec>(reinterpret_cast<IntVec>(x) & 0x7fffffff); }

// 1 / (1 + exp(-x)) without cancellation on either side.
HOGVEC_INLINE Vec sigmoid_of(Vec x) {
  const Vec e = exp_negative(-absolute(x));
  return choose(x < 0.0F, e, splat(1.0F)) / (1.0F + e);
}

// log(1 + exp(x)) = max(x, 0) + log1p(e), e = exp(-|x|) in [0, 1]; log1p(e) = e - e^2 p(e), p the Chebyshev fit of
// degree 10 on [0, 1], off by at most 6.6e-10.
HOGVEC_INLINE Vec softplus_of(Vec x) {
  const Vec e = exp_negative(-absolute(x));
  Vec p = splat(0x1.dc4816p-10F);
  p = p * e - 0x1.87d8f0p-7F;
  p = p * e + 0x1.2d99c4p-5F;
  p = p * e - 0x1.298ab8p-4F;
  p = p * e + 0x1.bb1662p-4F;
  p = p * e - 0x1.1a4014p-3F;
  p = p * e + 0x1.53543cp-3F;
  p = p * e - 0x1.995e00p-3F;
  p = p * e + 0x1.fffc64p-3F;
  p = p * e - 0x1.55554ap-2F;
  p = p * e + 0.5F;
  const Vec log1p = e - (e * e) * p;
  return choose(x > 0.0F, x, Vec{}) + log1p;
}

// Natural logarithm of a normal positive number (infinity and nan are passed on): x = 2^n m, m in [sqrt(1/2), sqrt(2)),
// f = m - 1, ln m = f - f^2 / 2 + f^3 p(f) with p from Cephes (Moshier), and n ln 2 in two parts.
HOGVEC_INLINE Vec log_of(Vec x) {
  const IntVec bits = reinterpret_cast<IntVec>(x);
  const IntVec exponent = (bits - 0x3f3504f3) >> 23;
  const Vec f = reinterpret_cast<Vec>(bits - (exponent << 23)) - 1.0F;
  const Vec n = __builtin_convertvector(exponent, Vec);
  Vec p = splat(7.0376836292e-2F);
  p = p * f - 1.1514610310e-1F;
  p = p * f + 1.1676998740e-1F;
  p = p * f - 1.2420140846e-1F;
  p = p * f + 1.4249322787e-1F;
  p = p * f - 1.6668057665e-1F;
  p = p * f + 2.0000714765e-1F;
  p = p * f - 2.4999993993e-1F;
  p = p * f + 3.3333331174e-1F;
  const Vec square = f * f;
  const Vec small = p * (f * square) - n * 2.12194440e-4F - 0.5F * square;
  return choose(x < __builtin_inff(), (f + small) + n * 0.693359375F, x);
}

// Sums over the lanes of several registers at once, by folding halves of two registers into one. Each fold of (a, b)
// leaves half as many partial sums of each: one blend (on any port, where a shuffle has but one), one shuffle, one sum.
#if HOGVEC_LANES == 16
HOGVEC_INLINE Vec fold_8(Vec a, Vec b) {   // -> 8 partial sums of a, then 8 of b
  constexpr IntVec mask = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return choose(mask, a, b) +
         __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23);
}
HOGVEC_INLINE Vec fold_4(Vec a, Vec b) {
  constexpr IntVec mask = {-1, -1, -1, -1, 0, 0, 0, 0, -1, -1, -1, -1, 0, 0, 0, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 4, 5, 6, 7, 16, 17, 18, 19, 12, 13, 14, 15, 24, 25, 26, 27);
}
HOGVEC_INLINE Vec fold_2(Vec a, Vec b) {
  constexpr IntVec mask = {-1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0, -1, -1, 0, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 2, 3, 16, 17, 6, 7, 20, 21, 10, 11, 24, 25, 14, 15, 28, 29);
}
HOGVEC_INLINE Vec fold_1(Vec a, Vec b) {
  constexpr IntVec mask = {-1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0, -1, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 1, 16, 3, 18, 5, 20, 7, 22, 9, 24, 11, 26, 13, 28, 15, 30);
}
#elif HOGVEC_LANES == 8
HOGVEC_INLINE Vec fold_4(Vec a, Vec b) {
  constexpr IntVec mask = {-1, -1, -1, -1, 0, 0, 0, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 4, 5, 6, 7, 8, 9, 10, 11);
}
HOGVEC_INLINE Vec fold_2(Vec a, Vec b) {
  constexpr IntVec mask = {-1, -1, 0, 0, -1, -1, 0, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 2, 3, 8, 9, 6, 7, 12, 13);
}
HOGVEC_INLINE Vec fold_1(Vec a, Vec b) {
  constexpr IntVec mask = {-1, 0, -1, 0, -1, 0, -1, 0};
  return choose(mask, a, b) + __builtin_shufflevector(a, b, 1, 8, 3, 10, 5, 12, 7, 14);
}
#else
HOGVEC_INLINE Vec fold_2(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 1, 6, 7) + __builtin_shufflevector(a, b, 2, 3, 4, 5);
}
HOGVEC_INLINE Vec fold_1(Vec a, Vec b) {
  return __builtin_shufflevector(a, b, 0, 5, 2, 7) + __builtin_shufflevector(a, b, 1, 4, 3, 6);
}
#endif
