// TIME-05 to 17: timers, tickers, functions called later.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/process_state.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct Timer : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Timer, goro_test::all_procs());

bool nothing_comes(const goro::recv_chan<goro::time_point>& c, std::chrono::nanoseconds d = 3ms) {
  return c.try_recv_for(d).error() == goro::errc::timed_out;
}

TEST_P(Timer, TIME_03_a_timer_delivers_exactly_one_value_not_before_its_time) {
  in_goroutine([] {
    for (const auto d : {-5ms, 0ms, 1ms, 10ms}) {
      const auto start = goro::clock::now();
      const goro::timer t{d};
      const goro::time_point due = t.c().recv().value();
      EXPECT_GE(goro::clock::now() - start, d);
      EXPECT_LE(due, goro::clock::now());
      EXPECT_TRUE(nothing_comes(t.c()));
    }
  });
}

TEST_P(Timer, TIME_05_stop_tells_whether_it_prevented_the_firing) {
  in_goroutine([] {
    goro::timer t{1h};
    EXPECT_TRUE(t.stop());
    EXPECT_FALSE(t.stop());
    EXPECT_TRUE(nothing_comes(t.c()));
    goro::timer fired{1ms};
    fired.c().recv();
    EXPECT_FALSE(fired.stop());
    goro::timer never{std::chrono::hours::max()};
    EXPECT_TRUE(never.stop());
    EXPECT_FALSE(never.stop());
  });
}

TEST_P(Timer, TIME_06_after_stop_no_earlier_value_can_be_received) {
  in_goroutine([] {
    goro::timer t{1ms};
    goro::sleep_for(10ms);
    EXPECT_TRUE(t.stop()) << "expired, but not received: it counts as active";
    EXPECT_TRUE(nothing_comes(t.c()));
    // Stopped while it fires, many times.
    for (int i = 0; i != 300; ++i) {
      goro::timer now{0ns};
      const bool prevented = now.stop();
      const bool received = now.c().try_recv().has_value();
      EXPECT_FALSE(received);
      EXPECT_TRUE(prevented);
    }
  });
}

TEST_P(Timer, TIME_07_reset_needs_no_draining) {
  in_goroutine([] {
    goro::timer t{1ms};
    EXPECT_EQ(t.c().capacity(), 0U);
    goro::sleep_for(10ms);
    EXPECT_EQ(t.c().size(), 0U) << "although a value is there";
    const auto start = goro::clock::now();
    EXPECT_TRUE(t.reset(20ms));
    EXPECT_GE(t.c().recv().value(), start + 20ms) << "a value of the earlier setting";
    EXPECT_FALSE(t.reset(1ms));
    EXPECT_TRUE(t.c().recv());
    EXPECT_FALSE(t.reset(1h));
    EXPECT_TRUE(t.reset(1ms));
    EXPECT_TRUE(t.c().recv());
  });
}

TEST_P(Timer, TIME_08_an_unset_timer_panics) {
  goro::timer t;
  EXPECT_EQ(panic_text([&] { t.stop(); }), "time: Stop called on uninitialized Timer");
  EXPECT_EQ(panic_text([&] { t.reset(1s); }), "time: Reset called on uninitialized Timer");
  EXPECT_FALSE(t.c());
  goro::timer set{1h};
  t = std::move(set);
  EXPECT_TRUE(t.stop());
}

TEST_P(Timer, TIME_09_after_func_runs_in_a_goroutine_of_its_own) {
  in_goroutine([&] {
    const goro::chan<goro::goroutine_id> ran{1};
    const auto start = goro::clock::now();
    goro::timer t = goro::after_func(5ms, [ran] {
      ran.send(goro::this_goroutine::id());
      goro::sleep_for(1ms);  // it may block
    });
    EXPECT_FALSE(t.c());
    EXPECT_NE(ran.recv().value(), goro::this_goroutine::id());
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_FALSE(t.stop());
    EXPECT_FALSE(t.reset(1ms));
    EXPECT_TRUE(ran.recv());
    EXPECT_FALSE(t.reset(1h));
    EXPECT_TRUE(t.stop());
  });
}

TEST_P(Timer, TIME_09_stop_does_not_wait_and_runs_may_overlap) {
  in_goroutine([] {
    const goro::chan<goro::unit> begun;
    const goro::chan<goro::unit> end;
    goro::timer t = goro::after_func(0s, [=] {
      begun.send({});
      end.recv();
    });
    begun.recv();
    EXPECT_FALSE(t.stop());
    t.reset(0s);
    begun.recv();  // the second runs beside the first
    end.send({});
    end.send({});
  });
}

TEST_P(Timer, TIME_09_its_handle_may_go) {
  in_goroutine([] {
    const goro::chan<goro::unit> ran;
    {
      goro::after_func(2ms, [=] { ran.send({}); });
    }
    EXPECT_TRUE(ran.recv());
  });
}

