// The kernels for what every processor of the ABI has (SSE2 on x86-64).
#include "hogvec/kernels.hpp"

#define HOGVEC_LANES 4
#define HOGVEC_REGISTERS 16

namespace hogvec::baseline {
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
const Kernels kKernels = {"baseline", train<Link::kLogistic>, train<Link::kSoftmax>, sigmoid, softplus,
                          merge_row,  kBlockKernels};
}   // namespace hogvec::baseline
