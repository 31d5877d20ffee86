// Timers that come thick, and nothing else to do: sched/timer_pace.hpp, and who stands by (sched/idle.cpp).
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <goro/goro.hpp>

#include "sched/scheduler.hpp"
#include "support/fixture.hpp"

namespace {

using goro::time_point;
using goro::detail::k_timer_gap;
using goro::detail::sched;
using namespace std::chrono_literals;

struct TimerStorm : goro_test::procs_test {
  // So many, one after another from the time on that is returned.
  static time_point raise(goro::wait_group& done, int timers, std::chrono::microseconds apart) {
    const time_point start = goro::clock::now() + 500ms;
    for (int i = 0; i != timers; ++i) done.go([=] { goro::sleep_until(start + i * apart); });
    EXPECT_LT(goro::clock::now(), start) << "too slow to start them all in time: this shows nothing";
    return start;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, TimerStorm, goro_test::all_procs());

// How many wake-ups it takes is told by how long it lasts.
TEST_P(TimerStorm, wakes_an_idle_machine_once_in_each_gap) {
  std::uint64_t wakes = 0;
  std::uint64_t wakeups = 0;
  goro::clock::duration took{};
  goro_test::in_goroutine([&] {
    goro::wait_group done;
    const time_point start = raise(done, 20'000, 5us);
    goro::sleep_until(start);
    wakes = sched.pace.wakes();
    wakeups = goro::stats().machine_wakeups;
    done.wait();
    took = goro::clock::now() - start;
    wakes = sched.pace.wakes() - wakes;
    wakeups = goro::stats().machine_wakeups - wakeups;
  });
  const auto gaps = static_cast<std::uint64_t>(took / k_timer_gap);
  EXPECT_LE(wakes, gaps + gaps / 10) << "in " << took / 1us << " us";
  EXPECT_LE(wakeups, gaps / 4) << "of a second machine, in " << took / 1us << " us";
}

// Of two that are due at once the first one computes until the other has run: the second machine comes for
// that, though it is not woken.
struct TimerStormBesideAnother : TimerStorm {
  static void keeps_a_second_core(int timers, std::chrono::microseconds apart, goro::clock::duration most);
};
INSTANTIATE_TEST_SUITE_P(Procs, TimerStormBesideAnother, testing::Values(2, 4, 32));

void TimerStormBesideAnother::keeps_a_second_core(int timers, std::chrono::microseconds apart,
                                                  goro::clock::duration most) {
  constexpr int k_pairs = 8;
  std::vector<goro::clock::duration> waits(k_pairs);
  goro_test::in_goroutine([&] {
    goro::wait_group done;
    const time_point start = raise(done, timers, apart);
    std::vector<std::atomic<int>> arrived(k_pairs);
    for (std::size_t i = 0; i != k_pairs; ++i) {
      const time_point due = start + 10ms * (i + 1);
      for (int k = 0; k != 2; ++k) {
        done.go([&, due, i] {
          goro::sleep_until(due);
          ++arrived[i];
          while (arrived[i] != 2) {
          }
          waits[i] = goro::clock::now() - due;
        });
      }
    }
    done.wait();
  });
  std::sort(waits.begin(), waits.end());
  EXPECT_LT(waits[k_pairs / 2], most) << "the longest: " << waits.back() / 1us << " us";
}

TEST_P(TimerStormBesideAnother, keeps_a_second_core_waiting_for_less_than_a_slice) {
  keeps_a_second_core(2'000, 60us, 5ms);
}

// A timer is due in each look of the watcher. Without help it takes a slice of 10 ms or more; with it the
// kernel may wake the second thread on the core of the computing one, and run it up to 4 ms later.
TEST_P(TimerStormBesideAnother, without_a_gap_keeps_a_second_core_waiting_for_less_than_a_slice) {
  keeps_a_second_core(20'000, 5us, 9ms);
}

}  // namespace
