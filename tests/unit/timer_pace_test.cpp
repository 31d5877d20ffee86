// How often an idle machine wakes up for timers, by itself (sched/timer_pace.hpp).
#include <gtest/gtest.h>

#include <chrono>

#include "sched/timer_pace.hpp"

namespace {

using goro::time_point;
using goro::detail::k_stand_by;
using goro::detail::k_timer_gap;
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

TEST(TimerPace, two_firings_near_each_other_are_thick_for_a_while) {
  timer_pace pace;
  const time_point now = goro::clock::now();
  EXPECT_FALSE(pace.is_thick(now));
  pace.fired(now);
  EXPECT_FALSE(pace.is_thick(now));
  pace.fired(now + 300us);
  EXPECT_FALSE(pace.is_thick(now + 300us));
  const time_point again = now + 300us + k_timer_gap;
  pace.fired(again);
  EXPECT_TRUE(pace.is_thick(again));
  EXPECT_TRUE(pace.is_thick(again + k_stand_by - 1ns));
  EXPECT_FALSE(pace.is_thick(again + k_stand_by));
}

}  // namespace
