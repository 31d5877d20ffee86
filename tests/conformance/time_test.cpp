// TIME-01 to 04 and 13: sleeping, after, the order of timers.
#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <numeric>
#include <random>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::all_park;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::ms;
using namespace std::chrono_literals;

struct Time : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Time, goro_test::all_procs());

TEST_P(Time, TIME_01_sleep_lasts_at_least_its_duration) {
  const auto sleep_and_measure = [] {
    for (const auto d : {1us, 100us, 1000us, 20'000us}) {
      const auto start = std::chrono::steady_clock::now();
      goro::sleep_for(d);
      EXPECT_GE(std::chrono::steady_clock::now() - start, d);
      const auto until = std::chrono::steady_clock::now() + d;
      goro::sleep_until(until);
      EXPECT_GE(std::chrono::steady_clock::now(), until);
    }
  };
  sleep_and_measure();
  in_goroutine([&] {
    goro::wait_group ended;
    for (int i = 0; i < 50; ++i) ended.go(sleep_and_measure);
    ended.wait();
  });
}

std::atomic<int> signals{0};

TEST_P(Time, TIME_01_also_when_signals_interrupt_the_thread) {
  struct sigaction action{};
  struct sigaction former{};
  action.sa_handler = [](int) { ++signals; };  // without SA_RESTART
  ASSERT_EQ(::sigaction(SIGUSR1, &action, &former), 0);
  signals = 0;
  std::atomic<bool> stop{false};
  goro::wait_group ended;
  const auto sleep = [&ended] {
    const auto start = std::chrono::steady_clock::now();
    goro::sleep_for(30ms);
    EXPECT_GE(std::chrono::steady_clock::now() - start, 30ms);
    ended.done();
  };
  ended.add(3);
  for (int i = 0; i < 2; ++i) goro::go(sleep);
  std::jthread sleeper(sleep);
  std::jthread sender([&] {
    while (!stop) {
      ::kill(::getpid(), SIGUSR1);  // to any thread
      ::pthread_kill(sleeper.native_handle(), SIGUSR1);
      std::this_thread::sleep_for(1ms);
    }
  });
  ended.wait();
  stop = true;
  sender.join();
  EXPECT_GT(signals, 0);
  sleeper.join();
  ::sigaction(SIGUSR1, &former, nullptr);
}

TEST_P(Time, TIME_02_zero_and_negative_durations_return_at_once) {
  const auto no_sleep = [] {
    const auto start = goro::clock::now();
    for (int i = 0; i < 1000; ++i) {
      goro::sleep_for(0s);
      goro::sleep_for(-1h);
      goro::sleep_for(std::chrono::nanoseconds::min());
      goro::sleep_for(std::chrono::hours::min());
      goro::sleep_for(std::chrono::duration<double>(-1e300));
      goro::sleep_until(goro::time_point::min());
      goro::sleep_until(goro::clock::now() - 1s);
    }
    EXPECT_LT(goro::clock::now() - start, 5s);
  };
  no_sleep();
  in_goroutine(no_sleep);
}

TEST_P(Time, TIME_02_durations_too_large_mean_never_and_disturb_nobody) {
  go_named("for ever", [] { goro::sleep_for(std::chrono::nanoseconds::max()); });
  go_named("for ever", [] { goro::sleep_for(std::chrono::hours::max()); });
  go_named("for ever", [] { goro::sleep_for(std::chrono::duration<double>(1e300)); });
  go_named("for ever", [] { goro::sleep_until(goro::time_point::max()); });
  const auto never = goro::after(std::chrono::hours::max());
  leaves_blocked(4);
  EXPECT_TRUE(all_park("for ever", 4));
  in_goroutine([&] {
    for (int i = 0; i < 20; ++i) goro::sleep_for(1ms);
    EXPECT_EQ(never.try_recv().error(), goro::errc::would_block);
    EXPECT_EQ(never.try_recv_for(1ms).error(), goro::errc::timed_out);
    goro::chan<int> c{1};
    EXPECT_TRUE(c.try_send_for(1, std::chrono::hours::max()));
    EXPECT_EQ(c.try_recv_for(std::chrono::nanoseconds::max()).value(), 1);
  });
  EXPECT_EQ(goro_test::parked_count("for ever"), 4U);
}

TEST_P(Time, TIME_03_after_delivers_exactly_one_value_not_before_its_time) {
  in_goroutine([] {
    for (const auto d : {0ms, 1ms, 5ms, 20ms, -5ms}) {
      const auto start = goro::clock::now();
      const goro::recv_chan<goro::time_point> c = goro::after(d);
      EXPECT_EQ(c.capacity(), 0U);  // as in Go: nobody can tell when it is filled
      EXPECT_TRUE(c.recv());
      EXPECT_GE(goro::clock::now() - start, d);
      EXPECT_EQ(c.try_recv_for(5ms).error(), goro::errc::timed_out) << "a second value, or closed";
    }
  });
}

TEST_P(Time, TIME_04_the_value_is_the_moment_at_which_it_was_due) {
  in_goroutine([] {
    const auto d = 10ms;
    const auto before = goro::clock::now();
    const auto c = goro::after(d);
    const auto behind = goro::clock::now();
    goro::sleep_for(40ms);  // nobody receives it when it fires
    const goro::time_point due = c.recv().value();
    EXPECT_GE(due, before + d);
    EXPECT_LE(due, behind + d);
  });
}

// Starts a timer for each slot of 10 ms in random order and returns the order in which they fired.
template <class Wait>
std::vector<int> firing_order(int slots, Wait wait) {
  std::vector<int> slot(static_cast<std::size_t>(slots));
  std::iota(slot.begin(), slot.end(), 0);
  auto rng = goro_test::make_rng(static_cast<std::uint64_t>(slots));
  std::shuffle(slot.begin(), slot.end(), rng);
  const goro::chan<int> fired{slots};
  // Late enough for all to have begun: a new goroutine takes ThreadSanitizer some milliseconds.
  const auto start = goro::clock::now() + (goro_test::k_sanitized ? 300ms : 20ms);
  for (const int s : slot) {
    goro::go([=] {
      wait(start + s * 10ms);
      fired.send(s);
    });
  }
  std::vector<int> order;
  for (int i = 0; i < slots; ++i) order.push_back(fired.recv().value());
  return order;
}

// In order within the tolerance of a busy machine: one of several attempts must be in perfect order.
template <class Wait>
void expect_in_order(Wait wait) {
  std::vector<int> order;
  for (int attempt = 0; attempt < 5; ++attempt) {
    order = firing_order(12, wait);
    if (std::is_sorted(order.begin(), order.end())) return;
  }
  ADD_FAILURE() << "fired in the order " << testing::PrintToString(order);
}

TEST_P(Time, TIME_13_timers_fire_in_the_order_of_their_due_times) {
  in_goroutine([] {
    expect_in_order([](goro::time_point tp) { goro::sleep_until(tp); });
    expect_in_order([](goro::time_point tp) { goro::after(tp - goro::clock::now()).recv(); });
    expect_in_order([](goro::time_point tp) {
      EXPECT_EQ(goro::chan<int>{}.try_recv_until(tp).error(), goro::errc::timed_out);
    });
  });
}

TEST_P(Time, TIME_13_many_timers_all_fire) {
  in_goroutine([] {
    const int n = goro_test::goroutines_at_once(10'000);
    auto rng = goro_test::make_rng();
    std::atomic<int> early{0};
    goro::wait_group ended;
    for (int i = 0; i < n; ++i) {
      ended.go([&, d = std::chrono::microseconds(goro_test::pick(rng, 0, 100'000))] {
        const auto until = goro::clock::now() + d;
        goro::sleep_until(until);
        early += goro::clock::now() < until ? 1 : 0;
      });
    }
    ended.wait();
    EXPECT_EQ(early, 0);
  });
}

}  // namespace
