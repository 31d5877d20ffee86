// NET-01, 09 to 14: streams of bytes.
#include <gtest/gtest.h>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
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
using goro_test::in_goroutine;
using goro_test::pattern;
using goro_test::read_all;
using goro_test::read_text;
using goro_test::repetitions;
using goro_test::too_much;
using namespace std::chrono_literals;

struct NetStream : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetStream, goro_test::all_procs());

TEST_P(NetStream, NET_01_blocking_calls_park) {
  auto [a, b] = connected();
  auto listener = goro::net::listen("127.0.0.1:0").value();
  goro::wait_group ended;
  ended.add(3);
  const auto done = [&ended] { ended.done(); };
  go_named("reader", [&, &a = a] {
    EXPECT_EQ(read_text(a, 1), "r");
    done();
  });
  go_named("writer", [&, &a = a] {
    EXPECT_EQ(a.write(too_much()).n, too_much().size());
    done();
  });
  go_named("acceptor", [&] {
    EXPECT_TRUE(listener.accept());
    done();
  });
  for (const char* who : {"reader", "writer", "acceptor"}) {
    EXPECT_TRUE(all_park(who)) << who;
    EXPECT_EQ(goro_test::state_of(who), "IO wait") << who;
  }
  EXPECT_TRUE(b.write("r"));
  EXPECT_TRUE(goro_test::dial_to(listener));
  EXPECT_TRUE(read_text(b, too_much().size()) == too_much());
  ended.wait();
}

TEST_P(NetStream, NET_01_idle_connections_need_no_threads) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  const int n = goro_test::k_tsan ? 60 : 400;
  std::vector<goro_test::tcp_pair> pairs;
  pairs.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) {
    auto client = goro_test::dial_to(listener).value();
    pairs.push_back({std::move(client), listener.accept().value()});
  }
  goro::wait_group ended;
  for (auto& p : pairs) {
    ended.add();
    go_named("idle", [&] {
      EXPECT_EQ(read_text(p.server, 4), "over");
      ended.done();
    });
  }
  ASSERT_TRUE(all_park("idle", pairs.size()));
  EXPECT_LT(goro_test::count_threads(), static_cast<std::size_t>(procs()) + 60);
  for (auto& p : pairs) EXPECT_TRUE(p.client.write("over"));
  ended.wait();
}

TEST_P(NetStream, both_families_both_kinds_of_callers) {
  for (const std::string& address : goro_test::loopbacks()) {
    everywhere([&] {
      auto listener = goro::net::listen(address).value();
      EXPECT_NE(listener.local().port(), 0);
      std::jthread server([&] {
        auto c = listener.accept().value();
        const std::string got = read_all(c);
        EXPECT_EQ(c.write(got).n, got.size());
      });
      auto c = goro_test::dial_to(listener).value();
      EXPECT_EQ(c.remote(), listener.local());
      EXPECT_NE(c.local(), c.remote());
      EXPECT_FALSE(c.set_no_delay(false));
      EXPECT_FALSE(c.set_no_delay(true));
      EXPECT_TRUE(c.write("there and back"));
      EXPECT_FALSE(c.close_write());
      EXPECT_EQ(read_all(c), "there and back");
    });
  }
  if (!goro_test::has_ipv6()) GTEST_SKIP() << "the machine has no ::1; only 127.0.0.1 was tested";
}

TEST_P(NetStream, NET_09_the_peers_close_is_the_end_after_all_data) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_TRUE(a.write("all of it"));
    EXPECT_FALSE(a.close());
    EXPECT_EQ(read_text(b, 4), "all ");
    EXPECT_EQ(read_all(b), "of it");
    for (int i = 0; i < 3; ++i) {
      const io_result r = b.read(bytes_of(*std::make_unique<std::string>(8, '\0')));
      EXPECT_EQ(r.n, 0U);
      EXPECT_FALSE(r.err);
    }
  });
}

// A short read has emptied the socket, so the next one waits: it must learn of the end, whichever order they
// come in.
TEST_P(NetStream, NET_09_the_end_is_seen_by_who_waits_and_by_who_comes_later) {
  in_goroutine([] {
    for (int i = 0; i < repetitions(400); ++i) {
      auto [a, b] = connected();
      std::string big(100, '\0');
      goro::wait_group ended;
      ended.go([&a = a, i] {
        EXPECT_TRUE(a.write("short"));
        if (i % 3 == 0) goro::this_goroutine::yield();
        if (i % 3 == 1) goro::sleep_for(20us);
        EXPECT_FALSE(a.close());
      });
      EXPECT_EQ(read_all(b), "short");
      ended.wait();
    }
  });
}

