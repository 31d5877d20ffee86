// How often an idle machine wakes up for timers (sched/timer_pace.hpp), by itself and in a storm of timers.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>

#include <goro/goro.hpp>

#include "sched/scheduler.hpp"
#include "sched/timer_pace.hpp"
#include "support/fixture.hpp"

namespace {

using goro::time_point;
using goro::detail::k_timer_gap;
using goro::detail::sched;
using goro::detail::timer_pace;
using namespace std::chrono_literals;

TEST(TimerPace, a_timer_that_comes_alone_is_on_time) {
  timer_pace pace;
  const time_point now = goro::clock::now();
  EXPECT_EQ(pace.wake_for(now), now);
  pace.woke(now);
  EXPECT_EQ(pace.wake_for(now + k_timer_gap), now + k_timer_gap);
  EXPECT_EQ(pace.wake_for(now + 1h), now + 1h);
}

TEST(TimerPace, one_that_comes_soon_after_another_waits_for_the_gap) {
  timer_pace pace;
  const time_point now = goro::clock::now();
  pace.woke(now);
  EXPECT_EQ(pace.wake_for(now), now + k_timer_gap);
  EXPECT_EQ(pace.wake_for(now + k_timer_gap / 2), now + k_timer_gap);
  EXPECT_EQ(pace.wakes(), 1U);
}

TEST(TimerPace, never_stays_never) {
  timer_pace pace;
  EXPECT_EQ(pace.wake_for(time_point::max()), time_point::max());
  pace.woke(goro::clock::now());
  EXPECT_EQ(pace.wake_for(time_point::max()), time_point::max());
}

struct TimerStorm : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, TimerStorm, goro_test::all_procs());

// One is due every 5 us. How many wake-ups that takes is told by the time that it took.
TEST_P(TimerStorm, wakes_an_idle_machine_once_in_each_gap) {
  constexpr int k_sleepers = 20'000;
  std::uint64_t wakes = 0;
  std::uint64_t wakeups = 0;
  goro::clock::duration took{};
  goro_test::in_goroutine([&] {
    goro::wait_group done;
    const time_point start = goro::clock::now() + 200ms;
    for (int i = 0; i != k_sleepers; ++i) done.go([=] { goro::sleep_until(start + i * 5us); });
    goro::sleep_until(start);
    wakes = sched.pace.wakes();
    wakeups = goro::stats().machine_wakeups;
    done.wait();
    took = goro::clock::now() - start;
    wakes = sched.pace.wakes() - wakes;
    wakeups = goro::stats().machine_wakeups - wakeups;
  });
  const auto gaps = static_cast<std::uint64_t>(took / k_timer_gap);
  EXPECT_LE(wakes, gaps + gaps / 10 + 10) << "in " << took / 1us << " us";
  EXPECT_LE(wakeups, gaps / 2) << "of a second machine, in " << took / 1us << " us";
}

}  // namespace
