// ERRG-01 to 08: task groups and weighted semaphores.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct TaskGroup : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, TaskGroup, goro_test::all_procs());

std::error_code code(int n) { return {n, std::generic_category()}; }

TEST_P(TaskGroup, ERRG_01_wait_returns_after_all_with_the_first_error) {
  in_goroutine([] {
    std::atomic<int> ended{0};
    goro::task_group group;
    group.go([&](const goro::context& ctx) {
      ctx.done().recv();
      ++ended;
      return code(2);
    });
    group.go([&] {
      ++ended;
      return code(1);
    });
    group.go([&] { ++ended; });
    EXPECT_EQ(group.wait(), code(1));
    EXPECT_EQ(ended, 3);
    goro::task_group good;
    for (int i = 0; i != 100; ++i) good.go([&] { ++ended; });
    EXPECT_FALSE(good.wait());
    EXPECT_EQ(ended, 103);
  });
}

TEST_P(TaskGroup, ERRG_02_the_first_error_cancels_the_context) {
  in_goroutine([] {
    goro::task_group group(goro::background());
    group.go([](const goro::context& ctx) {
      ctx.done().recv();
      return ctx.cause() == code(9) ? code(10) : code(11);
    });
    group.go([] { return code(9); });
    EXPECT_EQ(group.wait(), code(9));
    EXPECT_EQ(group.context().cause(), code(9));
    goro::task_group good;
    EXPECT_FALSE(good.context().err());
    EXPECT_FALSE(good.wait());
    EXPECT_EQ(good.context().err(), goro::errc::canceled) << "wait() cancels it too";
    const auto [parent, cancel] = goro::with_cancel(goro::background());
    goro::task_group child(parent);
    child.go([](const goro::context& ctx) { ctx.done().recv(); });
    cancel();
    EXPECT_FALSE(child.wait());
  });
}

TEST_P(TaskGroup, ERRG_03_at_most_as_many_run_as_the_limit_says) {
  in_goroutine([] {
    goro::task_group group;
    group.set_limit(3);
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    for (int i = 0; i != 30; ++i) {
      group.go([&] {
        const int now = ++running;
        int seen = most;
        while (seen < now && !most.compare_exchange_weak(seen, now)) {
        }
        goro::sleep_for(100us);
        --running;
      });
    }
    EXPECT_FALSE(group.wait());
    EXPECT_LE(most, 3);

    const goro::chan<goro::unit> gate;
    goro::task_group one;
    one.set_limit(1);
    EXPECT_TRUE(one.try_go([gate] { gate.recv(); }));
    EXPECT_FALSE(one.try_go([] {}));
    EXPECT_EQ(panic_text([&] { one.set_limit(2); }),
              "errgroup: modify limit while 1 goroutines in the group are still active");
    gate.close();
    EXPECT_FALSE(one.wait());
    one.set_limit(0);
    EXPECT_FALSE(one.try_go([] {}));
    one.set_limit(-1);
    EXPECT_TRUE(one.try_go([] {}));
    EXPECT_FALSE(one.wait());
  });
}

TEST_P(TaskGroup, ERRG_04_an_exception_is_rethrown_by_wait) {
  in_goroutine([] {
    goro::task_group group;
    group.go([]() -> void { throw std::runtime_error("boom"); });
    group.go([](const goro::context& ctx) { ctx.done().recv(); });
    std::string text;
    try {
      (void)group.wait();
    } catch (const std::runtime_error& e) {
      text = e.what();
    }
    EXPECT_EQ(text, "boom");
    goro::task_group exits;
    exits.go([] { goro::this_goroutine::exit(); });
    EXPECT_FALSE(exits.wait());
  });
}

TEST_P(TaskGroup, ERRG_04_an_exception_is_rethrown_also_after_an_error) {
  in_goroutine([] {
    goro::task_group group;
    group.go([] { return make_error_code(goro::errc::closed); });
    group.go([](const goro::context& ctx) {
      ctx.done().recv();  // until the first one has failed
      throw std::runtime_error("boom");
    });
    EXPECT_THROW((void)group.wait(), std::runtime_error);
    EXPECT_EQ(group.wait(), goro::errc::closed);
  });
}

// Whoever has seen that none is active may replace what the last one has just released.
TEST_P(TaskGroup, ERRG_03_the_limit_may_change_as_soon_as_none_is_active) {
  in_goroutine([] {
    for (int round = 0; round != goro_test::repetitions(300); ++round) {
      goro::task_group group;
      group.set_limit(1);
      group.go([] {});
      while (panic_text([&] { group.set_limit(2); }) != "no panic") {
        if (round % 2 == 0) goro::this_goroutine::yield();
      }
      EXPECT_FALSE(group.wait());
    }
  });
}

TEST_P(TaskGroup, its_end_cancels_and_joins) {
  in_goroutine([] {
    std::atomic<bool> ended{false};
    auto resource = std::make_shared<int>(1);
    {
      goro::task_group group;
      group.go([&ended, resource](const goro::context& ctx) {
        ctx.done().recv();
        ended = true;
      });
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(resource.use_count(), 1) << "the closure is destroyed before the group hears of its end";
  });
}

struct Semaphore : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Semaphore, goro_test::all_procs());

