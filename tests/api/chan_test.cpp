// chan.hpp beyond the numbered behaviours: timeouts, clocks, plain threads, odd element types.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
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
using namespace std::chrono_literals;

struct Chan : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Chan, goro_test::all_procs());

// Runs f as a goroutine and then on the plain test thread.
template <class F>
void both_ways(F f) {
  in_goroutine(f);
  f();
}

TEST_P(Chan, timeouts_last_at_least_their_duration) {
  both_ways([] {
    for (const int capacity : {0, 1}) {
      const goro::chan<int> empty{capacity};
      const goro::chan<int> full{capacity};
      if (capacity == 1) full.send(0);
      for (const auto d : {0us, 50us, 3000us}) {
        auto start = goro::clock::now();
        EXPECT_EQ(empty.try_recv_for(d).error(), goro::errc::timed_out);
        EXPECT_GE(goro::clock::now() - start, d);
        start = goro::clock::now();
        EXPECT_FALSE(full.try_send_for(1, d));
        EXPECT_GE(goro::clock::now() - start, d);
        start = goro::clock::now();
        EXPECT_EQ(empty.try_recv_until(start + d).error(), goro::errc::timed_out);
        EXPECT_FALSE(full.try_send_until(1, start + d));
        EXPECT_GE(goro::clock::now() - start, d);
      }
    }
  });
}

TEST_P(Chan, past_deadlines_still_try) {
  both_ways([] {
    const goro::chan<int> c{1};
    EXPECT_TRUE(c.try_send_for(1, -5s));
    EXPECT_FALSE(c.try_send_for(2, -5s));
    EXPECT_EQ(c.try_recv_until(goro::time_point::min()).value(), 1);
    EXPECT_EQ(c.try_recv_until(goro::time_point::min()).error(), goro::errc::timed_out);
    EXPECT_TRUE(c.try_send_until(3, goro::clock::now() - 1h));
    EXPECT_EQ(c.try_recv_for(0s).value(), 3);
  });
}

TEST_P(Chan, until_takes_any_clock) {
  both_ways([] {
    const goro::chan<int> c;
    EXPECT_EQ(c.try_recv_until(std::chrono::system_clock::now() + 2ms).error(), goro::errc::timed_out);
    EXPECT_FALSE(c.try_send_until(1, std::chrono::system_clock::now() + 2ms));
    EXPECT_EQ(c.try_recv_until(std::chrono::system_clock::now() - 1h).error(), goro::errc::timed_out);
    EXPECT_EQ(
        c.try_recv_until(std::chrono::time_point_cast<std::chrono::seconds>(goro::clock::now())).error(),
        goro::errc::timed_out);
    EXPECT_EQ(c.try_recv_for(std::chrono::duration<float, std::milli>(0.5F)).error(), goro::errc::timed_out);
  });
}

TEST_P(Chan, a_timed_operation_is_served_like_any_other) {
  for (const int capacity : {0, 2}) {
    const goro::chan<int> c{capacity};
    std::atomic<int> got{0};
    go_named("receiver", [&, c] { got = c.try_recv_for(1h).value(); });
    EXPECT_TRUE(all_park("receiver"));
    c.send(11);
    EXPECT_TRUE(eventually([&] { return got == 11; }));

    for (int i = 0; i < capacity; ++i) c.send(i);
    std::atomic<bool> sent{false};
    go_named("sender", [&, c] { sent = c.try_send_for(12, 1h); });
    EXPECT_TRUE(all_park("sender"));
    for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.recv(), i);
    EXPECT_EQ(c.recv(), 12);
    EXPECT_TRUE(eventually([&] { return sent.load(); }));
  }
}

TEST_P(Chan, a_value_is_never_lost_to_a_timeout_that_comes_at_the_same_moment) {
  in_goroutine([] {
    for (const int capacity : {0, 1}) {
      const goro::chan<int> c{capacity};
      std::atomic<int> sent{0};
      std::atomic<int> received{0};
      goro::wait_group ended;
      const int n = goro_test::repetitions(1000);
      for (int side = 0; side < 4; ++side) {
        ended.go([&, side] {
          for (int i = 0; i < n; ++i) {
            const auto d = std::chrono::microseconds(i % 40);
            if (side % 2 == 0) {
              sent += c.try_send_for(i, d) ? 1 : 0;
            } else {
              received += c.try_recv_for(d) ? 1 : 0;
            }
          }
        });
      }
      ended.wait();
      while (c.try_recv()) ++received;
      EXPECT_EQ(sent, received);
    }
  });
}

TEST_P(Chan, threads_block_and_are_woken) {
  const goro::chan<int> c;
  std::atomic<int> sum{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 5; ++i) {
      threads.emplace_back([&] {
        while (const auto v = c.recv()) sum += *v;
      });
    }
    for (int i = 1; i <= 100; ++i) c.send(i);
    c.close();
  }
  EXPECT_EQ(sum, 5050);
}

