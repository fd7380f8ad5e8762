// Workers: the parts they take, what ends them, and which error reaches the caller.
#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include "hogvec/error.hpp"
#include "hogvec/workers.hpp"

using namespace hogvec;

namespace {

bool always() { return true; }

void wait_for(const StopFlag& stop) {
  while (!stop) std::this_thread::yield();
}

}   // namespace

TEST_CASE("the parts of workers lie end to end and begin at multiples of the unit") {
  for (const std::int64_t n : {0, 1, 5, 31, 32, 33, 1000}) {
    for (const int count : {1, 2, 3, 7, 64}) {
      for (const std::int64_t unit : {1, 4, 32}) {
        CAPTURE(n);
        CAPTURE(count);
        CAPTURE(unit);
        std::int64_t end = 0;
        for (int worker = 0; worker < count; ++worker) {
          const Part part = part_of(n, worker, count, unit);
          CHECK(part.begin == end);
          CHECK(part.begin <= part.end);
          CHECK((part.begin % unit == 0 || part.begin == n));
          // No more than a fair share, in whole units.
          CHECK(part.end - part.begin <= ((n + unit - 1) / unit + count - 1) / count * unit);
          end = part.end;
        }
        CHECK(end == n);
      }
    }
  }
}

TEST_CASE("every worker runs once, on a thread of its own") {
  std::vector<std::atomic<int>> calls(5);
  std::vector<std::thread::id> threads(5);
  CHECK(run_workers(5, always, [&](int worker, const StopFlag&) {
    ++calls[static_cast<std::size_t>(worker)];
    threads[static_cast<std::size_t>(worker)] = std::this_thread::get_id();
  }));
  for (std::size_t w = 0; w < 5; ++w) {
    CHECK(calls[w] == 1);
    CHECK(threads[w] != std::this_thread::get_id());
    for (std::size_t other = 0; other < w; ++other) CHECK(threads[w] != threads[other]);
  }
}

TEST_CASE("the first error of a worker stops the others and is the one that is rethrown") {
  const auto work = [](int worker, const StopFlag& stop) {
    if (worker == 1) throw ValueError("the first");
    wait_for(stop);
    throw ValueError("a later one");
  };
  CHECK_THROWS_WITH_AS(run_workers(3, always, work), "the first", ValueError);
  CHECK_THROWS_WITH_AS(run_workers_to_the_end(3, always, work), "the first", ValueError);
}

TEST_CASE("workers stop when the watcher says no, and when it throws") {
  std::atomic<int> ended{0};
  const auto work = [&](int, const StopFlag& stop) {
    wait_for(stop);
    ++ended;
  };
  constexpr std::chrono::milliseconds kSoon{1};
  int asked = 0;
  CHECK(!run_workers(2, [&] { return ++asked < 3; }, work, kSoon));
  CHECK(asked == 3);
  CHECK(ended == 2);
  const auto interrupted = []() -> bool { throw std::runtime_error("interrupted"); };
  CHECK_THROWS_WITH_AS(run_workers(2, interrupted, work, kSoon), "interrupted", std::runtime_error);
  CHECK(ended == 4);
  CHECK_THROWS_WITH_AS(run_workers_to_the_end(
                           2, [] { return false; }, work),
                       "the call must run to its end, got a stop before it", StateError);
  CHECK(ended == 6);
}

TEST_CASE("rounds of workers ask whether to go on though each is over at once") {
  bool asked = false;
  const KeepGoing stop_once_asked = [&] {
    asked = true;
    return false;
  };
  WorkerRounds rounds(2, stop_once_asked);
  std::atomic<int> calls{0};
  const auto run_many = [&] {
    for (int round = 0; round < 1'000'000; ++round) rounds.run([&](int, const StopFlag&) { ++calls; });
  };
  CHECK_THROWS_WITH_AS(run_many(), "the call must run to its end, got a stop before it", StateError);
  CHECK(asked);
  CHECK(calls % 2 == 0);   // a round is whole
  CHECK(calls < 2'000'000);
}
