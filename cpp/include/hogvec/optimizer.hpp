// How a gradient changes a row, and the state that is kept for it: settings and memory, no arithmetic (the kernels').
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "hogvec/table.hpp"

namespace hogvec {

// With g the gradient of a row's loss, w the row, a the learning rate and elementwise operations:
enum class OptimizerKind : std::uint8_t {
  kSgd,                // w -= a g
  kMomentum,           // v = b1 v + g;  w -= a v  (Polyak 1964)
  kAveragedMomentum,   // v = b1 v + (1 - b1) g;  w -= a v / (1 - b1^t)
  kRmsProp,            // s = b2 s + (1 - b2) g^2;  w -= a g / (sqrt(s) + e)  (Tieleman and Hinton 2012)
  kAdaGrad,            // s += g^2;  w -= a g / (sqrt(s) + e)  (Duchi, Hazan and Singer 2011)
  kRowAdaGrad,         // one s a row: s += mean(g^2)  (Lerer et al. 2019)
  kAdam,               // m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
                       // w -= a m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + e)  (Kingma and Ba 2015)
  kDecayedAdam         // the same m, v and t as if every row were updated at every step, most with a gradient of zero
};

// t counts the updates of the row itself, except in kDecayedAdam.
struct OptimizerSettings {
  OptimizerKind kind = OptimizerKind::kSgd;
  float beta1 = 0;
  float beta2 = 0;
  float epsilon = 0;
};

// What a kernel sees of a table and its state; what an optimizer does not keep is nullptr.
struct TrainedTable {
  TrainedTable() = default;
  TrainedTable(const TableView& table) : values(table) {}   // no state: SGD

  TableView values;
  float* first = nullptr;           // (rows, stride): v of momentum, m of Adam
  float* second = nullptr;          // (rows, stride): s, v of Adam; (rows,) for kRowAdaGrad
  std::uint32_t* steps = nullptr;   // (rows,): updates so far; in kDecayedAdam the step of the last one
};

// The state of one table, zero at first.
class OptimizerState {
 public:
  OptimizerState(OptimizerKind kind, const TableView& values);   // throws std::bad_alloc

  TrainedTable view(const TableView& values);
  // Tables of (rows, dim), nullptr for what is not kept. For kRowAdaGrad the second has one row of `rows` floats.
  const Table* first() const { return first_.get(); }
  const Table* second() const { return second_.get(); }
  std::vector<std::uint32_t>& steps() { return steps_; }

  static std::int64_t bytes(OptimizerKind kind, std::int64_t rows, std::int64_t dim);

 private:
  std::unique_ptr<Table> first_, second_;
  std::vector<std::uint32_t> steps_;
};

}   // namespace hogvec
