// CHAN-01 to 06, 12 to 16: nil and closed channels, sizes, non-blocking operations, iteration.
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"

namespace {

using goro_test::all_park;
using goro_test::closed_text;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct ChanClose : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ChanClose, goro_test::all_procs());

constexpr const char* k_send_on_closed = "send on closed channel";

TEST_P(ChanClose, CHAN_01_nil_channels_block_for_ever) {
  go_named("nil receiver", [] { goro::chan<int>{nullptr}.recv(); });
  go_named("nil sender", [] { goro::chan<int>{nullptr}.send(1); });
  go_named("nil receiver", [] { goro::recv_chan<int>{}.recv(); });
  go_named("nil sender", [] { goro::send_chan<int>{}.send(1); });
  go_named("nil receiver", [] {
    for ([[maybe_unused]] const int v : goro::chan<int>{nullptr}) {
    }
  });
  leaves_blocked(5);
  EXPECT_TRUE(all_park("nil receiver", 3));
  EXPECT_TRUE(all_park("nil sender", 2));
  std::this_thread::sleep_for(10ms);
  EXPECT_EQ(goro_test::parked_count("nil receiver"), 3U);
  EXPECT_EQ(goro_test::parked_count("nil sender"), 2U);
}

TEST_P(ChanClose, CHAN_01_operations_on_nil_that_do_not_wait_for_ever) {
  in_goroutine([] {
    const goro::chan<int> nil{nullptr};
    EXPECT_FALSE(nil);
    EXPECT_FALSE(nil.try_send(1));
    EXPECT_EQ(nil.try_recv().error(), goro::errc::would_block);
    EXPECT_FALSE(nil.try_send_for(1, 2ms));
    EXPECT_EQ(nil.try_recv_for(2ms).error(), goro::errc::timed_out);
  });
}

TEST_P(ChanClose, CHAN_02_close_of_nil_and_double_close_panic) {
  in_goroutine([] {
    EXPECT_EQ(closed_text([] { goro::chan<int>{nullptr}.close(); }), "close of nil channel");
    EXPECT_EQ(closed_text([] { goro::send_chan<int>{}.close(); }), "close of nil channel");
    for (const int capacity : {0, 1, 5}) {
      const goro::chan<int> c{capacity};
      c.close();
      EXPECT_EQ(closed_text([&] { c.close(); }), "close of closed channel");
      EXPECT_EQ(closed_text([&] { goro::send_chan<int>(c).close(); }), "close of closed channel");
    }
  });
}

TEST_P(ChanClose, CHAN_03_sends_on_a_closed_channel_panic_and_deliver_nothing) {
  in_goroutine([] {
    for (const int capacity : {0, 1, 3}) {
      const goro::chan<std::string> c{capacity};
      for (int i = 1; i < capacity; ++i) c.send("kept");  // room is left for one
      c.close();
      std::string value = "untouched";
      EXPECT_EQ(closed_text([&] { c.send(value); }), k_send_on_closed);
      EXPECT_EQ(closed_text([&] { c.send(std::move(value)); }), k_send_on_closed);
      EXPECT_EQ(closed_text([&] { c.try_send(std::move(value)); }), k_send_on_closed);
      EXPECT_EQ(closed_text([&] { (void)c.try_send_for(std::move(value), 1ms); }), k_send_on_closed);
      EXPECT_EQ(value, "untouched");  // NOLINT: that is the point
      for (int i = 1; i < capacity; ++i) EXPECT_EQ(c.recv(), "kept");
      EXPECT_EQ(c.recv(), std::nullopt);
    }
  });
}

