// time.hpp and clock.hpp beyond the numbered behaviours.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <limits>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

bool is_past(goro::time_point tp) { return tp <= goro::clock::now(); }

TEST(Deadline, saturates) {
  using goro::detail::deadline_after;
  constexpr auto k_never = goro::time_point::max();
  EXPECT_EQ(deadline_after(std::chrono::nanoseconds::max()), k_never);
  EXPECT_EQ(deadline_after(std::chrono::hours::max()), k_never);
  EXPECT_EQ(deadline_after(std::chrono::years::max()), k_never);
  EXPECT_EQ(deadline_after(std::chrono::duration<double>(std::numeric_limits<double>::infinity())), k_never);
  EXPECT_EQ(deadline_after(std::chrono::duration<double>(1e30)), k_never);
  EXPECT_EQ(deadline_after(std::chrono::duration<std::int64_t, std::ratio<1'000'000>>::max()), k_never);
  const auto before = goro::clock::now();
  EXPECT_GE(deadline_after(0s), before);
  EXPECT_TRUE(is_past(deadline_after(-1h)));
  EXPECT_TRUE(is_past(deadline_after(std::chrono::hours::min())));
  EXPECT_TRUE(
      is_past(deadline_after(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()))));
  const auto in_an_hour = deadline_after(1h);
  EXPECT_GE(in_an_hour, before + 1h);
  EXPECT_TRUE(is_past(in_an_hour - 1h));
}

template <class Duration>
void expect_the_last_that_fits() {
  using goro::detail::exceeds;
  constexpr goro::clock::duration k_room = std::chrono::hours(1000) + 1ns;
  const auto most = std::chrono::floor<Duration>(k_room);
  EXPECT_FALSE(exceeds(most, k_room));
  EXPECT_TRUE(exceeds(most + Duration(1), k_room));
  EXPECT_TRUE(exceeds(Duration::max(), k_room));
}

TEST(Deadline, is_never_from_the_first_one_that_does_not_fit) {
  expect_the_last_that_fits<std::chrono::nanoseconds>();
  expect_the_last_that_fits<std::chrono::seconds>();
  expect_the_last_that_fits<std::chrono::hours>();
  expect_the_last_that_fits<std::chrono::duration<std::uint64_t, std::milli>>();
  expect_the_last_that_fits<std::chrono::duration<std::uint32_t>>();
  EXPECT_FALSE(
      goro::detail::exceeds(std::chrono::duration<std::int32_t>::max(), goro::clock::duration::max()));
  EXPECT_TRUE(
      goro::detail::exceeds(std::chrono::duration<std::uint64_t>::max(), goro::clock::duration::max()));
}

TEST(Deadline, rounds_up) {
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  const auto before = goro::clock::now();
  EXPECT_GE(goro::detail::deadline_after(picoseconds(1500)), before + 2ns);
}

TEST(Deadline, of_other_clocks_and_extreme_points) {
  using goro::detail::to_steady;
  EXPECT_EQ(to_steady(goro::time_point::max()), goro::time_point::max());
  const auto now = goro::clock::now();
  EXPECT_EQ(to_steady(now), now);
  EXPECT_TRUE(is_past(to_steady(goro::time_point::min())));
  EXPECT_TRUE(is_past(to_steady(std::chrono::system_clock::now() - 1h)));
  const auto soon = to_steady(std::chrono::system_clock::now() + 1h);
  EXPECT_FALSE(is_past(soon - 50min));
  EXPECT_TRUE(is_past(soon - 70min));
  EXPECT_EQ(to_steady(std::chrono::time_point<goro::clock, std::chrono::hours>::max()),
            goro::time_point::max());
  EXPECT_GE(to_steady(std::chrono::system_clock::time_point::max()), goro::clock::now() + 1h);
  EXPECT_TRUE(is_past(to_steady(std::chrono::system_clock::time_point::min())));
}

struct Timers : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Timers, goro_test::all_procs());

TEST_P(Timers, sleep_until_takes_any_clock) {
  in_goroutine([] {
    const auto start = goro::clock::now();
    goro::sleep_until(std::chrono::system_clock::now() + 3ms);
    EXPECT_GE(goro::clock::now() - start, 2ms);
    goro::sleep_until(std::chrono::system_clock::now() - 1h);
    goro::sleep_for(std::chrono::duration<double, std::milli>(0.5));
    goro::sleep_for(std::chrono::duration<float>(-0.5F));
  });
}

