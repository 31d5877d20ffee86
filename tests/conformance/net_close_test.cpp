// NET-08, 16 and 17: closing, whose descriptor is whose, peers that are gone.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"
#include "support/seed.hpp"

namespace {

using goro::errc;
using goro::io_result;
using goro::net::file_conn;
using goro::net::unix_conn;
using goro_test::all_park;
using goro_test::bytes_of;
using goro_test::connected;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::read_one;
using goro_test::read_text;
using goro_test::repetitions;
using goro_test::too_much;
using namespace std::chrono_literals;

struct NetClose : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetClose, goro_test::all_procs());

TEST_P(NetClose, NET_08_close_ends_all_that_wait_and_what_comes_later) {
  auto [a, b] = connected();
  std::atomic<int> ended{0};
  for (int i = 0; i < 3; ++i) {
    go_named("reader", [&, &a = a] {
      EXPECT_EQ(read_one(a).err, errc::closed);
      ++ended;
    });
    go_named("writer", [&, &a = a] {
      EXPECT_EQ(a.write(too_much()).err, errc::closed);
      ++ended;
    });
  }
  std::jthread thread([&, &a = a] {
    EXPECT_EQ(read_one(a).err, errc::closed);
    ++ended;
  });
  ASSERT_TRUE(all_park("reader", 3) && all_park("writer", 3));
  EXPECT_TRUE(a.is_open());
  EXPECT_FALSE(a.close());
  ASSERT_TRUE(eventually([&] { return ended == 7; }));
  EXPECT_FALSE(a.is_open());
  EXPECT_EQ(a.native_handle(), -1);
  EXPECT_EQ(read_one(a).err, errc::closed);
  EXPECT_EQ(a.write("x").err, errc::closed);
  EXPECT_EQ(a.close_write(), errc::closed);
  EXPECT_EQ(a.close_read(), errc::closed);
  EXPECT_EQ(a.set_no_delay(true), errc::closed);
  EXPECT_EQ(a.local(), goro::net::endpoint());
  EXPECT_EQ(a.close(), errc::closed);
}

TEST_P(NetClose, NET_08_a_listener_ends_its_acceptors_and_connections_outlive_it) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  auto client = goro_test::dial_to(listener).value();
  auto server = listener.accept().value();
  std::atomic<int> ended{0};
  for (int i = 0; i < 4; ++i)
    go_named("acceptor", [&] {
      EXPECT_EQ(listener.accept().error(), errc::closed);
      ++ended;
    });
  ASSERT_TRUE(all_park("acceptor", 4));
  EXPECT_FALSE(listener.close());
  ASSERT_TRUE(eventually([&] { return ended == 4; }));
  EXPECT_EQ(listener.accept().error(), errc::closed);
  EXPECT_EQ(listener.close(), errc::closed);
  EXPECT_TRUE(client.write("alive"));
  EXPECT_EQ(read_text(server, 5), "alive");
}

TEST_P(NetClose, NET_08_what_was_moved_from_is_closed_and_assignment_closes) {
  everywhere([] {
    auto [a, b] = connected();
    goro::net::tcp_conn c = std::move(a);
    EXPECT_EQ(read_one(a).err, errc::closed);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(a.close(), errc::closed);
    EXPECT_EQ(a.set_deadline({}), errc::closed);
    EXPECT_FALSE(a.is_open());
    EXPECT_TRUE(c.write("x"));
    EXPECT_EQ(read_text(b, 1), "x");
    auto [d, e] = connected();
    c = std::move(d);
    EXPECT_EQ(goro_test::read_all(b), "");
    EXPECT_TRUE(c.write("y"));
    EXPECT_EQ(read_text(e, 1), "y");
  });
}

TEST_P(NetClose, NET_08_one_of_many_closes_wins) {
  in_goroutine([] {
    for (int i = 0; i < repetitions(200); ++i) {
      auto [a, b] = connected();
      std::atomic<int> won{0};
      goro::wait_group ended;
      for (int k = 0; k < 4; ++k) {
        ended.go([&, &a = a] {
          const std::error_code err = a.close();
          if (!err) ++won;
          if (err) {
            EXPECT_EQ(err, errc::closed);
          }
        });
        ended.go([&a = a] { EXPECT_EQ(read_one(a).err, errc::closed); });
      }
      ended.wait();
      EXPECT_EQ(won, 1);
    }
  });
}

// The number is taken until the last operation has returned. A goroutine that has been woken has not returned
// yet while the only P is held here.
TEST_P(NetClose, NET_16_the_number_is_given_back_after_the_last_operation) {
  in_goroutine([] {
    auto [a, b] = connected();
    const int number = a.native_handle();
    std::atomic<int> returned{0};
    for (int i = 0; i < 2; ++i)
      go_named("reader", [&, &a = a] {
        EXPECT_EQ(read_one(a).err, errc::closed);
        ++returned;
      });
    ASSERT_TRUE(all_park("reader", 2));
    EXPECT_FALSE(a.close());
    ASSERT_TRUE(eventually([&] { return returned == 2; }));
    ASSERT_TRUE(eventually([&] { return ::fcntl(number, F_GETFD) == -1; }));
  });
}