TEST_P(ChanClose, CHAN_04_blocked_senders_panic_when_the_channel_is_closed) {
  for (const int capacity : {0, 2}) {
    const goro::chan<std::string> c{capacity};
    for (int i = 0; i < capacity; ++i) c.send("buffered");
    const int senders = 10;
    std::atomic<int> panics{0};
    std::atomic<int> untouched{0};
    const auto blocked_send = [&, c](bool with_timeout) {
      std::string value = "blocked";
      const std::string text = closed_text(
          [&] { with_timeout ? (void)c.try_send_for(std::move(value), 1h) : c.send(std::move(value)); });
      panics += text == k_send_on_closed ? 1 : 0;
      untouched += value == "blocked" ? 1 : 0;  // NOLINT: that is the point
    };
    for (int i = 0; i < senders; ++i) go_named("blocked", [=] { blocked_send(i % 2 == 0); });
    std::jthread thread([&] { blocked_send(false); });
    EXPECT_TRUE(all_park("blocked", senders));
    c.close();
    thread.join();
    EXPECT_TRUE(goro_test::eventually([&] { return untouched == senders + 1; }));
    EXPECT_EQ(panics, senders + 1);
    for (int i = 0; i < capacity; ++i) EXPECT_EQ(c.recv(), "buffered");
    EXPECT_EQ(c.recv(), std::nullopt);
    EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
  }
}

TEST_P(ChanClose, CHAN_05_receives_drain_the_buffer_then_report_closed_for_ever) {
  in_goroutine([] {
    const goro::chan<int> c{10};
    for (int i = 0; i < 7; ++i) c.send(i);
    c.close();
    for (int i = 0; i < 7; ++i) {
      switch (i % 3) {
        case 0:
          EXPECT_EQ(c.recv(), i);
          break;
        case 1:
          EXPECT_EQ(c.try_recv().value(), i);
          break;
        default:
          EXPECT_EQ(c.try_recv_for(1h).value(), i);
      }
    }
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(c.recv(), std::nullopt);
      EXPECT_EQ(c.try_recv().error(), goro::errc::closed);
      EXPECT_EQ(c.try_recv_for(1h).error(), goro::errc::closed);
      EXPECT_EQ(c.try_recv_until(goro::clock::now() + 1h).error(), goro::errc::closed);
    }
  });
}

TEST_P(ChanClose, CHAN_06_close_wakes_every_blocked_receiver) {
  for (const int capacity : {0, 3}) {
    const goro::chan<int> c{capacity};
    const int receivers = 100;
    std::atomic<int> told{0};
    for (int i = 0; i < receivers; ++i) {
      go_named("receiver", [c, i, &told] {
        if (i % 2 == 0) {
          told += c.recv() ? 0 : 1;
        } else {
          told += c.try_recv_for(1h).error() == goro::errc::closed ? 1 : 0;
        }
      });
    }
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) threads.emplace_back([&] { told += c.recv() ? 0 : 1; });
    EXPECT_TRUE(all_park("receiver", receivers));
    c.close();
    threads.clear();
    EXPECT_TRUE(goro_test::eventually([&] { return told == receivers + 3; }));
  }
}

TEST_P(ChanClose, CHAN_12_len_and_cap) {
  in_goroutine([] {
    const goro::chan<int> nil{nullptr};
    EXPECT_EQ(nil.size(), 0U);
    EXPECT_EQ(nil.capacity(), 0U);
    const goro::chan<int> unbuffered;
    EXPECT_EQ(unbuffered.size(), 0U);
    EXPECT_EQ(unbuffered.capacity(), 0U);
    EXPECT_EQ(goro::chan<int>{0}.capacity(), 0U);
    const goro::chan<int> c{5};
    EXPECT_EQ(c.capacity(), 5U);
    for (std::size_t i = 0; i < 5; ++i) {
      EXPECT_EQ(c.size(), i);
      c.send(1);
    }
    EXPECT_EQ(c.size(), 5U);
    EXPECT_EQ(goro::recv_chan<int>(c).size(), 5U);
    EXPECT_EQ(goro::send_chan<int>(c).capacity(), 5U);
    c.recv();
    c.close();
    EXPECT_EQ(c.size(), 4U);
    EXPECT_EQ(c.capacity(), 5U);
    while (c.recv()) {
    }
    EXPECT_EQ(c.size(), 0U);
  });
}

TEST_P(ChanClose, CHAN_12_waiting_partners_do_not_count) {
  const goro::chan<int> c;
  go_named("sender", [c] { c.send(1); });
  EXPECT_TRUE(all_park("sender"));
  EXPECT_EQ(c.size(), 0U);
  EXPECT_EQ(c.recv(), 1);
}

