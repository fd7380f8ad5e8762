// The kernels for AArch64's NEON, part of that ABI.
#include "hogvec/kernels.hpp"

#if defined(__aarch64__)

#define HOGVEC_LANES 4
#define HOGVEC_REGISTERS 32

namespace hogvec::neon {
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
const Kernels kKernels = {"neon",    train<Link::kLogistic>, train<Link::kSoftmax>, sigmoid, softplus,
                          merge_row, kBlockKernels};
}   // namespace hogvec::neon

#endif