TEST_P(Chan, threads_alone_exchange_values) {
  for (const int capacity : {0, 1, 8}) {
    const goro::chan<int> there{capacity};
    const goro::chan<int> back{capacity};
    const int n = goro_test::repetitions(1000);
    std::jthread echo([&] {
      for (const int v : there) back.send(v + 1);
      back.close();
    });
    for (int i = 0; i < n; ++i) {
      there.send(i);
      ASSERT_EQ(back.recv(), i + 1);
    }
    there.close();
    EXPECT_FALSE(back.recv());
  }
}

TEST_P(Chan, a_thread_and_a_goroutine_play_ping_pong) {
  const goro::chan<int> ping;
  const goro::chan<int> pong;
  const int n = goro_test::repetitions(2000);
  goro::go([=] {
    for (const int v : ping) pong.send(v * 2);
    pong.close();
  });
  for (int i = 0; i < n; ++i) {
    ping.send(i);
    ASSERT_EQ(pong.recv(), 2 * i);
  }
  ping.close();
  EXPECT_FALSE(pong.recv());
}

TEST_P(Chan, elements_that_are_easily_mistaken) {
  in_goroutine([] {
    const goro::chan<std::error_code> codes{1};
    codes.send(goro::errc::timed_out);
    EXPECT_EQ(codes.try_recv().value(), goro::errc::timed_out);
    EXPECT_EQ(codes.try_recv().error(), goro::errc::would_block);

    const goro::chan<std::optional<int>> options{2};
    options.send(std::nullopt);
    options.send(5);
    options.close();
    EXPECT_EQ(options.recv().value(), std::nullopt);
    EXPECT_EQ(options.recv().value(), 5);
    EXPECT_FALSE(options.recv());

    const goro::chan<std::exception_ptr> errors{1};
    errors.send(nullptr);
    EXPECT_EQ(errors.recv(), std::exception_ptr());

    const goro::chan<bool> bools{2};
    bools.send(false);
    EXPECT_EQ(bools.recv(), false);

    const goro::chan<std::function<int()>> functions{1};
    functions.send([] { return 9; });
    EXPECT_EQ(functions.recv().value()(), 9);

    const goro::chan<goro::result<int>> results{2};
    results.send(goro::result<int>(4));
    results.send(goro::result<int>(goro::fail(goro::errc::canceled)));
    EXPECT_EQ(results.recv()->value(), 4);
    EXPECT_EQ(results.recv()->error(), goro::errc::canceled);
  });
}

struct node {  // a channel of an incomplete type
  int value = 0;
  goro::chan<node>* next = nullptr;
  std::shared_ptr<goro::chan<std::unique_ptr<node>>> children;
};

TEST_P(Chan, the_element_may_be_incomplete_until_the_first_operation) {
  in_goroutine([] {
    const goro::chan<node> c{1};
    c.send({3, nullptr, nullptr});
    EXPECT_EQ(c.recv()->value, 3);
  });
}

TEST_P(Chan, large_buffers_wrap_around) {
  in_goroutine([] {
    const goro::chan<int> c{100'000};
    int in = 0;
    int out = 0;
    for (int round = 0; round < 5; ++round) {
      while (c.try_send(in)) ++in;
      EXPECT_EQ(c.size(), 100'000U);
      for (int i = 0; i < 77'777; ++i) ASSERT_EQ(c.recv(), out++);
    }
    c.close();
    for (const int v : c) ASSERT_EQ(v, out++);
    EXPECT_EQ(in, out);
  });
}

TEST_P(Chan, iteration_yields_values_that_may_be_moved_from) {
  in_goroutine([] {
    const goro::chan<std::unique_ptr<int>> c{3};
    for (int i = 0; i < 3; ++i) c.send(std::make_unique<int>(i));
    c.close();
    std::vector<std::unique_ptr<int>> all;
    for (auto&& p : c) all.push_back(std::move(p));
    ASSERT_EQ(all.size(), 3U);
    EXPECT_EQ(*all[2], 2);

    const goro::chan<int> more{5};
    for (int i = 0; i < 5; ++i) more.send(i);
    for (const int v : more) {
      if (v == 2) break;  // takes nothing more
    }
    EXPECT_EQ(more.size(), 2U);
    EXPECT_EQ(more.recv(), 3);
  });
}

TEST_P(Chan, closing_while_others_send_and_receive_without_waiting) {
  in_goroutine([] {
    for (int round = 0; round < goro_test::repetitions(200); ++round) {
      const goro::chan<int> c{2};
      std::atomic<int> sent{0};
      std::atomic<int> received{0};
      goro::wait_group ended;
      for (int g = 0; g < 4; ++g) {
        ended.go([&] {
          try {
            for (;;) sent += c.try_send(1) ? 1 : (goro::this_goroutine::yield(), 0);
          } catch (const goro::channel_closed&) {
          }
        });
        ended.go([&] {
          for (;;) {
            const auto r = c.try_recv();
            if (r) {
              ++received;
            } else if (r.error() == goro::errc::closed) {
              return;
            } else {
              goro::this_goroutine::yield();
            }
          }
        });
      }
      for (int i = 0; i < round % 7; ++i) goro::this_goroutine::yield();
      c.close();
      ended.wait();
      ASSERT_EQ(sent, received);
    }
  });
}

}  // namespace
