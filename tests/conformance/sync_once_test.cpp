// SYNC-15 to 17: once and once_value.
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/immortal.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct SyncOnce : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SyncOnce, goro_test::all_procs());

TEST_P(SyncOnce, SYNC_15_once_runs_its_function_once_and_everybody_waits_for_its_end) {
  goro::once o;
  std::atomic<int> runs{0};
  std::atomic<int> returned{0};
  const goro::chan<goro::unit> gate;
  bool finished = false;  // plain: ordered by the once
  const auto call = [&] {
    o.call([&] {
      ++runs;
      gate.recv();
      finished = true;
    });
    EXPECT_TRUE(finished);
    ++returned;
  };
  for (int i = 0; i < 50; ++i) go_named("caller", call);
  std::jthread thread(call);
  // 51 callers, one of which runs the function, and it may be the plain thread.
  EXPECT_TRUE(all_park("caller", 50));
  EXPECT_TRUE(eventually([&] { return runs == 1; }));
  EXPECT_EQ(returned, 0);
  gate.send({});
  EXPECT_TRUE(eventually([&] { return returned == 51; }));
  o.call([&] { ++runs; });
  EXPECT_EQ(runs, 1);
}

TEST_P(SyncOnce, SYNC_15_a_call_from_inside_the_function_blocks) {
  auto& o = goro_test::immortal<goro::once>();
  go_named("recursive", [&o] { o.call([&o] { o.call([] { ADD_FAILURE() << "ran inside itself"; }); }); });
  leaves_blocked(1);
  EXPECT_TRUE(all_park("recursive"));
}

TEST_P(SyncOnce, SYNC_16_a_panic_in_the_function_reaches_the_first_caller_and_counts_as_done) {
  in_goroutine([] {
    goro::once o;
    EXPECT_THROW(o.call([] { throw std::runtime_error("first"); }), std::runtime_error);
    bool ran_again = false;
    o.call([&] { ran_again = true; });
    EXPECT_FALSE(ran_again);

    goro::once left;
    goro::wait_group ended;
    ended.go([&] { left.call([] { goro::this_goroutine::exit(); }); });
    ended.wait();
    left.call([&] { ran_again = true; });
    EXPECT_FALSE(ran_again);
  });
}

TEST_P(SyncOnce, SYNC_17_once_value_runs_once_and_caches) {
  in_goroutine([] {
    std::atomic<int> runs{0};
    const auto value = goro::once_value([&] {
      goro::sleep_for(1ms);
      return std::string("run ") + std::to_string(++runs);
    });
    const auto copy = value;  // NOLINT: copies share the result
    goro::wait_group ended;
    for (int i = 0; i < 20; ++i) {
      ended.go([&] { EXPECT_EQ(value(), "run 1"); });
    }
    ended.wait();
    EXPECT_EQ(&value(), &copy());
    EXPECT_EQ(runs, 1);
  });
}

TEST_P(SyncOnce, SYNC_17_once_value_of_a_function_that_returns_nothing) {
  in_goroutine([] {
    int runs = 0;
    const auto f = goro::once_value([&] { ++runs; });
    static_assert(std::is_void_v<decltype(f())>);
    f();
    f();
    EXPECT_EQ(runs, 1);
    const auto throws = goro::once_value([&] { throw std::runtime_error(std::to_string(++runs)); });
    EXPECT_THROW(throws(), std::runtime_error);
    EXPECT_THROW(throws(), std::runtime_error);
    EXPECT_EQ(runs, 2);
  });
}

TEST_P(SyncOnce, SYNC_17_once_value_rethrows_the_same_panic_and_does_not_run_again_after_exit) {
  in_goroutine([] {
    std::atomic<int> runs{0};
    const auto throws =
        goro::once_value([&]() -> int { throw std::runtime_error("panic " + std::to_string(++runs)); });
    for (int i = 0; i < 3; ++i) {
      try {
        throws();
        ADD_FAILURE() << "no panic";
      } catch (const std::runtime_error& e) {
        EXPECT_STREQ(e.what(), "panic 1");
      }
    }
    const auto exits = goro::once_value([&]() -> int {
      ++runs;
      goro::this_goroutine::exit();
    });
    goro::wait_group ended;
    ended.go([&] { exits(); });
    ended.wait();
    EXPECT_THROW(exits(), goro::panic);
    EXPECT_EQ(runs, 2);
  });
}

}  // namespace