TEST_P(NetStream, NET_09_a_reset_is_an_error) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_TRUE(a.write("x"));
    EXPECT_EQ(read_text(b, 1), "x");
    goro_test::reset_on_close(a.native_handle());
    EXPECT_FALSE(a.close());
    std::string text(1, '\0');
    const io_result r = b.read(bytes_of(text));
    EXPECT_EQ(r.n, 0U);
    EXPECT_EQ(r.err, std::errc::connection_reset);
  });
}

TEST_P(NetStream, NET_10_half_close) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_TRUE(a.write("request"));
    EXPECT_FALSE(a.close_write());
    EXPECT_EQ(read_all(b), "request");
    const io_result r = a.write("more");
    EXPECT_EQ(r.n, 0U);
    EXPECT_EQ(r.err, std::errc::broken_pipe);
    EXPECT_TRUE(b.write("answer"));
    EXPECT_EQ(read_text(a, 6), "answer");
    EXPECT_FALSE(b.close_write());
    EXPECT_EQ(read_all(a), "");
  });
}

TEST_P(NetStream, NET_10_close_read_ends_a_read_that_waits) {
  auto [a, b] = connected();
  goro::wait_group ended;
  ended.add();
  go_named("reader", [&, &a = a] {
    EXPECT_EQ(read_all(a), "");
    ended.done();
  });
  ASSERT_TRUE(all_park("reader"));
  EXPECT_FALSE(a.close_read());
  ended.wait();
  EXPECT_TRUE(a.write("still"));
  EXPECT_EQ(read_text(b, 5), "still");
}

TEST_P(NetStream, NET_10_after_close_read_nothing_is_read_any_more) {
  everywhere([] {
    const auto talk = [](goro::net::stream_conn& a, goro::net::stream_conn& b, bool write_too) {
      EXPECT_TRUE(b.write("taken, left"));
      EXPECT_EQ(read_text(a, 5), "taken");
      if (write_too) {
        EXPECT_FALSE(a.close_write());
      }
      EXPECT_FALSE(a.close_read());
      EXPECT_EQ(read_all(a), "");
      for (int i = 0; i < 3; ++i) {
        static_cast<void>(b.write("late"));  // refused by the kernel, or not
        EXPECT_EQ(read_all(a), "");
      }
      if (!write_too) {
        EXPECT_TRUE(a.write("still"));
        EXPECT_EQ(read_text(b, 5), "still");
      }
    };
    for (const bool write_too : {false, true}) {
      auto tcp = connected();
      talk(tcp.client, tcp.server, write_too);
      auto local = goro::net::unix_conn::pair().value();
      talk(local.first, local.second, write_too);
    }
  });
}

// Also if it looks only when there is something to be read.
TEST_P(NetStream, NET_10_close_read_ends_a_read_that_waits_whatever_comes) {
  in_goroutine([] {
    for (int i = 0; i < repetitions(100); ++i) {
      auto [a, b] = connected();
      EXPECT_TRUE(b.write("x"));
      goro::wait_group ended;
      const auto reader = [&, &a = a] {
        std::string part(8, '\0');
        EXPECT_EQ(a.read(bytes_of(part)).n, 1U);  // a short one: the next waits without a try
        ended.done();
        EXPECT_EQ(a.read(bytes_of(part)).n, 0U);
        ended.done();
      };
      ended.add();
      go_named("reader", reader);
      ended.wait();
      ended.add();
      ASSERT_TRUE(all_park("reader"));
      EXPECT_FALSE(a.close_read());
      static_cast<void>(b.write("late"));
      ended.wait();
    }
  });
}

