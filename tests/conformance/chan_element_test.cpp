// CHAN-17, 18 and 20 to 25: directions, handles, and what a channel does with its elements.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::all_park;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::tally;
using goro_test::tracked;
using namespace std::chrono_literals;

struct ChanElement : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ChanElement, goro_test::all_procs());

// CHAN-17: what must not compile.
template <class C>
concept can_send = requires(const C& c, int v) { c.send(v); } || requires(const C& c, int v) {
  c.try_send(v);
} || requires(const C& c, int v) { c.try_send_for(v, 1s); };
template <class C>
concept can_recv = requires(const C& c) { c.recv(); } || requires(const C& c) { c.try_recv(); } ||
                   requires(const C& c) { c.try_recv_for(1s); } || requires(const C& c) { c.begin(); };
template <class C>
concept can_close = requires(const C& c) { c.close(); };

using both = goro::chan<int>;
using only_send = goro::send_chan<int>;
using only_recv = goro::recv_chan<int>;
static_assert(can_send<both> && can_recv<both> && can_close<both>);
static_assert(can_send<only_send> && !can_recv<only_send> && can_close<only_send>);
static_assert(!can_send<only_recv> && can_recv<only_recv> && !can_close<only_recv>);
static_assert(std::is_convertible_v<both, only_send> && std::is_convertible_v<both, only_recv>);
static_assert(!std::is_constructible_v<both, only_send> && !std::is_constructible_v<both, only_recv>);
static_assert(!std::is_constructible_v<only_send, only_recv> &&
              !std::is_constructible_v<only_recv, only_send>);
static_assert(!std::is_constructible_v<goro::recv_chan<long>, both>);
static_assert(!std::is_assignable_v<both&, only_recv> && !std::is_assignable_v<only_recv&, only_send>);

TEST_P(ChanElement, CHAN_17_views_refer_to_the_channel_they_come_from) {
  in_goroutine([] {
    const goro::chan<int> c{1};
    const goro::send_chan<int> in = c;
    const goro::recv_chan<int> out = c;
    in.send(3);
    EXPECT_EQ(out.recv(), 3);
    in.close();
    EXPECT_EQ(out.recv(), std::nullopt);
  });
}

TEST_P(ChanElement, CHAN_18_handles_compare_by_identity) {
  in_goroutine([] {
    const goro::chan<int> a{1};
    const goro::chan<int> b{1};
    const goro::chan<int> a2 = a;  // NOLINT: the copy is tested
    EXPECT_EQ(a, a2);
    EXPECT_NE(a, b);
    EXPECT_EQ(goro::send_chan<int>(a), a);
    EXPECT_EQ(goro::recv_chan<int>(a), goro::recv_chan<int>(a2));
    EXPECT_NE(goro::recv_chan<int>(a), goro::recv_chan<int>(b));
    EXPECT_EQ(goro::chan<int>{nullptr}, goro::chan<int>{nullptr});
    EXPECT_EQ(goro::send_chan<int>{}, goro::send_chan<int>{});
    a.send(9);
    EXPECT_EQ(a2.recv(), 9);
    goro::chan<int> moved_from = a;
    const goro::chan<int> moved = std::move(moved_from);
    EXPECT_EQ(moved, a);
    EXPECT_FALSE(moved_from);  // NOLINT: nil, by contract
  });
}

TEST_P(ChanElement, CHAN_18_channels_travel_over_channels) {
  in_goroutine([] {
    struct request {
      int value;
      goro::send_chan<int> reply;
    };
    const goro::chan<request> server;
    goro::go([server] {
      for (const request r : server) r.reply.send(r.value * 2);
    });
    for (int i = 0; i < 100; ++i) {
      const goro::chan<int> reply;
      server.send({i, reply});
      EXPECT_EQ(reply.recv(), 2 * i);
    }
    server.close();
  });
}

