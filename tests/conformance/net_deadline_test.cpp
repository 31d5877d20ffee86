// NET-02 to 06: deadlines of connections.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro::io_result;
using goro_test::all_park;
using goro_test::bytes_of;
using goro_test::connected;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in;
using goro_test::in_goroutine;
using goro_test::long_ago;
using goro_test::read_one;
using goro_test::read_text;
using goro_test::too_much;
using namespace std::chrono_literals;

struct NetDeadline : goro_test::net_test {
  static void expect_timeout(const io_result& r) {
    EXPECT_EQ(r.n, 0U);
    EXPECT_EQ(r.err, errc::timed_out);
    EXPECT_EQ(r.err, std::errc::timed_out);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, NetDeadline, goro_test::all_procs());

TEST_P(NetDeadline, NET_02_a_past_deadline_fails_reads_even_if_data_is_ready) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_TRUE(a.write("data"));
    EXPECT_EQ(read_text(b, 1), "d");
    EXPECT_FALSE(b.set_read_deadline(long_ago()));
    for (int i = 0; i < 3; ++i) expect_timeout(read_one(b));
    EXPECT_FALSE(b.set_read_deadline({}));
    EXPECT_EQ(read_text(b, 3), "ata");
  });
}

TEST_P(NetDeadline, NET_02_a_past_deadline_fails_writes_even_if_there_is_room) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_FALSE(a.set_write_deadline(long_ago()));
    for (int i = 0; i < 3; ++i) expect_timeout(a.write("lost"));
    expect_timeout(a.write(""));
    EXPECT_FALSE(a.set_write_deadline({}));
    EXPECT_TRUE(a.write("sent"));
    EXPECT_EQ(read_text(b, 4), "sent");
  });
}

TEST_P(NetDeadline, NET_02_a_deadline_that_comes_ends_reads_and_full_writes) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_FALSE(a.set_deadline(in(5ms)));
    expect_timeout(read_one(a));
    expect_timeout(a.write("x"));
    EXPECT_FALSE(a.set_deadline(in(5ms)));
    const io_result r = a.write(too_much());
    EXPECT_EQ(r.err, errc::timed_out);
    EXPECT_LT(r.n, too_much().size());
  });
}

TEST_P(NetDeadline, NET_03_a_deadline_persists_until_it_is_changed) {
  everywhere([] {
    auto [a, b] = connected();
    const goro::time_point when = in(5ms);
    EXPECT_FALSE(b.set_read_deadline(when));
    expect_timeout(read_one(b));
    expect_timeout(read_one(b));
    EXPECT_TRUE(a.write("xy"));
    expect_timeout(read_one(b));
    EXPECT_FALSE(b.set_read_deadline(in(1h)));
    EXPECT_EQ(read_text(b, 1), "x");
    EXPECT_FALSE(b.set_read_deadline({}));
    EXPECT_EQ(read_text(b, 1), "y");
    EXPECT_GE(goro::clock::now(), when);
  });
}

TEST_P(NetDeadline, NET_03_a_wait_heeds_a_deadline_that_is_moved_or_removed) {
  auto [a, b] = connected();
  std::atomic<bool> ended{false};
  io_result got;
  go_named("reader", [&, &b = b] {
    got = read_one(b);
    ended = true;
  });
  ASSERT_TRUE(all_park("reader"));
  EXPECT_FALSE(b.set_read_deadline(in(500ms)));
  EXPECT_FALSE(b.set_read_deadline(in(1h)));
  EXPECT_FALSE(b.set_read_deadline(in(500ms)));
  EXPECT_FALSE(b.set_read_deadline({}));
  // As long as another one, armed later, takes.
  std::string other(1, '\0');
  EXPECT_FALSE(a.set_read_deadline(in(550ms)));
  expect_timeout(a.read(bytes_of(other)));
  EXPECT_FALSE(ended);
  EXPECT_TRUE(a.write("x"));
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
  EXPECT_FALSE(got.err);
  EXPECT_EQ(got.n, 1U);
}

TEST_P(NetDeadline, NET_03_a_deadline_may_be_the_greatest_or_the_least_point_of_time) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_FALSE(b.set_deadline(goro::time_point::max()));
    std::jthread writer([&a = a] { EXPECT_TRUE(a.write("x")); });
    EXPECT_EQ(read_text(b, 1), "x");
    EXPECT_FALSE(b.set_deadline(goro::time_point::min()));
    expect_timeout(read_one(b));
    writer.join();
  });
}

TEST_P(NetDeadline, NET_04_a_past_deadline_set_by_another_unblocks_read_write_and_accept) {
  auto [a, unused] = connected();
  auto [b, also_unused] = connected();
  auto listener = goro::net::listen("127.0.0.1:0").value();
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> ended{0};
    go_named("reader", [&, &a = a] {
      expect_timeout(read_one(a));
      ++ended;
    });
    go_named("writer", [&, &a = a] {
      EXPECT_EQ(a.write(too_much()).err, errc::timed_out);
      ++ended;
    });
    go_named("acceptor", [&] {
      EXPECT_EQ(listener.accept().error(), errc::timed_out);
      ++ended;
    });
    std::jthread thread([&, &b = b] {
      expect_timeout(read_one(b));
      ++ended;
    });
    ASSERT_TRUE(all_park("reader") && all_park("writer") && all_park("acceptor"));
    EXPECT_EQ(goro_test::state_of("reader"), "IO wait");
    const auto start = goro::clock::now();
    EXPECT_FALSE(a.set_deadline(long_ago()));
    EXPECT_FALSE(listener.set_deadline(long_ago()));
    EXPECT_FALSE(b.set_read_deadline(long_ago()));
    ASSERT_TRUE(eventually([&] { return ended == 4; }));
    EXPECT_LT(goro::clock::now() - start, 5s);
    EXPECT_FALSE(a.set_deadline({}));
    EXPECT_FALSE(b.set_deadline({}));
    EXPECT_FALSE(listener.set_deadline({}));
  }
}

