// Packing and gathering for the products of an output layer, and scores one by one in double precision.
#include "hogvec/output_panels.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/layer_checks.hpp"
#include "hogvec/math.hpp"

namespace hogvec {

double inverse_length(const float* row, std::int64_t dim) {
  const double squares = dot(row, row, dim);
  return squares > 0 ? 1 / std::sqrt(squares) : 0;
}

double score(const LayerModel& model, const float* hidden, std::int64_t row) {
  const std::int64_t dim = model.weights.dim;
  const float* const weights = model.weights.row(row);
  double s = dot(hidden, weights, dim);
  if (model.normalize) s *= inverse_length(hidden, dim) * inverse_length(weights, dim);
  if (!model.bias.empty()) s += double{model.bias[static_cast<std::size_t>(row)]};
  return s / model.temperature;
}

void throw_not_finite(const LayerModel& model, std::span<const std::int64_t> rows) {
  const auto count = rows.empty() ? model.weights.rows : static_cast<std::int64_t>(rows.size());
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t row = rows.empty() ? i : rows[static_cast<std::size_t>(i)];
    check_finite(model.weights, row, "weights");
    if (!model.bias.empty() && !std::isfinite(model.bias[static_cast<std::size_t>(row)])) {
      throw ValueError("bias must be finite, got " + std::to_string(model.bias[static_cast<std::size_t>(row)]) +
                       " at index " + std::to_string(row));
    }
  }
  throw ValueError("scores must be finite, got one beyond the range of float32: hidden or weights are too large");
}

PackedHidden::PackedHidden(const BlockKernels& kernels, const LayerModel& model, FloatRows hidden, std::int64_t first,
                           std::int64_t count)
    : count_(count),
      dim_(hidden.dim),
      stride_(padded_stride(hidden.dim)),
      rows_(static_cast<std::size_t>(count_ * stride_)),
      packed_(static_cast<std::size_t>(count_ * dim_)) {
  AlignedFloats divided;
  if (model.temperature != 1) divided = AlignedFloats(static_cast<std::size_t>(count_ * stride_));
  const double inverse_temperature = 1 / model.temperature;
  for (std::int64_t b = 0; b < count; ++b) {
    const float* const from = hidden.row(first + b);
    float* const to = rows_.data() + b * stride_;
    const double scale = model.normalize ? inverse_length(from, dim_) : 1;
    if (scale == 1) {
      std::copy_n(from, dim_, to);
    } else {
      for (std::int64_t d = 0; d < dim_; ++d) to[d] = static_cast<float>(scale * double{from[d]});
    }
    std::fill(to + dim_, to + stride_, 0.0F);
    if (divided.data() == nullptr) continue;
    for (std::int64_t d = 0; d < dim_; ++d)
      divided.data()[b * stride_ + d] = static_cast<float>(scale * inverse_temperature * double{from[d]});
  }
  const float* const source = divided.data() == nullptr ? rows_.data() : divided.data();
  kernels.pack_hidden(source, count_, stride_, dim_, packed_.data());
}

CandidatePanels::CandidatePanels(const LayerModel& model, std::span<const std::int32_t> ids, bool all_rows,
                                 std::span<const float> offsets)
    : model_(&model),
      ids_(ids),
      all_rows_(all_rows),
      offsets_(offsets),
      size_(static_cast<std::int64_t>(offsets.size())),
      stride_(padded_stride(model.weights.dim)) {}

bool CandidatePanels::gather(std::int64_t first, std::int64_t panels, float* rows) const {
  const std::int64_t dim = model_->weights.dim;
  const std::int64_t begin = first * kPanel;
  const std::int64_t end = begin + panels * kPanel;
  constexpr std::int64_t kAhead = 8;   // rows, whose lines a processor waits for at once
  bool finite = true;
  for (std::int64_t i = begin; i < end; ++i) {
    if (!all_rows_ && i + kAhead < size_) {
      const float* const next = model_->weights.row(row_id(i + kAhead));
      for (std::int64_t d = 0; d < dim; d += 16) __builtin_prefetch(next + d);
    }
    float* const to = rows + (i - begin) * stride_;
    if (i >= size_) {
      std::fill(to, to + stride_, 0.0F);
      continue;
    }
    const float* const from = model_->weights.row(row_id(i));
    if (model_->normalize) {
      const double scale = inverse_length(from, dim);
      for (std::int64_t d = 0; d < dim; ++d) to[d] = static_cast<float>(scale * double{from[d]});
    } else {
      std::copy_n(from, dim, to);
    }
    std::fill(to + dim, to + stride_, 0.0F);
    finite &= is_finite(to, dim);
  }
  return finite;
}

void CandidatePanels::offsets(std::int64_t panel, float* offsets) const {
  for (std::int64_t t = 0; t < kPanel; ++t) {
    const std::int64_t i = panel * kPanel + t;
    offsets[t] = i < size_ ? offsets_[static_cast<std::size_t>(i)] : kMaskedScore;
  }
}

}   // namespace hogvec