TEST_P(ChanElement, CHAN_20_move_only_elements_work_in_every_operation) {
  tally t;
  in_goroutine([&] {
    for (const int capacity : {0, 4}) {
      const goro::chan<tracked> c{capacity};
      goro::go([c, &t] {
        c.send(tracked(t, 1));
        tracked named(t, 2);
        while (!c.try_send(std::move(named))) {  // NOLINT: not moved from unless delivered
          EXPECT_EQ(named.value(), 2);
          goro::this_goroutine::yield();
        }
        EXPECT_TRUE(c.try_send_for(tracked(t, 3), 1h));
        EXPECT_TRUE(c.try_send_until(tracked(t, 4), goro::clock::now() + 1h));
        c.send(tracked(t, 5));
        c.close();
      });
      EXPECT_EQ(c.recv().value().value(), 1);
      if (capacity == 0) {  // two sides that only try would never meet
        EXPECT_EQ(c.recv().value().value(), 2);
      } else {
        EXPECT_TRUE(goro_test::eventually([&] { return c.size() != 0; }));
        EXPECT_EQ(c.try_recv().value().value(), 2);
      }
      EXPECT_EQ(c.try_recv_for(1h).value().value(), 3);
      EXPECT_EQ(c.try_recv_until(goro::clock::now() + 1h).value().value(), 4);
      for (const tracked v : c) EXPECT_EQ(v.value(), 5);
    }
  });
  EXPECT_TRUE(goro_test::eventually([&] { return t.alive() == 0; }));
  EXPECT_EQ(t.with_value_destroyed, 10);
}

TEST_P(ChanElement, CHAN_20_a_send_that_failed_leaves_the_object_with_the_caller) {
  tally t;
  in_goroutine([&] {
    const goro::chan<tracked> c;
    tracked mine(t, 7);
    EXPECT_FALSE(c.try_send(std::move(mine)));
    EXPECT_EQ(mine.value(), 7);  // NOLINT
    EXPECT_FALSE(c.try_send_for(std::move(mine), 1ms));
    EXPECT_EQ(mine.value(), 7);  // NOLINT
    EXPECT_FALSE(c.try_send_until(std::move(mine), goro::clock::now() - 1s));
    EXPECT_EQ(mine.value(), 7);  // NOLINT
    c.close();
    EXPECT_THROW(c.send(std::move(mine)), goro::channel_closed);
    EXPECT_EQ(mine.value(), 7);  // NOLINT
  });
  EXPECT_EQ(t.alive(), 0);
  EXPECT_EQ(t.with_value_destroyed, 1);
}

TEST_P(ChanElement, CHAN_21_elements_need_no_default_constructor) {
  static_assert(!std::is_default_constructible_v<tracked>);
  tally t;
  in_goroutine([&] {
    const goro::chan<tracked> c;
    c.close();
    EXPECT_FALSE(c.recv());
    EXPECT_FALSE(c.try_recv());
  });
  EXPECT_EQ(t.made, 0);
}

// Throws from its n-th copy.
struct copy_bomb {
  std::shared_ptr<std::atomic<int>> left = std::make_shared<std::atomic<int>>(1000);
  copy_bomb() = default;
  copy_bomb(const copy_bomb& other) : left(other.left) {
    if (--*left < 0) throw std::runtime_error("no copy");
  }
  copy_bomb(copy_bomb&&) noexcept = default;
  copy_bomb& operator=(const copy_bomb&) = delete;
  copy_bomb& operator=(copy_bomb&&) = delete;
  ~copy_bomb() = default;
};

TEST_P(ChanElement, CHAN_22_a_copy_that_throws_is_seen_by_the_sender_only) {
  in_goroutine([] {
    for (const int capacity : {0, 2}) {
      const goro::chan<copy_bomb> c{capacity};
      std::atomic<int> received{0};
      goro::wait_group ended;
      ended.go([&] {
        for (const copy_bomb& v : c) {
          EXPECT_TRUE(v.left);
          ++received;
        }
      });
      copy_bomb value;
      *value.left = 0;
      EXPECT_THROW(c.send(value), std::runtime_error);
      EXPECT_THROW(c.try_send(value), std::runtime_error);
      EXPECT_THROW((void)c.try_send_for(value, 1s), std::runtime_error);
      *value.left = 1000;
      c.send(value);  // the channel is as good as before
      EXPECT_TRUE(c.try_send_for(value, 1h));
      c.close();
      ended.wait();
      EXPECT_EQ(received, 2);
    }
  });
}

struct empty {};

struct large {
  std::array<std::uint32_t, 6 * 1024> words;  // 24 KiB
  explicit large(std::uint32_t seed) noexcept {
    for (std::uint32_t& w : words) w = seed++;
  }
  bool intact(std::uint32_t seed) const {
    for (const std::uint32_t w : words) {
      if (w != seed++) return false;
    }
    return true;
  }
};

