// Memory for kernels: so many floats, 64-byte aligned, not initialised; in huge pages where the system offers them and
// there is much of it.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace hogvec {

struct FreeAligned {
  std::align_val_t alignment{64};
  void operator()(float* p) const;
};

class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t count);   // throws std::bad_alloc

  float* data() const { return memory_.get(); }
  float& operator[](std::size_t i) const { return memory_[i]; }

 private:
  std::unique_ptr<float[], FreeAligned> memory_;
};

}   // namespace hogvec
