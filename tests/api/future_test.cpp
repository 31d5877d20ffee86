// future.hpp: async and what becomes of its result.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Future : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Future, goro_test::all_procs());

TEST(FutureType, is_move_only) {
  EXPECT_FALSE(std::is_copy_constructible_v<goro::future<int>>);
  EXPECT_FALSE(std::is_copy_assignable_v<goro::future<int>>);
  EXPECT_TRUE(std::is_nothrow_move_constructible_v<goro::future<int>>);
  EXPECT_TRUE(std::is_nothrow_move_assignable_v<goro::future<int>>);
}

TEST_P(Future, get_returns_the_result) {
  const auto ask = [] {
    EXPECT_EQ(goro::async([] { return 42; }).get(), 42);
    EXPECT_EQ(
        goro::async([](int a, const std::string& b) { return b + std::to_string(a); }, 7, "seven ").get(),
        "seven 7");
    EXPECT_EQ(*goro::async([p = std::make_unique<int>(3)]() mutable { return std::move(p); }).get(), 3);
    int n = 0;
    goro::async([&] { n = 5; }).get();
    EXPECT_EQ(n, 5);
    int& same = goro::async([&]() -> int& { return n; }).get();
    EXPECT_EQ(&same, &n);
  };
  ask();  // from a plain thread
  in_goroutine(ask);
}

TEST_P(Future, get_rethrows) {
  in_goroutine([] {
    auto f = goro::async([]() -> int { throw std::runtime_error("from the goroutine"); });
    try {
      f.get();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& e) {
      EXPECT_STREQ(e.what(), "from the goroutine");
    }
    EXPECT_THROW(goro::async([] { throw 5; }).get(), int);
  });
}

TEST_P(Future, wait_and_wait_for) {
  in_goroutine([] {
    const goro::chan<goro::unit> gate;
    auto f = goro::async([gate] {
      gate.recv();
      return 1;
    });
    EXPECT_TRUE(f.valid());
    EXPECT_FALSE(f.wait_for(2ms));
    EXPECT_FALSE(f.wait_for(0ms));
    EXPECT_FALSE(f.wait_for(-1h));
    gate.send({});
    f.wait();
    EXPECT_TRUE(f.wait_for(0ms));
    EXPECT_TRUE(f.wait_for(std::chrono::hours::max()));
    EXPECT_TRUE(f.valid());
    EXPECT_EQ(f.get(), 1);
    EXPECT_FALSE(f.valid());
  });
}

TEST_P(Future, misuse_panics) {
  in_goroutine([] {
    auto f = goro::async([] { return 1; });
    f.get();
    EXPECT_THROW(f.get(), goro::panic);
    EXPECT_THROW(f.wait(), goro::panic);
    EXPECT_THROW((void)f.wait_for(1s), goro::panic);
    goro::future<std::string> empty;
    EXPECT_FALSE(empty.valid());
    EXPECT_THROW(empty.get(), goro::panic);
    auto moved = goro::async([] { return 2; });
    const auto into = std::move(moved);
    EXPECT_FALSE(moved.valid());  // NOLINT: by contract
    EXPECT_TRUE(into.valid());
    into.wait();
  });
}

TEST_P(Future, a_goroutine_that_exits_leaves_a_panic) {
  in_goroutine([] {
    EXPECT_THROW(goro::async([]() -> int { goro::this_goroutine::exit(); }).get(), goro::panic);
    EXPECT_THROW(goro::async([] { goro::this_goroutine::exit(); }).get(), goro::panic);
  });
}

TEST_P(Future, the_destructor_does_not_wait_and_drops_result_and_error) {
  goro_test::tally t;
  const goro::chan<goro::unit> gate;
  in_goroutine([&] {
    {
      const auto dropped = goro::async([&t, gate] {
        gate.recv();
        return goro_test::tracked(t, 1);
      });
      const auto failed = goro::async([gate]() -> int {
        gate.recv();
        throw std::runtime_error("nobody asks");
      });
    }
    gate.send({});
    gate.send({});
  });
  EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
  EXPECT_EQ(t.alive(), 0);
}

TEST_P(Future, captures_are_destroyed_exactly_once) {
  goro_test::tally t;
  in_goroutine([&] {
    EXPECT_EQ(goro::async([v = goro_test::tracked(t, 4)] { return v.value(); }).get(), 4);
    EXPECT_EQ(
        goro::async([](const goro_test::tracked& v) { return v.value(); }, goro_test::tracked(t, 5)).get(),
        5);
  });
  EXPECT_TRUE(goro_test::eventually([&] { return t.alive() == 0; }));
  EXPECT_EQ(t.with_value_destroyed, 2);
}

int fib(int n) {
  if (n < 2) return n;
  auto left = goro::async(fib, n - 1);
  const int right = fib(n - 2);
  return left.get() + right;
}

TEST_P(Future, fork_and_join) {
  in_goroutine([] { EXPECT_EQ(fib(goro_test::k_sanitized ? 10 : 16), goro_test::k_sanitized ? 55 : 987); });
  EXPECT_EQ(fib(10), 55);  // from a plain thread
}

TEST_P(Future, many_threads_ask_goroutines) {
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < goro_test::repetitions(1000); ++i) {
        ASSERT_EQ(goro::async([=] { return t * i; }).get(), t * i);
      }
    });
  }
}

TEST_P(Future, captures_are_destroyed_before_get_returns) {
  in_goroutine([] {
    struct slow_end {
      std::atomic<bool>* gone;
      explicit slow_end(std::atomic<bool>* g) : gone(g) {}
      slow_end(slow_end&& o) noexcept : gone(std::exchange(o.gone, nullptr)) {}
      ~slow_end() {
        if (!gone) return;
        goro::sleep_for(1ms);
        *gone = true;
      }
    };
    std::atomic<bool> gone{false};
    EXPECT_EQ(goro::async([s = slow_end(&gone)] { return s.gone ? 1 : 0; }).get(), 1);
    EXPECT_TRUE(gone);
  });
}

}  // namespace