TEST_P(NetStream, NET_11_a_large_transfer_is_complete_in_both_directions) {
  const std::string there = pattern(static_cast<std::size_t>(repetitions(24'000'000)), 1);
  const std::string back = pattern(there.size() / 2, 2);
  for (const std::string& address : goro_test::loopbacks()) {
    auto [a, b] = connected(address);
    goro::wait_group ended;
    const auto both = [&](goro::net::tcp_conn& c, const std::string& out, const std::string& in) {
      ended.go([&] {
        const io_result r = c.write(out);
        EXPECT_EQ(r.n, out.size());
        EXPECT_FALSE(r.err);
        EXPECT_FALSE(c.close_write());
      });
      ended.go([&] { EXPECT_TRUE(read_all(c) == in); });
    };
    both(a, there, back);
    both(b, back, there);
    ended.wait();
  }
}

TEST_P(NetStream, NET_11_a_write_that_fails_tells_how_much_was_taken) {
  auto [a, b] = connected();
  io_result done;
  goro::wait_group ended;
  ended.add();
  go_named("writer", [&, &a = a] {
    done = a.write(too_much());
    ended.done();
  });
  ASSERT_TRUE(all_park("writer"));
  EXPECT_FALSE(a.set_write_deadline(goro_test::long_ago()));
  ended.wait();
  EXPECT_EQ(done.err, errc::timed_out);
  EXPECT_GT(done.n, 0U);
  EXPECT_FALSE(a.close_write());
  EXPECT_EQ(read_all(b).size(), done.n);
}

TEST_P(NetStream, NET_11_several_pieces) {
  everywhere([] {
    auto [a, b] = connected();
    std::vector<std::string> texts;
    for (unsigned i = 0; i < 100; ++i) texts.push_back(pattern(i % 7 == 0 ? 0 : i * 37, i));
    std::vector<std::span<const std::byte>> pieces;
    std::string all;
    for (const std::string& t : texts) {
      pieces.push_back(bytes_of(std::string_view(t)));
      all += t;
    }
    std::jthread reader([&, &b = b] { EXPECT_TRUE(read_text(b, all.size()) == all); });
    const io_result r = a.write(std::span<const std::span<const std::byte>>(pieces));
    EXPECT_EQ(r.n, all.size());
    EXPECT_FALSE(r.err);
    EXPECT_EQ(a.write(std::span<const std::span<const std::byte>>()).n, 0U);
    EXPECT_FALSE(a.write(std::string_view()).err);
  });
}

TEST_P(NetStream, NET_11_each_spelling_of_a_write) {
  everywhere([] {
    auto [a, b] = connected();
    const std::string text = "text ";
    const auto* bytes = bytes_of(std::string_view(text)).data();
    const std::array<std::byte, 2> array{std::byte{'a'}, std::byte{' '}};
    const std::vector<std::byte> vector{std::byte{'v'}, std::byte{' '}};
    EXPECT_TRUE(a.write({}));
    EXPECT_EQ(a.write({}).n, 0U);
    EXPECT_TRUE(a.write(""));
    EXPECT_TRUE(a.write("literal "));
    EXPECT_TRUE(a.write(text));
    EXPECT_TRUE(a.write({text.data(), 2}));
    EXPECT_TRUE(a.write({bytes, 5}));
    EXPECT_TRUE(a.write(array));
    EXPECT_TRUE(a.write(vector));
    EXPECT_TRUE(a.write({vector}));
    EXPECT_TRUE(a.write({vector.begin(), vector.end()}));
    EXPECT_EQ(a.write({array, vector, std::span(bytes, 4)}).n, 8U);
    EXPECT_FALSE(a.close());
    EXPECT_EQ(read_all(b), "literal text tetext a v v v a v text");
    EXPECT_EQ(a.write({}).err, errc::closed);
  });
}

TEST_P(NetStream, NET_12_concurrent_writes_are_not_interleaved) {
  auto [a, b] = connected();
  const int size = goro_test::k_sanitized ? 20'000 : 400'000;
  goro::wait_group ended;
  for (char who = 'a'; who <= 'h'; ++who)
    ended.go([&a = a, who] { EXPECT_TRUE(a.write(std::string(static_cast<std::size_t>(size), who))); });
  std::map<char, int> seen;
  for (int i = 0; i < 8; ++i) {
    const std::string block = read_text(b, static_cast<std::size_t>(size));
    ASSERT_EQ(block.size(), static_cast<std::size_t>(size));
    EXPECT_EQ(block.find_first_not_of(block.front()), std::string::npos) << "block " << i;
    ++seen[block.front()];
  }
  EXPECT_EQ(seen.size(), 8U);
  ended.wait();
}

