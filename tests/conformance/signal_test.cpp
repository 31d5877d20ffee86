// DIAG-10: signals as values, contexts that end by a signal. What happens to the process when nobody is
// notified any more is in process_poll_test.cpp.
#include <gtest/gtest.h>

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/signal.hpp>

#include "support/build.hpp"
#include "support/net.hpp"

namespace {

using goro::chan;
using goro::notify;
using goro::signal_subscription;
using goro_test::all_park;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Signal : goro_test::net_test {
  // What is not caught by a subscription must not end the tests.
  void SetUp() override {
    struct sigaction ignore{};
    ignore.sa_handler = [](int s) { ++others[static_cast<std::size_t>(s)]; };
    for (const int s : {SIGUSR1, SIGUSR2, SIGHUP}) ASSERT_EQ(::sigaction(s, &ignore, nullptr), 0);
    for (auto& n : others) n = 0;
    net_test::SetUp();
  }
  // To the process. While the main thread is in the handler of the one before the kernel gives it to another
  // thread: under ThreadSanitizer, which holds it back until that calls the C library, to the caller.
  static void raise(int s) { ASSERT_EQ(goro_test::k_tsan ? ::raise(s) : ::kill(::getpid(), s), 0); }
  static inline std::array<std::atomic<int>, 65> others{};
};
INSTANTIATE_TEST_SUITE_P(Procs, Signal, goro_test::all_procs());

TEST_P(Signal, DIAG_10_signals_arrive_in_the_channel) {
  everywhere([] {
    const chan<int> got{8};
    const signal_subscription s = notify(got, {SIGUSR1, SIGUSR2, SIGUSR1});
    for (const int number : {SIGUSR1, SIGUSR2, SIGUSR1}) {
      raise(number);
      EXPECT_EQ(got.recv(), number);
    }
    EXPECT_EQ(got.size(), 0U);
    EXPECT_EQ(others[SIGUSR1] + others[SIGUSR2], 0);
  });
}

TEST_P(Signal, DIAG_10_who_waits_is_woken) {
  const chan<int> got;
  const signal_subscription s = notify(got, {SIGUSR1});
  goro::wait_group ended;
  ended.add();
  go_named("waiter", [&] {
    EXPECT_EQ(got.recv(), SIGUSR1);
    ended.done();
  });
  ASSERT_TRUE(all_park("waiter"));
  raise(SIGUSR1);
  ended.wait();
}

TEST_P(Signal, DIAG_10_what_finds_no_room_is_dropped) {
  const chan<int> full{1};
  const chan<int> roomy{100};
  const signal_subscription a = notify(full, {SIGUSR1});
  const signal_subscription b = notify(roomy, {SIGUSR1});
  for (int i = 1; i <= 5; ++i) {
    raise(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return roomy.size() == static_cast<std::size_t>(i); }));
  }
  EXPECT_EQ(full.size(), 1U);
}

TEST_P(Signal, DIAG_10_each_gets_what_it_has_asked_for) {
  const chan<int> a{10};
  const chan<int> b{10};
  const signal_subscription sa = notify(a, {SIGUSR1, SIGHUP});
  const signal_subscription sb = notify(b, {SIGUSR2, SIGHUP});
  raise(SIGUSR1);
  raise(SIGUSR2);
  EXPECT_EQ(a.recv(), SIGUSR1);
  EXPECT_EQ(b.recv(), SIGUSR2);
  raise(SIGHUP);
  EXPECT_EQ(a.recv(), SIGHUP);
  EXPECT_EQ(b.recv(), SIGHUP);
  EXPECT_EQ(a.size() + b.size(), 0U);
}

TEST_P(Signal, DIAG_10_after_stop_nothing_arrives_and_the_former_handler_is_back) {
  everywhere([] {
    const int before = others[SIGUSR1];
    const chan<int> got{10};
    signal_subscription s = notify(got, {SIGUSR1});
    s.stop();
    s.stop();
    raise(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return others[SIGUSR1] == before + 1; }));
    EXPECT_EQ(got.size(), 0U);
    {
      const signal_subscription scoped = notify(got, {SIGUSR1});
      const signal_subscription second = notify(got, {SIGUSR1});
    }
    raise(SIGUSR1);
    ASSERT_TRUE(eventually([&] { return others[SIGUSR1] == before + 2; }));
    EXPECT_EQ(got.size(), 0U);
  });
}

