// Aligned memory, with a word to the system about large pieces: clearing pages one by one as they are first touched can
// cost as much as what is computed in them.
#include "hogvec/aligned_floats.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace hogvec {

namespace {
constexpr std::size_t kHugePage = std::size_t{2} << 20;
}

AlignedFloats::AlignedFloats(std::size_t count) {
  if (count > static_cast<std::size_t>(-1) / (2 * sizeof(float))) throw std::bad_alloc();
  std::size_t bytes = std::max<std::size_t>(count, 1) * sizeof(float);
  FreeAligned free;
  if (bytes >= kHugePage) {
    free.alignment = std::align_val_t{kHugePage};
    bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  }
  memory_ = std::unique_ptr<float[], FreeAligned>(static_cast<float*>(::operator new(bytes, free.alignment)), free);
#ifdef MADV_HUGEPAGE
  if (bytes >= kHugePage) madvise(memory_.get(), bytes, MADV_HUGEPAGE);   // a hint: may fail
#endif
}

void FreeAligned::operator()(float* p) const { ::operator delete(p, alignment); }

}   // namespace hogvec