TEST_P(Timers, threads_and_goroutines_sleep_side_by_side) {
  std::atomic<int> early{0};
  const auto sleep = [&](std::uint64_t stream) {
    auto rng = goro_test::make_rng(stream);
    for (int i = 0; i < 20; ++i) {
      const auto until = goro::clock::now() + std::chrono::microseconds(goro_test::pick(rng, 0, 2000));
      goro::sleep_until(until);
      early += goro::clock::now() < until ? 1 : 0;
    }
  };
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 4; ++t) threads.emplace_back([&, t] { sleep(t); });
  in_goroutine([&] {
    goro::wait_group ended;
    for (std::uint64_t g = 10; g < 60; ++g) ended.go([&, g] { sleep(g); });
    ended.wait();
  });
  threads.clear();
  EXPECT_EQ(early, 0);
}

TEST_P(Timers, a_sleeper_wakes_although_the_others_are_busy_yielding) {
  in_goroutine([this] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < 2 * procs(); ++i) {
      ended.go([&] {
        while (!stop) goro::this_goroutine::yield();
      });
    }
    const auto start = goro::clock::now();
    for (int i = 0; i < 10; ++i) goro::sleep_for(1ms);
    stop = true;
    EXPECT_LT(goro::clock::now() - start, goro_test::k_sanitized ? 20s : 5s);
    ended.wait();
  });
}

TEST_P(Timers, dropped_channels_of_after_cost_nothing_lasting) {
  const auto before = goro::stats().timers_armed;
  in_goroutine([] {
    for (int i = 0; i < 10'000; ++i) (void)goro::after(std::chrono::microseconds(i % 100));
  });
  EXPECT_EQ(goro::stats().timers_armed, before);
}

TEST_P(Timers, after_can_be_received_by_anyone) {
  const auto c = goro::after(5ms);
  std::atomic<int> got{0};
  goro::go([&, c] { got += c.try_recv_for(200ms) ? 1 : 0; });
  goro::go([&, c] { got += c.try_recv_for(200ms) ? 1 : 0; });
  EXPECT_TRUE(goro_test::eventually([&] { return got == 1; }));
  EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
  EXPECT_EQ(got, 1);
  EXPECT_TRUE(goro::after(-1s).recv());
  EXPECT_TRUE(goro::after(1ms).recv());  // by a plain thread
}

TEST_P(Timers, who_was_woken_by_a_timer_sees_it_counted) {
  for (int i = 0; i < goro_test::repetitions(300); ++i) {
    const auto before = goro::stats().timers_fired;
    EXPECT_TRUE(goro::after(10us).recv());
    EXPECT_GT(goro::stats().timers_fired, before);
  }
}

TEST_P(Timers, cancelled_waits_leave_no_timer_behind) {
  // Waits with a long timeout that end otherwise: their timers go with them.
  in_goroutine([] {
    const goro::chan<int> c{1};
    const auto fired = goro::stats().timers_fired;
    goro::wait_group ended;
    for (int g = 0; g < 10; ++g) {
      ended.go([&] {
        for (int i = 0; i < goro_test::repetitions(1000); ++i) {
          EXPECT_TRUE(c.try_send_for(i, 1h));
          EXPECT_TRUE(c.try_recv_for(1h));
        }
      });
    }
    ended.wait();
    EXPECT_EQ(goro::stats().timers_fired, fired);
  });
}

TEST_P(Timers, of_a_p_that_was_taken_away_fire_although_the_others_stay_busy) {
  const int former = goro::set_max_procs(2 * procs());
  std::atomic<int> asleep{0};
  std::atomic<int> awake{0};
  in_goroutine([&] {
    const int n = 8 * procs();
    goro::wait_group ended;
    for (int i = 0; i < n; ++i) {
      ended.go([&] {
        ++asleep;
        goro::sleep_for(30ms);
        ++awake;
      });
    }
    while (asleep < n) goro::this_goroutine::yield();
    goro::set_max_procs(1);
    while (awake < n) goro::this_goroutine::yield();  // this P is never idle
    ended.wait();
  });
  goro::set_max_procs(former);
}

TEST(TimePoints, beyond_the_clock_saturate) {
  using goro::detail::to_steady;
  using std::chrono::seconds;
  using std::chrono::sys_seconds;
  const auto soon = goro::clock::now() + std::chrono::hours(1);
  EXPECT_LE(to_steady(std::chrono::time_point<goro::clock, seconds>(seconds::min())), soon);
  EXPECT_EQ(to_steady(std::chrono::time_point<goro::clock, seconds>(seconds::max())),
            goro::time_point::max());
  EXPECT_LE(to_steady(sys_seconds(seconds::min())), soon);
  EXPECT_EQ(to_steady(sys_seconds(seconds::max())), goro::time_point::max());
  EXPECT_GT(to_steady(sys_seconds(seconds(9'300'000'000))), soon + std::chrono::hours(24 * 365 * 100));
}

}  // namespace