TEST_P(NetDeadline, NET_05_the_two_directions_are_independent) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_FALSE(a.set_read_deadline(long_ago()));
    EXPECT_TRUE(a.write("x"));
    expect_timeout(read_one(a));
    EXPECT_FALSE(a.set_read_deadline({}));
    EXPECT_FALSE(a.set_write_deadline(long_ago()));
    EXPECT_TRUE(b.write("y"));
    EXPECT_EQ(read_text(a, 1), "y");
    expect_timeout(a.write("z"));
  });
}

// Deadlines that never come are changed by many while data flows: nothing may be lost.
TEST_P(NetDeadline, NET_05_deadlines_change_while_data_flows) {
  auto [a, b] = connected();
  const std::string sent = goro_test::pattern(static_cast<std::size_t>(goro_test::repetitions(4'000'000)));
  std::atomic<bool> over{false};
  goro::wait_group setters;
  for (int i = 0; i < 4; ++i) {
    setters.go([&, &a = a, &b = b] {
      while (!over) {
        EXPECT_FALSE(a.set_write_deadline(in(1h)));
        EXPECT_FALSE(b.set_read_deadline(in(2h)));
        EXPECT_FALSE(b.set_deadline({}));
        goro::sleep_for(50us);
      }
    });
  }
  goro::wait_group ended;
  ended.go([&, &a = a] {
    EXPECT_EQ(a.write(sent).n, sent.size());
    EXPECT_FALSE(a.close_write());
  });
  std::string got;
  ended.go([&, &b = b] { got = goro_test::read_all(b); });
  ended.wait();
  over = true;
  setters.wait();
  EXPECT_TRUE(got == sent) << got.size() << " of " << sent.size();
}

// The same with deadlines that do come: a read that timed out has taken nothing.
TEST_P(NetDeadline, NET_05_timeouts_lose_no_data) {
  in_goroutine([] {
    auto [a, b] = connected();
    const std::string sent = goro_test::pattern(static_cast<std::size_t>(goro_test::repetitions(100'000)));
    goro::wait_group ended;
    ended.go([&, &a = a] {
      for (std::size_t at = 0; at < sent.size(); at += 500) {
        EXPECT_TRUE(a.write(std::string_view(sent).substr(at, 500)));
        if (at % 5000 == 0) goro::sleep_for(300us);
      }
    });
    std::string got;
    int timeouts = 0;
    while (got.size() < sent.size()) {
      std::string part(333, '\0');
      EXPECT_FALSE(b.set_read_deadline(in(100us)));
      const io_result r = b.read(bytes_of(part));
      got.append(part, 0, r.n);
      if (!r.err) continue;
      expect_timeout(r);
      ++timeouts;
    }
    ended.wait();
    EXPECT_TRUE(got == sent);
    RecordProperty("timeouts", timeouts);
  });
}

TEST_P(NetDeadline, NET_06_deadlines_from_nanoseconds_on_never_come_early) {
  everywhere([] {
    auto [a, b] = connected();
    for (const auto d : {1ns, 100ns, 10'000ns, 200'000ns, 1'000'000ns, 7'654'321ns, 30'000'000ns}) {
      const goro::time_point when = in(d);
      EXPECT_FALSE(a.set_read_deadline(when));
      expect_timeout(read_one(a));
      EXPECT_GE(goro::clock::now(), when);
      EXPECT_LT(goro::clock::now(), when + 5s);
    }
  });
}

TEST_P(NetDeadline, NET_06_many_deadlines_at_once) {
  in_goroutine([] {
    std::vector<goro_test::tcp_pair> pairs;
    for (int i = 0; i < 40; ++i) pairs.push_back(connected());
    goro::wait_group ended;
    int n = 0;
    for (goro_test::tcp_pair& p : pairs) {
      ended.go([&p, d = std::chrono::microseconds(700) * n++] {
        for (int round = 0; round < 3; ++round) {
          const goro::time_point when = in(d);
          EXPECT_FALSE(p.client.set_read_deadline(when));
          expect_timeout(read_one(p.client));
          EXPECT_GE(goro::clock::now(), when);
        }
      });
    }
    ended.wait();
  });
}

TEST_P(NetDeadline, NET_08_of_a_closed_connection) {
  auto [a, b] = connected();
  EXPECT_FALSE(a.close());
  EXPECT_EQ(a.set_deadline(in(1h)), errc::closed);
  EXPECT_EQ(a.set_read_deadline({}), errc::closed);
  EXPECT_EQ(a.set_write_deadline(long_ago()), errc::closed);
  EXPECT_EQ(read_one(a).err, errc::closed);
}

}  // namespace