// Descriptors are closed while others read from them, and their numbers used again at once. What each reader
// gets must be what was written for its own.
void read_what_is_ones_own(unsigned tag, bool close_early, std::mt19937_64& rng) {
  auto pair = std::make_shared<std::pair<unix_conn, unix_conn>>(unix_conn::pair().value());
  goro::wait_group ended;
  ended.go([pair, tag] {
    std::string text(12, '\0');
    const io_result r = pair->first.read(bytes_of(text));
    if (r.err) {
      EXPECT_EQ(r.err, errc::closed);
    } else {
      text.resize(r.n);
      EXPECT_EQ(text, std::to_string(tag));
    }
  });
  if (goro_test::pick(rng, 0, 1) == 0) goro::this_goroutine::yield();
  if (close_early) {
    if (goro_test::pick(rng, 0, 1) == 0) static_cast<void>(pair->second.write(std::to_string(tag)));
    EXPECT_FALSE(pair->first.close());
  } else {
    EXPECT_TRUE(pair->second.write(std::to_string(tag)));
  }
  ended.wait();
}

TEST_P(NetClose, NET_16_no_reader_meets_the_data_of_another) {
  in_goroutine([] {
    goro::wait_group ended;
    std::atomic<unsigned> tag{1};
    for (std::uint64_t i = 0; i < 8; ++i) {
      ended.go([&, i] {
        auto rng = goro_test::make_rng(i);
        for (int n = 0; n < repetitions(1500); ++n)
          read_what_is_ones_own(tag++, goro_test::pick(rng, 0, 2) != 0, rng);
      });
    }
    ended.wait();
  });
}

// A late event of a closed descriptor must not count for its successor: that one has nothing to read.
TEST_P(NetClose, NET_16_late_events_do_not_reach_the_successor) {
  in_goroutine([] {
    for (int i = 0; i < repetitions(1000); ++i) {
      auto old = unix_conn::pair().value();
      EXPECT_TRUE(old.second.write("event"));
      EXPECT_FALSE(old.first.close());
      auto fresh = unix_conn::pair().value();
      EXPECT_FALSE(fresh.first.set_read_deadline(goro_test::in(20us)));
      EXPECT_EQ(read_one(fresh.first).err, errc::timed_out);
    }
  });
}

TEST_P(NetClose, NET_17_writing_to_who_has_closed_is_an_error_and_no_signal) {
  struct sigaction action{};
  struct sigaction former{};
  action.sa_handler = SIG_DFL;
  ASSERT_EQ(::sigaction(SIGPIPE, &action, &former), 0);
  everywhere([] {
    auto [a, b] = connected();
    EXPECT_FALSE(b.close());
    std::error_code err;
    while (!err) err = a.write(std::string(1000, 'x')).err;
    EXPECT_TRUE(err == std::errc::broken_pipe || err == std::errc::connection_reset) << err.message();
    auto u = unix_conn::pair().value();
    EXPECT_FALSE(u.second.close());
    EXPECT_EQ(u.first.write("x").err, std::errc::broken_pipe);
    auto p = file_conn::pipe().value();
    EXPECT_FALSE(p.first.close());
    EXPECT_EQ(p.second.write("x").err, std::errc::broken_pipe);
    const std::array<std::span<const std::byte>, 2> pieces{bytes_of(std::string_view("a")),
                                                           bytes_of(std::string_view("b"))};
    EXPECT_EQ(p.second.write(std::span<const std::span<const std::byte>>(pieces)).err,
              std::errc::broken_pipe);
    sigset_t pending;
    ::sigpending(&pending);
    EXPECT_EQ(::sigismember(&pending, SIGPIPE), 0);
  });
  ::sigaction(SIGPIPE, &former, nullptr);
}

// Half of them by who dialled, half by who accepted, while both read and write.
TEST_P(NetClose, NET_17_a_thousand_connections_reset_at_random_moments) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  const int n = repetitions(1000);
  const auto talk = [](goro::net::tcp_conn c, std::uint64_t stream) {
    auto rng = goro_test::make_rng(stream);
    goro_test::reset_on_close(c.native_handle());
    const int turns = goro_test::pick(rng, 0, 6);
    goro::wait_group ended;
    ended.go([&] {
      std::string part(4096, '\0');
      for (;;) {
        const io_result r = c.read(bytes_of(part));
        if (!r.err && r.n != 0) continue;
        EXPECT_TRUE(!r.err || r.err == errc::closed || r.err == std::errc::connection_reset ||
                    r.err == std::errc::broken_pipe)
            << r.err.message();
        return;
      }
    });
    for (int i = 0; i < turns; ++i) {
      if (c.write(std::string(static_cast<std::size_t>(goro_test::pick(rng, 1, 50'000)), 'x')).err) break;
      if (goro_test::pick(rng, 0, 3) == 0) goro::sleep_for(10us);
    }
    EXPECT_FALSE(c.close());
    ended.wait();
  };
  goro::wait_group ended;
  ended.go([&] {
    for (int i = 0; i < n; ++i) {
      auto c = listener.accept();
      ASSERT_TRUE(c) << c.error().message();
      ended.go([&, c = std::make_shared<goro::net::tcp_conn>(std::move(*c)), i] {
        talk(std::move(*c), static_cast<std::uint64_t>(2 * i));
      });
    }
  });
  goro::semaphore at_once{50};
  for (int i = 0; i < n; ++i) {
    at_once.acquire();
    ended.go([&, i] {
      auto c = goro_test::dial_to(listener);
      EXPECT_TRUE(c || c.error() == std::errc::connection_reset) << c.error().message();
      if (c) talk(std::move(*c), static_cast<std::uint64_t>(2 * i + 1));
      at_once.release();
    });
  }
  ended.wait();
}

}  // namespace
