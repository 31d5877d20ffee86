// NET-01 to 08 and 18 for datagrams.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <string>
#include <thread>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro::net::udp_socket;
using goro_test::all_park;
using goro_test::bytes_of;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct NetUdp : goro_test::net_test {
  static std::string receive(udp_socket& s) {
    std::string text(2000, '\0');
    const auto d = s.receive_from(bytes_of(text));
    text.resize(d ? d->n : 0);
    return text;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, NetUdp, goro_test::all_procs());

TEST_P(NetUdp, datagrams_keep_their_bounds_and_tell_their_sender) {
  for (const std::string& address : goro_test::loopbacks()) {
    everywhere([&] {
      auto a = udp_socket::bind(address).value();
      auto b = udp_socket::bind(address).value();
      for (const std::string& text : {std::string("one"), std::string(), std::string(1400, 'x')}) {
        EXPECT_EQ(a.send_to(bytes_of(std::string_view(text)), b.local()).n, text.size());
        std::string got(2000, '\0');
        const auto d = b.receive_from(bytes_of(got)).value();
        EXPECT_EQ(got.substr(0, d.n), text);
        EXPECT_EQ(d.from, a.local());
        EXPECT_FALSE(d.truncated);
      }
      EXPECT_TRUE(a.send_to(bytes_of(std::string_view("too long")), b.local()));
      std::string little(3, '\0');
      const auto d = b.receive_from(bytes_of(little)).value();
      EXPECT_EQ(d.n, 3U);
      EXPECT_TRUE(d.truncated);
      EXPECT_EQ(little, "too");
    });
  }
}

TEST_P(NetUdp, NET_01_receiving_parks_and_NET_04_08_deadlines_and_close_end_it) {
  auto s = udp_socket::bind("127.0.0.1:0").value();
  std::atomic<int> ended{0};
  const auto wait_for = [&](errc expected) {
    go_named("receiver", [&, expected] {
      std::string text(10, '\0');
      EXPECT_EQ(s.receive_from(bytes_of(text)).error(), expected);
      ++ended;
    });
    EXPECT_TRUE(all_park("receiver"));
    EXPECT_EQ(goro_test::state_of("receiver"), "IO wait");
  };
  wait_for(errc::timed_out);
  EXPECT_FALSE(s.set_read_deadline(goro_test::long_ago()));
  ASSERT_TRUE(eventually([&] { return ended == 1; }));
  EXPECT_FALSE(s.set_read_deadline({}));
  {
    auto [ctx, cancel] = goro::with_cancel(goro::background());
    const goro::net::cancel_guard guard(ctx, s);
    wait_for(errc::canceled);
    cancel();
    ASSERT_TRUE(eventually([&] { return ended == 2; }));
  }
  wait_for(errc::closed);
  EXPECT_FALSE(s.close());
  ASSERT_TRUE(eventually([&] { return ended == 3; }));
  EXPECT_EQ(s.send_to({}, {}).err, errc::closed);
  EXPECT_EQ(s.write({}).err, errc::closed);
  EXPECT_EQ(s.local(), goro::net::endpoint());
}

TEST_P(NetUdp, connected_sockets) {
  everywhere([] {
    auto server = udp_socket::bind("127.0.0.1:0").value();
    auto client = udp_socket::connect(goro::background(), to_string(server.local())).value();
    EXPECT_EQ(client.remote(), server.local());
    EXPECT_EQ(client.write(bytes_of(std::string_view("ask"))).n, 3U);
    std::string text(10, '\0');
    const auto d = server.receive_from(bytes_of(text)).value();
    EXPECT_EQ(d.from, client.local());
    EXPECT_TRUE(server.send_to(bytes_of(std::string_view("tell")), d.from));
    EXPECT_EQ(client.read(bytes_of(text)).n, 4U);
    EXPECT_EQ(server.write(bytes_of(std::string_view("x"))).err, std::errc::destination_address_required);
    EXPECT_FALSE(server.close());
    static_cast<void>(client.write(bytes_of(std::string_view("x"))));
    EXPECT_EQ(client.read(bytes_of(text)).err, std::errc::connection_refused);
  });
}

// Into no bytes a datagram is received, and lost, by receive_from() only.
TEST_P(NetUdp, NET_13_an_empty_read_neither_waits_nor_takes_a_datagram) {
  everywhere([] {
    auto server = udp_socket::bind("127.0.0.1:0").value();
    auto client = udp_socket::connect(goro::background(), to_string(server.local())).value();
    EXPECT_FALSE(client.set_read_deadline(in(1h)));
    EXPECT_FALSE(client.read({}).err);
    EXPECT_FALSE(client.set_read_deadline(goro_test::long_ago()));
    EXPECT_FALSE(client.read({}).err);
    EXPECT_TRUE(client.write(bytes_of(std::string_view("one"))));
    EXPECT_TRUE(client.write(bytes_of(std::string_view("two"))));
    EXPECT_FALSE(server.read({}).err);
    EXPECT_TRUE(server.receive_from({}).value().truncated);
    EXPECT_EQ(receive(server), "two");
    EXPECT_FALSE(client.close());
    EXPECT_EQ(client.read({}).err, errc::closed);
  });
}

TEST_P(NetUdp, a_socket_for_both_families) {
  everywhere([] {
    auto both = udp_socket::bind(":0").value();
    for (const std::string& address : goro_test::loopbacks()) {
      auto one = udp_socket::bind(address).value();
      const auto to = goro::net::endpoint::parse(address).value().with_port(both.local().port());
      EXPECT_TRUE(one.send_to(bytes_of(std::string_view("ask")), to));
      std::string text(10, '\0');
      const auto d = both.receive_from(bytes_of(text)).value();
      EXPECT_EQ(d.from, one.local());
      EXPECT_EQ(both.send_to(bytes_of(std::string_view("tell")), d.from).err, std::error_code());
      EXPECT_EQ(receive(one), "tell");
    }
  });
}

TEST_P(NetUdp, a_family_that_the_socket_has_not) {
  if (!goro_test::has_ipv6()) GTEST_SKIP() << "the machine has no ::1";
  everywhere([] {
    auto s = udp_socket::bind("127.0.0.1:0").value();
    const auto to = goro::net::endpoint::parse("[::1]:9").value();
    EXPECT_EQ(s.send_to(bytes_of(std::string_view("x")), to).err, std::errc::address_family_not_supported);
    EXPECT_EQ(s.send_to(bytes_of(std::string_view(std::string(70'000, 'x'))), s.local()).err,
              std::errc::message_size);
  });
}

TEST_P(NetUdp, NET_12_each_datagram_goes_to_one_of_many_receivers) {
  auto s = udp_socket::bind("127.0.0.1:0").value();
  constexpr int k_datagrams = 200;
  goro::mutex guard;
  std::multiset<std::string> got;
  const goro::chan<goro::unit> taken;
  goro::wait_group ended;
  for (int i = 0; i < 5; ++i) {
    ended.go([&] {
      for (;;) {
        std::string text(100, '\0');
        const auto d = s.receive_from(bytes_of(text));
        if (!d) {
          EXPECT_EQ(d.error(), errc::closed);
          return;
        }
        text.resize(d->n);
        {
          const std::lock_guard held(guard);
          got.insert(text);
        }
        taken.send({});
      }
    });
  }
  in_goroutine([&] {
    auto sender = udp_socket::bind("127.0.0.1:0").value();
    for (int i = 0; i < k_datagrams; ++i) {
      EXPECT_TRUE(sender.send_to(bytes_of(std::string_view(std::to_string(i))), s.local()));
      taken.recv();  // not more than the kernel keeps
    }
  });
  EXPECT_FALSE(s.close());
  ended.wait();
  EXPECT_EQ(got.size(), static_cast<std::size_t>(k_datagrams));
  for (int i = 0; i < k_datagrams; ++i) EXPECT_EQ(got.count(std::to_string(i)), 1U) << i;
}

}  // namespace
