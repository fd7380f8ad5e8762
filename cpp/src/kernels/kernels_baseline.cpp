// The kernels for what every processor of the ABI has (SSE2 on x86-64).
#include "hogvec/kernels.hpp"

#define HOGVEC_LANES 4
#define HOGVEC_REGISTERS 16

namespace hogvec::baseline {
namespace {
#include "vector.inl.hpp"
// after it:
#include "train_groups.inl.hpp"
}   // namespace

extern const Kernels kKernels;
const Kernels kKernels = {"baseline", train_logistic_sgd, sigmoid, softplus};
}   // namespace hogvec::baseline