TEST_P(Timer, TIME_10_intervals_must_be_positive) {
  EXPECT_EQ(panic_text([] { goro::ticker{0s}; }), "non-positive interval for NewTicker");
  EXPECT_EQ(panic_text([] { goro::ticker{-1s}; }), "non-positive interval for NewTicker");
  EXPECT_EQ(panic_text([] { goro::ticker{0ns}; }), "non-positive interval for NewTicker");
  goro::ticker t{1h};
  EXPECT_EQ(panic_text([&] { t.reset(0s); }), "non-positive interval for Ticker.Reset");
  EXPECT_EQ(panic_text([&] { t.reset(-1ns); }), "non-positive interval for Ticker.Reset");
}

TEST_P(Timer, TIME_11_a_ticker_keeps_to_its_grid_and_drops_what_nobody_receives) {
  in_goroutine([] {
    const goro::ticker t{2ms};
    const goro::time_point first = t.c().recv().value();
    for (int i = 0; i != 5; ++i) EXPECT_EQ((t.c().recv().value() - first) % 2ms, 0ns);
    goro::sleep_for(21ms);
    const auto behind = goro::clock::now();
    const goro::time_point pending = t.c().recv().value();
    EXPECT_EQ((pending - first) % 2ms, 0ns);
    EXPECT_LT(pending, behind);
    EXPECT_GT(t.c().recv().value(), behind - 2ms) << "more than one was pending";
  });
}

TEST_P(Timer, TIME_12_stop_ends_the_ticks_and_reset_starts_a_fresh_period) {
  in_goroutine([] {
    goro::ticker t{1ms};
    t.c().recv();
    goro::sleep_for(5ms);
    t.stop();
    EXPECT_TRUE(nothing_comes(t.c(), 10ms)) << "a tick, or closed";
    const auto start = goro::clock::now();
    t.reset(5ms);
    EXPECT_GE(t.c().recv().value(), start + 5ms);
    t.reset(1ms);
    EXPECT_TRUE(t.c().recv());
    EXPECT_TRUE(t.c().recv());
  });
}

TEST_P(Timer, TIME_14_timers_moved_in_great_numbers_are_not_lost) {
  in_goroutine([] {
    const int n = 400;
    std::atomic<int> fired{0};
    auto rng = goro_test::make_rng();
    std::vector<goro::timer> timers;
    timers.reserve(n);
    for (int i = 0; i != n; ++i) timers.push_back(goro::after_func(1h, [&fired] { ++fired; }));
    goro::wait_group ended;
    for (int g = 0; g != 8; ++g) {
      ended.go([&timers, g, seed = goro_test::pick(rng, 1, 1'000'000)] {
        auto mine = goro_test::make_rng(static_cast<std::uint64_t>(seed));
        for (int k = 0; k != 20; ++k) {
          for (std::size_t i = static_cast<std::size_t>(g); i < timers.size(); i += 8) {
            timers[i].reset(std::chrono::hours(goro_test::pick(mine, 1, 1000)));
          }
        }
        for (std::size_t i = static_cast<std::size_t>(g); i < timers.size(); i += 8) {
          EXPECT_TRUE(timers[i].reset(std::chrono::microseconds(goro_test::pick(mine, 0, 5000))));
        }
      });
    }
    ended.wait();
    EXPECT_TRUE(eventually([&] { return fired == n; }));
    goro::sleep_for(5ms);
    EXPECT_EQ(fired, n);
  });
}

TEST_P(Timer, TIME_15_what_nobody_refers_to_is_reclaimed_without_stop) {
  in_goroutine([] {
    const auto make = [] {
      for (int i = 0; i != 2'000; ++i) {
        const goro::timer t{1h};
        const goro::ticker k{1h};
      }
    };
    make();
    const std::size_t before = goro_test::resident_kb();
    for (int round = 0; round != 20; ++round) make();
    if (goro_test::memory_is_ours()) {
      EXPECT_LT(goro_test::resident_kb(), before + 4096);
    }
  });
}

TEST_P(Timer, TIME_15_so_is_what_after_gave_and_its_channel_shows_no_buffer) {
  in_goroutine([] {
    const auto armed = goro::stats().timers_armed;
    {
      std::vector<goro::recv_chan<goro::time_point>> channels;
      for (int i = 0; i != 1000; ++i) channels.push_back(goro::after(1h));
      EXPECT_EQ(goro::stats().timers_armed, armed + 1000);
      EXPECT_EQ(channels.front().capacity(), 0U);
    }
    EXPECT_EQ(goro::stats().timers_armed, armed);
    // Also while it fires.
    for (int i = 0; i != goro_test::repetitions(2000); ++i) {
      const auto c = goro::after(std::chrono::microseconds(i % 50));
      if (i % 2 == 0) goro::this_goroutine::yield();
      if (i % 3 == 0) c.recv();
    }
    EXPECT_EQ(goro::stats().timers_armed, armed);
  });
}

