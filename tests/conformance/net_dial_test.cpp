// NET-18: dialling with contexts; names; cancel_guard.
#include <gtest/gtest.h>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro::net::cancel_guard;
using goro::net::dial;
using goro_test::all_park;
using goro_test::bytes_of;
using goro_test::connected;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::read_one;
using goro_test::read_text;
using namespace std::chrono_literals;

struct NetDial : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetDial, goro_test::all_procs());

const goro::context_key<int> k_key;

// A listener whose queue is full: the kernel lets further connections wait.
class blackhole {
 public:
  blackhole() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    EXPECT_EQ(::listen(fd_, 0), 0);
    socklen_t size = sizeof at;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size), 0);
    address = "127.0.0.1:" + std::to_string(ntohs(at.sin_port));
    // Until one is not answered.
    for (;;) {
      const auto [ctx, cancel] = goro::with_timeout(goro::background(), 200ms);
      auto c = dial(ctx, address);
      if (!c) break;
      queued_.push_back(std::move(*c));
    }
  }
  ~blackhole() { ::close(fd_); }
  blackhole(const blackhole&) = delete;
  blackhole& operator=(const blackhole&) = delete;

  std::string address;

 private:
  int fd_;
  std::vector<goro::net::tcp_conn> queued_;
};

TEST_P(NetDial, NET_18_a_context_that_is_done_already) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    EXPECT_EQ(dial(ctx, to_string(listener.local())).error(), errc::canceled);
    EXPECT_EQ(goro::net::dial_unix(ctx, "@nobody").error(), errc::canceled);
    const auto [late, unused] = goro::with_deadline(goro::background(), goro_test::long_ago());
    EXPECT_EQ(dial(late, to_string(listener.local())).error(), errc::timed_out);
  });
}

TEST_P(NetDial, NET_18_the_contexts_time_and_end_are_obeyed) {
  const blackhole hole;
  everywhere([&] {
    const goro::time_point when = goro_test::in(30ms);
    const auto [ctx, cancel] = goro::with_deadline(goro::background(), when);
    EXPECT_EQ(dial(ctx, hole.address).error(), errc::timed_out);
    EXPECT_GE(goro::clock::now(), when);
    EXPECT_LT(goro::clock::now(), when + 5s);
  });
  const auto [ctx, cancel] = goro::with_cancel(goro::background());
  std::atomic<int> ended{0};
  for (int i = 0; i < 3; ++i)
    go_named("dialler", [&, ctx = ctx] {
      EXPECT_EQ(dial(ctx, hole.address).error(), errc::canceled);
      ++ended;
    });
  std::jthread thread([&, ctx = ctx] {
    EXPECT_EQ(dial(ctx, hole.address).error(), errc::canceled);
    ++ended;
  });
  ASSERT_TRUE(all_park("dialler", 3));
  EXPECT_EQ(goro_test::state_of("dialler"), "IO wait");
  cancel();
  ASSERT_TRUE(eventually([&] { return ended == 4; }));
}

TEST_P(NetDial, NET_18_who_has_dialled_until_the_deadline_finds_the_context_done) {
  const blackhole hole;
  everywhere([&] {
    for (int i = 0; i < goro_test::repetitions(20); ++i) {
      const auto [ctx, cancel] = goro::with_timeout(goro::background(), 2ms);
      const auto below = goro::with_value(ctx, k_key, 1);
      EXPECT_EQ(dial(below, hole.address).error(), errc::timed_out);
      ASSERT_EQ(ctx.err(), errc::timed_out) << i;
    }
    // Each address has its share of the time, but the last one's end is the context's.
    const auto [ctx, cancel] = goro::with_timeout(goro::background(), 20ms);
    EXPECT_FALSE(dial(ctx, "localhost:" + hole.address.substr(hole.address.find(':') + 1)));
    EXPECT_TRUE(ctx.err());
  });
}

TEST_P(NetDial, NET_18_a_later_end_of_the_context_has_no_effect) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    auto [ctx, cancel] = goro::with_timeout(goro::background(), 1h);
    auto client = dial(ctx, to_string(listener.local())).value();
    auto server = listener.accept().value();
    cancel();
    EXPECT_TRUE(client.write("x"));
    EXPECT_EQ(read_text(server, 1), "x");
    EXPECT_TRUE(server.write("y"));
    EXPECT_EQ(read_text(client, 1), "y");
  });
}

// The context may end at any moment of a dial that succeeds.
TEST_P(NetDial, NET_18_cancelled_around_the_moment_of_success) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  goro::wait_group acceptor;
  acceptor.go([&] {
    while (listener.accept()) {
    }
  });
  for (int i = 0; i < goro_test::repetitions(400); ++i) {
    in_goroutine([&] {
      auto [ctx, cancel] = goro::with_cancel(goro::background());
      goro::go([cancel = cancel, i] {
        for (int k = i % 20; k > 0; --k) goro::this_goroutine::yield();
        cancel();
      });
      auto c = dial(ctx, to_string(listener.local()));
      if (!c) {
        EXPECT_EQ(c.error(), errc::canceled);
      } else {
        while (!ctx.err()) goro::this_goroutine::yield();
        EXPECT_FALSE(c->set_deadline({}));
        EXPECT_FALSE(c->write("x").err == errc::canceled);
      }
    });
  }
  EXPECT_FALSE(listener.close());
  acceptor.wait();
}

TEST_P(NetDial, nobody_listens) {
  everywhere([] {
    for (const std::string& address : goro_test::loopbacks()) {
      auto listener = goro::net::listen(address).value();
      const std::string where = to_string(listener.local());
      EXPECT_FALSE(listener.close());
      EXPECT_EQ(dial(goro::background(), where).error(), std::errc::connection_refused) << where;
    }
  });
}