TEST_P(NetStream, NET_12_concurrent_reads_split_the_stream_without_loss) {
  auto [a, b] = connected();
  const std::string sent = pattern(static_cast<std::size_t>(repetitions(1'000'000)));
  std::array<std::atomic<int>, 256> got{};
  std::atomic<std::size_t> total{0};
  goro::wait_group readers;
  for (int i = 0; i < 6; ++i) {
    readers.go([&, &b = b] {
      std::string part(1000, '\0');
      while (const io_result r = b.read(bytes_of(part))) {
        if (r.n == 0) return;
        total += r.n;
        for (std::size_t k = 0; k != r.n; ++k) ++got[static_cast<unsigned char>(part[k])];
      }
      ADD_FAILURE() << "a read failed";
    });
  }
  EXPECT_EQ(a.write(sent).n, sent.size());
  EXPECT_FALSE(a.close());
  readers.wait();
  EXPECT_EQ(total, sent.size());
  std::array<int, 256> expected{};
  for (const char c : sent) ++expected[static_cast<unsigned char>(c)];
  for (std::size_t i = 0; i != 256; ++i) EXPECT_EQ(got[i], expected[i]) << i;
}

TEST_P(NetStream, NET_13_an_empty_read_does_not_wait) {
  everywhere([] {
    auto [a, b] = connected();
    const io_result r = a.read({});
    EXPECT_EQ(r.n, 0U);
    EXPECT_FALSE(r.err);
    EXPECT_FALSE(a.read_full({}).err);
    EXPECT_FALSE(b.close());
    EXPECT_EQ(b.read({}).err, errc::closed);
  });
}

TEST_P(NetStream, NET_13_an_empty_read_heeds_neither_deadlines_nor_others_that_wait) {
  auto [a, b] = connected();
  goro::wait_group ended;
  ended.add();
  go_named("reader", [&, &a = a] {
    EXPECT_EQ(read_all(a), "x");
    ended.done();
  });
  ASSERT_TRUE(all_park("reader"));
  everywhere([&a = a, &b = b] {
    EXPECT_FALSE(a.read({}).err);
    EXPECT_FALSE(b.set_read_deadline(goro_test::long_ago()));
    const io_result r = b.read({});
    EXPECT_EQ(r.n, 0U);
    EXPECT_FALSE(r.err);
    EXPECT_FALSE(b.read_full({}).err);
  });
  EXPECT_TRUE(b.write("x"));
  EXPECT_FALSE(b.close());
  ended.wait();
}

TEST_P(NetStream, read_full_tells_a_stream_that_ends_too_early) {
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_TRUE(a.write("abc"));
    EXPECT_FALSE(a.close());
    std::string text(5, '\0');
    io_result r = b.read_full(bytes_of(text));
    EXPECT_EQ(r.n, 3U);
    EXPECT_EQ(r.err, errc::unexpected_eof);
    r = b.read_full(bytes_of(text));
    EXPECT_EQ(r.n, 0U);
    EXPECT_FALSE(r.err);
  });
}

TEST_P(NetStream, NET_14_interrupted_calls_are_made_again) {
  struct sigaction action{};
  struct sigaction former{};
  action.sa_handler = [](int) {};  // without SA_RESTART
  ASSERT_EQ(::sigaction(SIGUSR2, &action, &former), 0);
  auto [a, b] = connected();
  const std::string sent = pattern(static_cast<std::size_t>(repetitions(3'000'000)));
  std::atomic<bool> stop{false};
  std::jthread writer([&, &a = a] {
    for (std::size_t at = 0; at < sent.size(); at += 50'000)
      EXPECT_FALSE(a.write(std::string_view(sent).substr(at, 50'000)).err);
    EXPECT_FALSE(a.close_write());
  });
  std::jthread disturber([&] {
    while (!stop) {
      ::kill(::getpid(), SIGUSR2);
      ::pthread_kill(writer.native_handle(), SIGUSR2);
      std::this_thread::sleep_for(100us);
    }
  });
  in_goroutine([&, &b = b] { EXPECT_TRUE(read_all(b) == sent); });
  stop = true;
  disturber.join();
  writer.join();
  ::sigaction(SIGUSR2, &former, nullptr);
}

}  // namespace
