// The tables being trained as Python holds them.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <string>

#include "hogvec/error.hpp"
#include "hogvec/optimizer.hpp"
#include "hogvec/table.hpp"
#include "hogvec/workers.hpp"

namespace hogvec::bindings {

// The two tables, and the promise that one call trains them at a time.
class Tables {
 public:
  Tables(std::int64_t input_rows, std::int64_t output_rows, std::int64_t dim, std::uint64_t seed,
         const OptimizerSettings& optimizer, float initial_range, Pulse& pulse)
      : optimizer_(optimizer),
        input_(checked(input_rows, "input_rows"), dim),
        output_(checked(output_rows, "output_rows"), dim),
        input_state_(optimizer.kind, input_.view()),
        output_state_(optimizer.kind, output_.view()) {
    if (!(initial_range > 0 && std::isfinite(initial_range)))
      throw ValueError("initial_range must be finite and above 0, got " + std::to_string(initial_range));
    initialize_uniform(input_.view(), seed, initial_range, &pulse);
  }

  TableView input() const { return input_.view(); }
  TableView output() const { return output_.view(); }
  TrainedTable trained_input() { return input_state_.view(input_.view()); }
  TrainedTable trained_output() { return output_state_.view(output_.view()); }
  OptimizerState& input_state() { return input_state_; }
  OptimizerState& output_state() { return output_state_; }
  const OptimizerSettings& optimizer() const { return optimizer_; }

  // Groups trained so far, modulo 2^32: only optimizers that let moments decay look at it.
  std::uint32_t steps() const { return steps_; }
  void add_steps(std::int64_t groups) { steps_ += static_cast<std::uint32_t>(groups); }

  // Held while a call trains.
  class Busy {
   public:
    explicit Busy(Tables& tables) : busy_(tables.busy_) {
      if (busy_.exchange(true)) throw StateError("a trainer must train for one call at a time, got a second one");
    }
    ~Busy() { busy_ = false; }
    Busy(const Busy&) = delete;
    Busy& operator=(const Busy&) = delete;

   private:
    std::atomic<bool>& busy_;
  };

 private:
  static std::int64_t checked(std::int64_t rows, const char* name) {
    if (rows < 1 || rows > 0xffffffffLL)
      throw ValueError(std::string(name) + " must be at least 1 and below 2^32, got " + std::to_string(rows));
    return rows;
  }

  OptimizerSettings optimizer_;
  Table input_, output_;
  OptimizerState input_state_, output_state_;
  std::uint32_t steps_ = 0;
  std::atomic<bool> busy_{false};
};

}   // namespace hogvec::bindings
