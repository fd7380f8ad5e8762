// Starts threads, watches them and joins them however the call ends.
#include "hogvec/workers.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "hogvec/error.hpp"

namespace hogvec {
namespace {

class Workers {
 public:
  Workers(int count, const std::function<void(int, const StopFlag&)>& work) : running_(count) {
    try {
      for (int worker = 0; worker < count; ++worker)
        threads_.emplace_back([this, worker, &work] { run(worker, work); });
    } catch (...) {   // the system has no more threads: those that run must end before the error goes on
      finish();
      throw;
    }
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  ~Workers() { finish(); }

  // Whether all have ended, after waiting for that a little.
  bool wait(std::chrono::milliseconds period) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, period, [this] { return running_ == 0; });
  }

  std::exception_ptr finish() {
    stop_ = true;   // does nothing to workers that have ended
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    return error_;
  }

 private:
  void run(int worker, const std::function<void(int, const StopFlag&)>& work) {
    std::exception_ptr error;
    try {
      work(worker, stop_);
    } catch (...) {
      error = std::current_exception();
    }
    const std::lock_guard lock(mutex_);
    if (error && !error_) error_ = error;
    if (error) stop_ = true;   // once it is kept: no error that follows from the stop may come before it
    --running_;
    changed_.notify_all();
  }

  StopFlag stop_{false};
  std::mutex mutex_;   // guards the next three
  std::condition_variable changed_;
  int running_;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

StateError stopped_early() { return StateError("the call must run to its end, got a stop before it"); }

}   // namespace

bool run_workers(int count, const KeepGoing& keep_going, const std::function<void(int, const StopFlag&)>& work,
                 std::chrono::milliseconds period) {
  bool stopped = false;
  std::exception_ptr error;
  {
    Workers workers(count, work);
    while (!stopped && !workers.wait(period)) stopped = !keep_going();
    error = workers.finish();
  }
  if (error) std::rethrow_exception(error);
  return !stopped;
}

void run_workers_to_the_end(int count, const KeepGoing& keep_going,
                            const std::function<void(int, const StopFlag&)>& work) {
  if (!run_workers(count, keep_going, work)) throw stopped_early();
}

void run_small(const std::function<void(int, const StopFlag&)>& work) {
  const StopFlag never{false};
  work(0, never);
}

Pulse::Pulse(KeepGoing keep_going, std::chrono::milliseconds period)
    : keep_going_(std::move(keep_going)), period_(period), last_asked_(std::chrono::steady_clock::now()) {}

void Pulse::beat() {
  if (std::chrono::steady_clock::now() - last_asked_ < period_) return;
  reset();
  if (!keep_going_()) throw stopped_early();
}

WorkerRounds::WorkerRounds(int count, KeepGoing keep_going)
    : count_(count), keep_going_(std::move(keep_going)), pulse_(keep_going_) {}

void WorkerRounds::run(const std::function<void(int, const StopFlag&)>& work) {
  const auto ask_now = [this] {
    pulse_.reset();
    return keep_going_();
  };
  run_workers_to_the_end(count_, ask_now, work);
  pulse_.beat();
}

Part part_of(std::int64_t n, int worker, int count, std::int64_t unit) {
  const std::int64_t units = (n + unit - 1) / unit;
  const auto edge = [&](std::int64_t w) { return std::min(n, units * w / count * unit); };
  return {edge(worker), edge(worker + 1)};
}

}   // namespace hogvec