template <std::size_t Align>
struct alignas(Align) aligned {
  int value;
  explicit aligned(int v) noexcept : value(v) { check(); }
  aligned(const aligned& other) noexcept : value(other.value) { check(); }
  void check() const { EXPECT_EQ(reinterpret_cast<std::uintptr_t>(this) % Align, 0U); }
};

template <std::size_t Align>
void send_aligned(int capacity) {
  const goro::chan<aligned<Align>> c{capacity};
  goro::go([c] {
    for (int i = 0; i < 10; ++i) c.send(aligned<Align>(i));
    c.close();
  });
  int expected = 0;
  for (const auto v : c) EXPECT_EQ(v.value, expected++);
  EXPECT_EQ(expected, 10);
}

TEST_P(ChanElement, CHAN_23_empty_large_and_over_aligned_elements_arrive_intact) {
  for (const int capacity : {0, 1, 3}) {
    in_goroutine([capacity] {
      const goro::chan<empty> events{capacity};
      goro::go([events] {
        for (int i = 0; i < 10; ++i) events.send({});
        events.close();
      });
      int n = 0;
      while (events.recv()) ++n;
      EXPECT_EQ(n, 10);
      send_aligned<64>(capacity);
      send_aligned<256>(capacity);
      send_aligned<4096>(capacity);
    });
    in_goroutine([capacity] {
      const goro::chan<large> c{capacity};
      goro::go([c] {
        for (std::uint32_t i = 0; i < 10; ++i) c.send(large(i));
      });
      for (std::uint32_t i = 0; i < 10; ++i) EXPECT_TRUE(c.recv()->intact(i));
    });
  }
}

TEST_P(ChanElement, CHAN_24_a_taken_slot_does_not_keep_its_element_alive) {
  tally t;
  const goro::chan<tracked> c{4};
  c.send(tracked(t, 1));
  c.send(tracked(t, 2));
  EXPECT_EQ(t.alive(), 2);
  c.recv();
  EXPECT_EQ(t.alive(), 1);
  EXPECT_EQ(c.try_recv().value().value(), 2);
  EXPECT_EQ(t.alive(), 0);
}

TEST_P(ChanElement, CHAN_24_leftovers_are_destroyed_with_the_last_handle) {
  tally t;
  for (const bool closed : {false, true}) {
    goro::chan<tracked> c{4};
    c.send(tracked(t, 1));
    c.recv();  // so that the ring does not begin at its first slot
    for (int i = 0; i < 4; ++i) c.send(tracked(t, i));
    if (closed) c.close();
    goro::recv_chan<tracked> view = c;
    c = goro::chan<tracked>{nullptr};
    EXPECT_EQ(t.alive(), 4);
    view = {};
    EXPECT_EQ(t.alive(), 0);
  }
}

TEST_P(ChanElement, CHAN_25_a_channel_outlives_its_handles_under_a_blocked_operation) {
  tally t;
  auto handle = std::make_unique<goro::chan<tracked>>();
  const goro::chan<tracked>& visible = *handle;
  std::atomic<int> timed_out{0};
  go_named("blocked",
           [&] { timed_out += visible.try_recv_for(100ms).error() == goro::errc::timed_out ? 1 : 0; });
  go_named("blocked", [&] { timed_out += visible.try_recv_for(100ms) ? 0 : 1; });
  EXPECT_TRUE(
      goro_test::eventually([&] { return goro_test::parked_count("blocked") == 2 || timed_out > 0; }));
  if (timed_out == 0) handle.reset();  // the last one
  EXPECT_TRUE(goro_test::eventually([&] { return timed_out == 2; }));

  const goro::chan<tracked> kept;  // a handle that dies while another still serves the operation
  auto copy = std::make_unique<goro::chan<tracked>>(kept);
  const goro::chan<tracked>& through = *copy;
  std::atomic<int> got{0};
  std::atomic<bool> ended{false};
  go_named("receiver", [&] {
    got = through.recv()->value();
    ended = true;
  });
  EXPECT_TRUE(all_park("receiver"));
  copy.reset();
  kept.send(tracked(t, 5));
  EXPECT_TRUE(goro_test::eventually([&] { return ended.load(); }));
  EXPECT_EQ(got, 5);
  EXPECT_EQ(t.alive(), 0);
}

}  // namespace