TEST_P(ChanClose, CHAN_13_impossible_sizes_panic) {
  in_goroutine([] {
    constexpr const char* k_text = "makechan: size out of range";
    EXPECT_EQ(panic_text([] { goro::chan<int>{-1}; }), k_text);
    EXPECT_EQ(panic_text([] { goro::chan<char>{std::numeric_limits<long>::min()}; }), k_text);
    EXPECT_EQ(panic_text([] { goro::chan<char>{std::numeric_limits<std::uint64_t>::max()}; }), k_text);
    EXPECT_EQ(panic_text([] { goro::chan<int>{std::numeric_limits<std::int64_t>::max()}; }), k_text);
    EXPECT_EQ(panic_text([] { goro::chan<std::string>{std::size_t{1} << 60}; }), k_text);
    EXPECT_EQ(panic_text([] { goro::chan<int>{std::int8_t{-128}}; }), k_text);
    EXPECT_EQ(goro::chan<int>{std::uint8_t{200}}.capacity(), 200U);
    EXPECT_EQ(goro::chan<int>{3LL}.capacity(), 3U);
    EXPECT_EQ(goro::chan<int>{'\3'}.capacity(), 3U);
  });
  static_assert(!std::is_constructible_v<goro::chan<int>, bool>);
  static_assert(!std::is_constructible_v<goro::chan<int>, double>);
  static_assert(!std::is_convertible_v<int, goro::chan<int>>);
}

TEST_P(ChanClose, CHAN_14_non_blocking_operations_report_what_happened) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    EXPECT_EQ(c.try_recv().error(), goro::errc::would_block);
    EXPECT_TRUE(c.try_send(1));
    EXPECT_FALSE(c.try_send(2));
    EXPECT_EQ(c.try_recv().value(), 1);
    EXPECT_EQ(c.try_recv().error(), goro::errc::would_block);
    c.close();
    EXPECT_EQ(c.try_recv().error(), goro::errc::closed);

    const goro::chan<int> unbuffered;
    EXPECT_FALSE(unbuffered.try_send(1));
    EXPECT_EQ(unbuffered.try_recv().error(), goro::errc::would_block);
    std::atomic<int> got{0};
    go_named("receiver", [&, unbuffered] { got = unbuffered.recv().value(); });
    EXPECT_TRUE(all_park("receiver"));
    EXPECT_TRUE(unbuffered.try_send(7));  // a waiting receiver is ready
    EXPECT_TRUE(goro_test::eventually([&] { return got == 7; }));
    go_named("sender", [unbuffered] { unbuffered.send(8); });
    EXPECT_TRUE(all_park("sender"));
    EXPECT_EQ(unbuffered.try_recv().value(), 8);  // a waiting sender is ready
  });
}

TEST_P(ChanClose, CHAN_15_a_non_blocking_receive_sees_a_value_or_the_close) {
  in_goroutine([] {
    std::atomic<int> missed{0};
    for (int i = 0; i < goro_test::repetitions(10'000); ++i) {
      const goro::chan<int> c{1};
      c.send(1);
      goro::wait_group ended;
      ended.go([&] { missed += c.try_recv().error() == goro::errc::would_block ? 1 : 0; });
      c.close();
      c.recv();
      ended.wait();
    }
    EXPECT_EQ(missed, 0);
  });
}

TEST_P(ChanClose, CHAN_16_iteration_ends_when_the_channel_is_closed_and_drained) {
  in_goroutine([] {
    for (const int capacity : {0, 1, 4}) {
      const goro::chan<int> c{capacity};
      goro::go([c] {
        for (int i = 0; i < 20; ++i) c.send(i);
        c.close();
      });
      int expected = 0;
      for (const int v : c) EXPECT_EQ(v, expected++);
      EXPECT_EQ(expected, 20);
      for ([[maybe_unused]] const int v : c) ADD_FAILURE() << "a closed channel yields nothing";
      for ([[maybe_unused]] auto&& v : goro::recv_chan<int>(c)) ADD_FAILURE();
    }
  });
}

}  // namespace