TEST_P(Signal, DIAG_10_assignment_stops_the_former_one) {
  const chan<int> first{10};
  const chan<int> second{10};
  signal_subscription s = notify(first, {SIGUSR1});
  s = notify(second, {SIGUSR2});
  raise(SIGUSR1);
  ASSERT_TRUE(eventually([] { return others[SIGUSR1] == 1; }));
  raise(SIGUSR2);
  EXPECT_EQ(second.recv(), SIGUSR2);
  EXPECT_EQ(first.size(), 0U);
  signal_subscription moved = std::move(s);
  s.stop();  // NOLINT(bugprone-use-after-move): of nothing
  raise(SIGUSR2);
  EXPECT_EQ(second.recv(), SIGUSR2);
  moved = signal_subscription();
  raise(SIGUSR2);
  ASSERT_TRUE(eventually([] { return others[SIGUSR2] == 1; }));
}

// A signal that comes around the moment of stop() goes to the channel or to the former handler: it is not
// lost.
TEST_P(Signal, DIAG_10_none_is_lost_around_stop) {
  for (int i = 0; i < goro_test::repetitions(400); ++i) {
    const int before = others[SIGUSR1];
    const chan<int> got{1};
    signal_subscription s = notify(got, {SIGUSR1});
    std::jthread other([i] {
      goro_test::compute(2us * (i % 10));
      raise(SIGUSR1);
    });
    goro_test::compute(7us * (i % 7));
    s.stop();
    const std::size_t in_channel = got.size();
    other.join();
    ASSERT_TRUE(eventually([&] { return static_cast<int>(got.size()) + others[SIGUSR1] - before == 1; }, 5s))
        << "round " << i;
    EXPECT_EQ(got.size(), in_channel) << "it arrived after stop()";
  }
}

TEST_P(Signal, DIAG_10_a_closed_channel_gets_nothing) {
  const chan<int> closed{1};
  const chan<int> open{1};
  const signal_subscription a = notify(closed, {SIGUSR1});
  const signal_subscription b = notify(open, {SIGUSR1});
  closed.close();
  raise(SIGUSR1);
  EXPECT_EQ(open.recv(), SIGUSR1);
}

TEST_P(Signal, DIAG_10_misuse_is_a_panic) {
  everywhere([] {
    const chan<int> got{1};
    for (const int s : {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, 0, -1, 32, 33, 65, 1000})
      EXPECT_THROW(static_cast<void>(notify(got, {SIGUSR1, s})), goro::panic) << s;
    EXPECT_THROW(static_cast<void>(notify(goro::send_chan<int>(), {SIGUSR1})), goro::panic);
    const int before = others[SIGUSR1];
    raise(SIGUSR1);  // nothing of that was left
    ASSERT_TRUE(eventually([&] { return others[SIGUSR1] == before + 1; }));
  });
}

TEST_P(Signal, DIAG_10_a_signal_ends_a_context) {
  everywhere([] {
    auto [ctx, cancel] = goro::notify_context(goro::background(), {SIGUSR1, SIGUSR2});
    EXPECT_FALSE(ctx.err());
    raise(SIGUSR2);
    ctx.done().recv();
    EXPECT_EQ(ctx.err(), goro::errc::canceled);
  });
}

TEST_P(Signal, DIAG_10_the_end_of_the_context_ends_the_notification) {
  in_goroutine([] {
    {
      auto [ctx, cancel] = goro::notify_context(goro::background(), {SIGUSR1});
      cancel();
      EXPECT_EQ(ctx.err(), goro::errc::canceled);
    }
    auto [parent, end_parent] = goro::with_cancel(goro::background());
    auto [ctx, cancel] = goro::notify_context(parent, {SIGUSR1});
    end_parent();
    ctx.done().recv();
    int raised = 0;
    ASSERT_TRUE(eventually([&] {
      raise(SIGUSR1);
      ++raised;
      return others[SIGUSR1] != 0;
    }));
  });
}

TEST_P(Signal, DIAG_10_subscriptions_come_and_go_while_signals_arrive) {
  std::atomic<bool> over{false};
  std::jthread sender([&] {
    while (!over) {
      raise(SIGUSR1);
      raise(SIGUSR2);
      std::this_thread::sleep_for(20us);
    }
  });
  goro::wait_group ended;
  for (int g = 0; g < 4; ++g) {
    ended.go([] {
      for (int i = 0; i < goro_test::repetitions(200); ++i) {
        const chan<int> got{1};
        signal_subscription s = notify(got, {SIGUSR1, SIGUSR2});
        EXPECT_TRUE(got.recv().has_value());
        s.stop();
        while (got.try_recv()) {
        }
        goro::this_goroutine::yield();
        EXPECT_EQ(got.size(), 0U);
      }
    });
  }
  ended.wait();
  over = true;
}

}  // namespace