// To acquire all is to wait until everybody has released, and then the semaphore may go.
TEST_P(Semaphore, may_be_destroyed_by_who_has_acquired_all) {
  in_goroutine([] {
    for (int round = 0; round != goro_test::repetitions(300); ++round) {
      auto s = std::make_unique<goro::semaphore>(2);
      s->acquire(2);
      for (int i = 0; i != 2; ++i) {
        goro::go([all = s.get()] { all->release(1); });
      }
      s->acquire(2);
      s.reset();
    }
  });
}

TEST_P(Semaphore, ERRG_05_requests_are_served_in_the_order_of_their_arrival) {
  goro::semaphore s{3};
  s.acquire(2);
  std::vector<int> order;
  goro::mutex guard;
  goro::wait_group ended;
  ended.add(2);
  const auto request = [&](const char* name, std::int64_t n) {
    go_named(name, [&, n] {
      s.acquire(n);
      {
        const std::lock_guard held(guard);
        order.push_back(static_cast<int>(n));
      }
      s.release(n);
      ended.done();
    });
    EXPECT_TRUE(all_park(name));
  };
  request("large", 3);
  request("small", 1);  // one is free, but the large one is first
  EXPECT_FALSE(s.try_acquire());
  s.release(2);
  ended.wait();
  EXPECT_EQ(order, (std::vector<int>{3, 1}));
}

TEST_P(Semaphore, ERRG_06_a_context_that_is_done_ends_the_wait) {
  in_goroutine([] {
    goro::semaphore s{2};
    const auto [done, cancel_done] = goro::with_cancel(goro::background());
    cancel_done();
    EXPECT_EQ(s.acquire(done), goro::errc::canceled) << "although it could have succeeded";
    EXPECT_TRUE(s.try_acquire(2));
    const auto [soon, cancel_soon] = goro::with_timeout(goro::background(), 2ms);
    EXPECT_EQ(s.acquire(soon), goro::errc::timed_out);
    s.release(2);
    EXPECT_TRUE(s.try_acquire(2)) << "it holds nothing";
    s.release(2);
    EXPECT_FALSE(s.acquire(goro::background(), 2));
    s.release(2);
    // Granted and cancelled at the same moment.
    for (int i = 0; i != 300; ++i) {
      s.acquire(2);
      const auto [c, cancel] = goro::with_cancel(goro::background());
      goro::wait_group ended;
      ended.go([&, &ctx = c] {
        if (!s.acquire(ctx, 2)) s.release(2);
      });
      ended.go([&, &end = cancel] { end(); });
      s.release(2);
      ended.wait();
      ASSERT_TRUE(s.try_acquire(2)) << i;
      s.release(2);
    }
  });
}

TEST_P(Semaphore, ERRG_06_who_gives_up_lets_those_behind_go_on) {
  goro::semaphore s{2};
  s.acquire(1);
  const auto [c, cancel] = goro::with_cancel(goro::background());
  goro::wait_group users;
  users.add(2);
  go_named("large", [&, &ctx = c] {
    EXPECT_TRUE(s.acquire(ctx, 2));
    users.done();
  });
  EXPECT_TRUE(all_park("large"));
  go_named("small", [&] {
    s.acquire(1);
    users.done();
  });
  EXPECT_TRUE(all_park("small"));
  cancel();
  users.wait();
  EXPECT_TRUE(eventually([&] { return alive() == 0; }));
}

TEST_P(Semaphore, ERRG_07_a_request_above_the_size_holds_up_nobody) {
  goro::semaphore s{2};
  const auto [c, cancel] = goro::with_cancel(goro::background());
  goro::wait_group users;
  users.add();
  go_named("too large", [&, &ctx = c] {
    EXPECT_EQ(s.acquire(ctx, 3), goro::errc::canceled);
    users.done();
  });
  EXPECT_TRUE(all_park("too large"));
  EXPECT_TRUE(s.try_acquire(2));
  s.release(2);
  cancel();
  users.wait();
  EXPECT_TRUE(eventually([&] { return alive() == 0; }));
}

TEST_P(Semaphore, ERRG_08_misuse_panics) {
  goro::semaphore s{2};
  EXPECT_EQ(panic_text([&] { s.release(); }), "semaphore: released more than held");
  EXPECT_TRUE(s.try_acquire(2));
  EXPECT_FALSE(s.try_acquire());
  EXPECT_EQ(panic_text([&] { s.release(3); }), "semaphore: released more than held");
  s.release(2);
  EXPECT_EQ(panic_text([] { goro::semaphore{-1}; }), "goro: a semaphore's count is negative");
  EXPECT_EQ(panic_text([&] { s.acquire(-1); }), "goro: a semaphore's count is negative");
}

TEST_P(Semaphore, bounds_how_many_are_inside_threads_included) {
  goro::semaphore s{4};
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  const auto work = [&] {
    for (int i = 0; i != 100; ++i) {
      s.acquire();
      const int now = ++inside;
      if (now > most) most = now;
      goro::this_goroutine::yield();
      --inside;
      s.release();
    }
  };
  std::jthread thread(work);
  in_goroutine([&] {
    goro::wait_group ended;
    for (int g = 0; g != 8; ++g) ended.go(work);
    ended.wait();
  });
  thread.join();
  EXPECT_LE(most, 4);
}

}  // namespace
