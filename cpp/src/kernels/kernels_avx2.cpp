// The kernels for AVX2 and FMA.
#include "hogvec/kernels.hpp"

#if defined(__x86_64__)

#define HOGVEC_LANES 8
#define HOGVEC_REGISTERS 16

#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c,movbe"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi,bmi2,lzcnt,popcnt,f16c,movbe")
#endif

namespace hogvec::avx2 {
namespace {
// clang-format off: each needs the one before it
#include "vector.inl.hpp"
#include "fetch.inl.hpp"
#include "tiles.inl.hpp"
#include "optimizers.inl.hpp"
#include "links.inl.hpp"
#include "train_groups.inl.hpp"
#include "blocks.inl.hpp"
// clang-format on
}   // namespace

extern const Kernels kKernels;
const Kernels kKernels = {"avx2",    train<Link::kLogistic>, train<Link::kSoftmax>, sigmoid, softplus,
                          merge_row, kBlockKernels};
}   // namespace hogvec::avx2

#ifdef __clang__
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