TEST_P(NetDial, texts_that_are_no_addresses) {
  everywhere([] {
    for (const char* bad : {"", ":", "1.2.3.4", "1.2.3.4:", "[::1", "[::1]", "::1:80", "host:99999",
                            "host:-1", "host:http", "a:b:80", "[::1]x:80"})
      EXPECT_EQ(dial(goro::background(), bad).error(), errc::invalid_address) << bad;
    EXPECT_EQ(dial(goro::background(), std::string_view("loc\0alhost:80", 13)).error(),
              errc::invalid_address);
    EXPECT_EQ(goro::net::udp_socket::connect(goro::background(), "1.2.3.4").error(), errc::invalid_address);
    EXPECT_EQ(goro::net::udp_socket::bind("nonsense").error(), errc::invalid_address);
  });
}

TEST_P(NetDial, names_and_numbers_are_resolved) {
  everywhere([] {
    const auto found = goro::net::resolve(goro::background(), "localhost").value();
    ASSERT_FALSE(found.empty());
    for (const goro::net::endpoint& e : found) {
      EXPECT_TRUE(e.address() == "127.0.0.1" || e.address() == "::1") << e;
      EXPECT_EQ(e.port(), 0);
    }
    EXPECT_EQ(goro::net::resolve(goro::background(), "::1").value().front().address(), "::1");
    EXPECT_EQ(goro::net::resolve(goro::background(), "127.0.0.9").value().front().address(), "127.0.0.9");
    EXPECT_EQ(goro::net::resolve(goro::background(), "").error(), errc::no_such_host);
    EXPECT_EQ(goro::net::resolve(goro::background(), std::string_view("a\0b", 3)).error(),
              errc::no_such_host);
    EXPECT_TRUE(goro::net::resolve(goro::background(), std::string(5000, 'x')).error());
    const auto [ctx, cancel] = goro::with_cancel(goro::background());
    cancel();
    EXPECT_EQ(goro::net::resolve(ctx, "localhost").error(), errc::canceled);
    EXPECT_EQ(goro::net::resolve(ctx, "127.0.0.9").error(), errc::canceled);
  });
}

TEST_P(NetDial, all_addresses_of_a_name_are_tried) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    const std::string where = "localhost:" + std::to_string(listener.local().port());
    auto client = dial(goro::background(), where).value();
    auto server = listener.accept().value();
    EXPECT_EQ(client.remote(), listener.local());
  });
}

TEST_P(NetDial, a_guard_ends_what_waits_and_what_comes_later_as_long_as_it_lives) {
  auto [a, b] = connected();
  auto [ctx, cancel] = goro::with_cancel(goro::background());
  {
    const cancel_guard guard(ctx, a);
    EXPECT_TRUE(a.write("before"));
    std::atomic<int> ended{0};
    go_named("reader", [&, &a = a] {
      EXPECT_EQ(read_one(a).err, errc::canceled);
      ++ended;
    });
    ASSERT_TRUE(all_park("reader"));
    cancel();
    ASSERT_TRUE(eventually([&] { return ended == 1; }));
    EXPECT_EQ(read_one(a).err, std::errc::operation_canceled);
    EXPECT_EQ(a.write("x").err, errc::canceled);
    const cancel_guard at_once(ctx, b);
    EXPECT_EQ(read_one(b).err, errc::canceled);
  }
  EXPECT_EQ(read_text(b, 6), "before");
  EXPECT_TRUE(b.write("y"));
  EXPECT_EQ(read_text(a, 1), "y");
}

TEST_P(NetDial, guards_of_one_object_within_each_other) {
  everywhere([] {
    auto [a, b] = connected();
    auto [outer_ctx, end_outer] = goro::with_cancel(goro::background());
    auto [inner_ctx, end_inner] = goro::with_cancel(goro::background());
    EXPECT_TRUE(b.write("xy"));
    {
      const cancel_guard outer(outer_ctx, a);
      {
        const cancel_guard inner(inner_ctx, a);
        end_inner();
        EXPECT_EQ(read_one(a).err, errc::canceled);
      }
      EXPECT_EQ(read_text(a, 1), "x");
      {
        auto [other_ctx, end_other] = goro::with_cancel(goro::background());
        const cancel_guard inner(other_ctx, a);
        end_outer();
        EXPECT_EQ(read_one(a).err, errc::canceled);
      }
      EXPECT_EQ(read_one(a).err, errc::canceled);  // the outer one's end lasts
    }
    EXPECT_EQ(read_text(a, 1), "y");
  });
}

TEST_P(NetDial, guards_and_close_and_the_end_of_contexts_at_once) {
  in_goroutine([] {
    for (int i = 0; i < goro_test::repetitions(300); ++i) {
      auto pair = goro::net::unix_conn::pair().value();
      auto [ctx, cancel] = goro::with_cancel(goro::background());
      goro::wait_group ended;
      ended.go([&, ctx = ctx] {
        const cancel_guard guard(ctx, pair.first);
        const std::error_code err = read_one(pair.first).err;
        EXPECT_TRUE(err == errc::canceled || err == errc::closed) << err.message();
      });
      ended.go([cancel = cancel] { cancel(); });
      if (i % 2 == 0) ended.go([&] { EXPECT_FALSE(pair.first.close()); });
      ended.wait();
      if (i % 2 != 0) {
        EXPECT_TRUE(pair.second.write("x"));
        EXPECT_EQ(read_text(pair.first, 1), "x");
      }
    }
  });
}

}  // namespace
