// Memory of optimizers.
#include "hogvec/optimizer.hpp"

namespace hogvec {

namespace {

struct Kept {
  bool first, second, one_a_row, steps;   // one_a_row: the second has one number for each row
};

Kept kept_by(OptimizerKind kind) {
  switch (kind) {
    case OptimizerKind::kSgd: return {false, false, false, false};
    case OptimizerKind::kMomentum: return {true, false, false, false};
    case OptimizerKind::kAveragedMomentum: return {true, false, false, true};
    case OptimizerKind::kRmsProp:
    case OptimizerKind::kAdaGrad: return {false, true, false, false};
    case OptimizerKind::kRowAdaGrad: return {false, true, true, false};
    case OptimizerKind::kAdam:
    case OptimizerKind::kDecayedAdam: return {true, true, false, true};
  }
  return {};
}

}   // namespace

OptimizerState::OptimizerState(OptimizerKind kind, const TableView& values) {
  const Kept kept = kept_by(kind);
  if (kept.first) first_ = std::make_unique<Table>(values.rows, values.dim);
  if (kept.second)
    second_ =
        kept.one_a_row ? std::make_unique<Table>(1, values.rows) : std::make_unique<Table>(values.rows, values.dim);
  if (kept.steps) steps_.resize(static_cast<std::size_t>(values.rows));
}

TrainedTable OptimizerState::view(const TableView& values) {
  TrainedTable table(values);
  if (first_) table.first = first_->view().data;
  if (second_) table.second = second_->view().data;
  if (!steps_.empty()) table.steps = steps_.data();
  return table;
}

std::int64_t OptimizerState::bytes(OptimizerKind kind, std::int64_t rows, std::int64_t dim) {
  const Kept kept = kept_by(kind);
  const std::int64_t table = rows * padded_stride(dim) * 4;
  return (kept.first ? table : 0) + (kept.second ? (kept.one_a_row ? rows * 4 : table) : 0) +
         (kept.steps ? rows * 4 : 0);
}

}   // namespace hogvec
