// Threads for one call: they start, work and end within it, and the calling thread watches meanwhile.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace hogvec {

// Asked a few times a second on the calling thread; false stops the workers. It may throw.
using KeepGoing = std::function<bool()>;
inline constexpr std::chrono::milliseconds kAskEvery{100};

// Set when the call is to end before its work is done: by an error of another worker, or by the watcher.
using StopFlag = std::atomic<bool>;

// Calls work(worker, stop) for every worker of [0, count), each on a thread of its own, and returns when all have
// returned; false if keep_going said no, which is asked once a period. Rethrows the first exception of a worker, or of
// keep_going.
bool run_workers(int count, const KeepGoing& keep_going, const std::function<void(int, const StopFlag&)>& work,
                 std::chrono::milliseconds period = kAskEvery);

// The same for calls whose results are worthless before their end: throws StateError if keep_going said no.
void run_workers_to_the_end(int count, const KeepGoing& keep_going,
                            const std::function<void(int, const StopFlag&)>& work);

// Work below this many products of two floats is small: a thread costs more than it saves, and nobody waits so long
// that a Ctrl-C mattered.
inline constexpr double kSmallWork = 2e6;
// Calls work(0, stop) on the calling thread.
void run_small(const std::function<void(int, const StopFlag&)>& work);

// Long work on the calling thread whose results are worthless before its end. Functions take a pointer to one; nullptr:
// nobody is asked.
class Pulse {
 public:
  explicit Pulse(KeepGoing keep_going, std::chrono::milliseconds period = kAskEvery);

  // Asks whether to go on if a period has passed; throws StateError if not. It reads a clock: call it every few
  // thousand steps of a loop.
  void beat();
  // Is not due before the next period.
  void reset() { last_asked_ = std::chrono::steady_clock::now(); }

 private:
  KeepGoing keep_going_;
  std::chrono::milliseconds period_;
  std::chrono::steady_clock::time_point last_asked_;
};

// Calls f(i) for every i of [0, n), one after the other, with a beat now and then.
template <class F>
void for_each(std::size_t n, Pulse* pulse, const F& f) {
  constexpr std::size_t kBetweenBeats = std::size_t{1} << 16;
  for (std::size_t begin = 0; begin < n; begin += kBetweenBeats) {
    if (pulse != nullptr) pulse->beat();
    const std::size_t end = n - begin < kBetweenBeats ? n : begin + kBetweenBeats;
    for (std::size_t i = begin; i < end; ++i) f(i);
  }
}

// Rounds of workers in one call whose results are worthless before its end. A round may be shorter than the period of
// run_workers, which then never asks whether to go on: between rounds it is asked, too, once a period.
class WorkerRounds {
 public:
  WorkerRounds(int count, KeepGoing keep_going);

  // Calls work(worker, stop) for every worker and returns when all have. Throws as run_workers_to_the_end.
  void run(const std::function<void(int, const StopFlag&)>& work);

 private:
  int count_;
  KeepGoing keep_going_;
  Pulse pulse_;
};

// The part of [0, n) that a worker of `count` takes, in multiples of `unit` but for the last.
struct Part {
  std::int64_t begin, end;
};
Part part_of(std::int64_t n, int worker, int count, std::int64_t unit = 1);

}   // namespace hogvec