TEST_P(Timer, TIME_16_several_may_use_one_timer_and_each_firing_reaches_one) {
  in_goroutine([] {
    goro::timer t{1ms};
    std::atomic<int> received{0};
    std::atomic<bool> over{false};
    goro::wait_group ended;
    for (int g = 0; g != 4; ++g) {
      ended.go([&] {
        while (!over) {
          if (t.c().try_recv_for(1ms)) ++received;
        }
      });
    }
    // Each setting ends in one firing, unless somebody is told that it was prevented.
    int expected = 1;
    for (int i = 0; i != 100; ++i) {
      const int before = received;
      expected += t.reset(std::chrono::microseconds(i)) ? 0 : 1;
      if (i % 2 == 0) {
        expected -= t.stop() ? 1 : 0;
      } else {
        EXPECT_TRUE(eventually([&] { return received > before; }));
      }
    }
    EXPECT_TRUE(eventually([&] { return received == expected; })) << received << " of " << expected;
    over = true;
    ended.wait();
    EXPECT_EQ(received, expected);
  });
}

TEST_P(Timer, TIME_16_several_may_stop_and_set_it_at_once) {
  in_goroutine([] {
    goro::timer t{1h};
    // Each setting ends in one value, unless somebody is told that it was prevented.
    std::atomic<int> expected{1};
    std::atomic<int> received{0};
    goro::wait_group setting;
    for (std::uint64_t g = 0; g != 4; ++g) {
      setting.go([&, g] {
        auto rng = goro_test::make_rng(g);
        for (int i = goro_test::repetitions(1000); i > 0; --i) {
          if (goro_test::pick(rng, 0, 1) == 0) {
            expected -= t.stop() ? 1 : 0;
          } else {
            expected += t.reset(std::chrono::microseconds(goro_test::pick(rng, 0, 20))) ? 0 : 1;
          }
          if (goro_test::pick(rng, 0, 3) == 0) goro::this_goroutine::yield();
        }
      });
    }
    std::atomic<bool> over{false};
    goro::wait_group receiving;
    receiving.go([&] {
      while (!over) received += t.c().try_recv_for(1ms) ? 1 : 0;
    });
    setting.wait();
    expected -= t.stop() ? 1 : 0;
    over = true;
    receiving.wait();
    EXPECT_EQ(received, expected);
  });
}

// Its parts: those who hold it are its handle, the heap, and the goroutines that run its function.
TEST_P(Timer, TIME_09_a_function_may_be_set_to_never_and_back) {
  in_goroutine([] {
    constexpr auto k_never = goro::clock::duration::max();
    for (int i = 0; i != goro_test::repetitions(300); ++i) {
      std::atomic<int> calls{0};
      const bool called_again = i % 3 != 0;
      const bool ends_before = i % 3 == 1;
      {
        goro::timer t = goro::after_func(0s, [&calls] { ++calls; });
        EXPECT_TRUE(eventually([&] { return calls == 1; }));
        EXPECT_FALSE(t.reset(k_never));
        EXPECT_TRUE(called_again ? t.reset(0s) : t.stop());
        if (ends_before) {
          EXPECT_TRUE(eventually([&] { return calls == 2; }));
        }
      }
      EXPECT_TRUE(eventually([&] { return calls == (called_again ? 2 : 1); }));
    }
  });
}

// It is due again as soon as it has ticked.
TEST_P(Timer, TIME_11_a_ticker_faster_than_the_clock_leaves_others_their_turns) {
  in_goroutine([] {
    goro::ticker t{1ns};
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < 2; ++i) {
      ended.go([&] {
        while (!stop) goro::this_goroutine::yield();
      });
    }
    ended.go([&] {
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(t.c().recv().has_value());
    });
    goro::sleep_for(5ms);
    stop = true;
    ended.wait();
  });
}

TEST_P(Timer, TIME_17_a_due_timer_is_noticed_while_all_are_busy) {
  in_goroutine([&] {
    std::atomic<bool> over{false};
    goro::wait_group ended;
    for (int g = 0; g != 2 * procs(); ++g) {
      const goro::chan<int> c;
      ended.go([&, c] {
        while (!over) c.send(1);
        c.close();
      });
      ended.go([c] {
        for ([[maybe_unused]] const int v : c) {
        }
      });
    }
    for (int i = 0; i != 20; ++i) {
      const auto start = goro::clock::now();
      const goro::timer t{0ns};
      t.c().recv();
      EXPECT_LT(goro::clock::now() - start, 2s);
      const goro::chan<goro::unit> called;
      goro::after_func(0ns, [called] { called.send({}); });
      EXPECT_TRUE(called.try_recv_for(10s));
    }
    over = true;
    ended.wait();
  });
}

TEST_P(Timer, works_from_plain_threads) {
  goro::timer t{2ms};
  EXPECT_TRUE(t.c().recv());
  EXPECT_FALSE(t.reset(1h));
  EXPECT_TRUE(t.stop());
  const goro::ticker k{1ms};
  EXPECT_TRUE(k.c().recv());
  EXPECT_TRUE(k.c().recv());
}

}  // namespace
