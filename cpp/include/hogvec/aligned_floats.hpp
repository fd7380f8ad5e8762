// Memory for kernels: so many floats, 64-byte aligned, not initialised.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace hogvec {

class AlignedFloats {
 public:
  AlignedFloats() = default;
  explicit AlignedFloats(std::size_t count)
      : memory_(static_cast<float*>(::operator new((count > 0 ? count : 1) * sizeof(float), kAlignment))) {}

  float* data() const { return memory_.get(); }
  float& operator[](std::size_t i) const { return memory_.get()[i]; }

 private:
  static constexpr std::align_val_t kAlignment{64};
  struct Free {
    void operator()(float* p) const { ::operator delete(p, kAlignment); }
  };
  std::unique_ptr<float[], Free> memory_;
};

}   // namespace hogvec
