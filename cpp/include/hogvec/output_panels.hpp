// The two operands of an output layer's products in the form that block kernels take them: hidden vectors packed,
// output rows gathered panel by panel from wherever the caller keeps them.
#pragma once

#include <cstdint>
#include <span>

#include "hogvec/aligned_floats.hpp"
#include "hogvec/block_kernels.hpp"
#include "hogvec/table.hpp"

namespace hogvec {

// What hidden vectors are scored with: s = (hidden . row + bias) / temperature. With `normalize` both vectors are
// divided by their lengths first; a vector of zeros stays one.
struct LayerModel {
  FloatRows weights;             // (V, dim)
  std::span<const float> bias;   // (V,), or empty for none
  double temperature = 1;
  bool normalize = false;
};

// 1 / |row| in double precision, 0 for a row of zeros.
double inverse_length(const float* row, std::int64_t dim);

// s of one hidden vector and one row, in double precision.
double score(const LayerModel& model, const float* hidden, std::int64_t row);

// The scores of rows were not finite: throws a ValueError that names the first of the rows whose weights or bias are
// not, or says that scores overflow. No rows: all.
[[noreturn]] void throw_not_finite(const LayerModel& model, std::span<const std::int64_t> rows);

// Hidden vectors [first, first + count), normalised if the model says so: `rows` (count, stride) zero-padded, and the
// same divided by the temperature and packed for scoring.
class PackedHidden {
 public:
  PackedHidden(const BlockKernels& kernels, const LayerModel& model, FloatRows hidden, std::int64_t first,
               std::int64_t count);

  std::int64_t count() const { return count_; }
  const float* row(std::int64_t b) const { return rows_.data() + b * stride_; }
  // From hidden vector b on, which must be a multiple of kBlockRows.
  const float* packed(std::int64_t b) const { return packed_.data() + b * dim_; }

 private:
  std::int64_t count_, dim_, stride_;
  AlignedFloats rows_, packed_;
};

// Hidden vectors are taken this many at a time, so that a block of coefficients stays in the second-level cache.
inline constexpr std::int64_t kBlockRows = 126;   // a multiple of every kernel's tile

// The candidates of a layer in panels: their rows, and what is added to their scores.
class CandidatePanels {
 public:
  // Candidate i is row ids[i], or row i when `all_rows`; offsets (n,) are added to scores. Both must outlive this.
  CandidatePanels(const LayerModel& model, std::span<const std::int32_t> ids, bool all_rows,
                  std::span<const float> offsets);

  std::int64_t size() const { return size_; }
  std::int64_t panels() const { return (size_ + kPanel - 1) / kPanel; }
  std::int64_t row_id(std::int64_t i) const { return all_rows_ ? i : ids_[static_cast<std::size_t>(i)]; }

  // Rows of panels [first, first + panels), (panels * kPanel, stride), normalised if the model says so. False if one
  // holds a number that is not finite.
  bool gather(std::int64_t first, std::int64_t panels, float* rows) const;
  // (kPanel,): what is added to the scores of a panel, kMaskedScore where there is no candidate.
  void offsets(std::int64_t panel, float* offsets) const;

 private:
  const LayerModel* model_;
  std::span<const std::int32_t> ids_;
  bool all_rows_;
  std::span<const float> offsets_;
  std::int64_t size_, stride_;
};

}   // namespace hogvec
