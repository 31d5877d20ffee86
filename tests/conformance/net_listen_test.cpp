// NET-07 and 15: listeners.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro_test::all_park;
using goro_test::dial_to;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::go_named;
using goro_test::in;
using goro_test::in_goroutine;
using goro_test::long_ago;
using goro_test::read_text;
using namespace std::chrono_literals;

struct NetListen : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetListen, goro_test::all_procs());

TEST_P(NetListen, NET_07_a_deadline_ends_accept_and_the_listener_can_be_used_again) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    const goro::time_point when = in(5ms);
    EXPECT_FALSE(listener.set_deadline(when));
    EXPECT_EQ(listener.accept().error(), errc::timed_out);
    EXPECT_GE(goro::clock::now(), when);
    auto client = dial_to(listener).value();
    EXPECT_EQ(listener.accept().error(), errc::timed_out);  // though one waits
    EXPECT_FALSE(listener.set_deadline({}));
    auto server = listener.accept().value();
    EXPECT_TRUE(client.write("x"));
    EXPECT_EQ(read_text(server, 1), "x");
  });
}

TEST_P(NetListen, NET_07_many_acceptors_share_what_comes) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  std::atomic<int> accepted{0};
  goro::wait_group ended;
  for (int i = 0; i < 10; ++i) {
    ended.add();
    go_named("acceptor", [&] {
      while (auto c = listener.accept()) {
        ++accepted;
        EXPECT_TRUE(c->write("hi"));
      }
      ended.done();
    });
  }
  ASSERT_TRUE(all_park("acceptor", 10));
  goro::wait_group dialled;
  for (int i = 0; i < 60; ++i) {
    dialled.go([&] {
      auto c = dial_to(listener).value();
      EXPECT_EQ(read_text(c, 2), "hi");
    });
  }
  dialled.wait();
  EXPECT_EQ(accepted, 60);
  EXPECT_FALSE(listener.close());
  ended.wait();
}

TEST_P(NetListen, NET_15_connections_that_were_given_up_in_the_queue_do_no_harm) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    for (int i = 0; i < 20; ++i) {
      auto c = dial_to(listener).value();
      goro_test::reset_on_close(c.native_handle());
    }
    auto client = dial_to(listener).value();
    EXPECT_TRUE(client.write("served"));
    std::string got;
    for (int i = 0; i < 21 && got.empty(); ++i) {
      auto server = listener.accept();
      ASSERT_TRUE(server) << server.error().message();
      got = read_text(*server, 6);
    }
    EXPECT_EQ(got, "served");
  });
}

// From its making on the process gets no more descriptors.
class no_descriptors {
 public:
  no_descriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &former_), 0);
    rlimit none = former_;
    none.rlim_cur =
        3;  // 0 to 2 are in use; all others count as well as none, also what the runtime just closes
    for (int fd = 0; fd != 3; ++fd) EXPECT_NE(::fcntl(fd, F_GETFD), -1) << fd;
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~no_descriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &former_), 0); }
  no_descriptors(const no_descriptors&) = delete;
  no_descriptors& operator=(const no_descriptors&) = delete;

 private:
  rlimit former_{};
};

TEST_P(NetListen, NET_15_without_descriptors_accept_fails_and_goes_on_afterwards) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    auto client = dial_to(listener).value();
    std::vector<std::error_code> errors;
    {
      const no_descriptors none;
      for (int i = 0; i < 3; ++i) errors.push_back(listener.accept().error());
      errors.push_back(dial_to(listener).error());
      errors.push_back(goro::net::listen("127.0.0.1:0").error());
      errors.push_back(goro::net::file_conn::pipe().error());
      errors.push_back(goro::net::unix_conn::pair().error());
    }
    // Looked at afterwards: UBSan checks the category of an error with a pipe of its own.
    for (const std::error_code& error : errors) EXPECT_EQ(error, std::errc::too_many_files_open);
    auto server = listener.accept().value();
    EXPECT_TRUE(server.write("x"));
    EXPECT_EQ(read_text(client, 1), "x");
  });
}

TEST_P(NetListen, an_address_in_use_and_one_that_is_not_ours) {
  everywhere([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    EXPECT_EQ(goro::net::listen(to_string(listener.local())).error(), std::errc::address_in_use);
    EXPECT_EQ(goro::net::listen("192.0.2.1:0").error(), std::errc::address_not_available);
    for (const char* bad : {"", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:-1", "[::1",
                            "[::1]", "::1:80", "127.0.0.1:80 ", "127.0.0.1:http"})
      EXPECT_EQ(goro::net::listen(bad).error(), errc::invalid_address) << bad;
    EXPECT_EQ(goro::net::listen(std::string_view("127.0.0.1\0:0", 12)).error(), errc::invalid_address);
  });
}

TEST_P(NetListen, on_all_addresses_of_both_families) {
  in_goroutine([] {
    auto listener = goro::net::listen(":0").value();
    const std::string port = std::to_string(listener.local().port());
    std::vector<std::string> hosts{"127.0.0.1:" + port, ":" + port};
    if (goro_test::has_ipv6()) hosts.push_back("[::1]:" + port);
    for (const std::string& host : hosts) {
      auto client = goro::net::dial(goro::background(), host).value();
      auto server = listener.accept().value();
      EXPECT_EQ(server.remote(), client.local()) << host;  // a v4 peer is seen as such
      EXPECT_EQ(server.local(), client.remote()) << host;
    }
  });
}

TEST_P(NetListen, a_socket_made_elsewhere_can_be_adopted) {
  everywhere([] {
    auto model = goro::net::listen("127.0.0.1:0").value();
    const int copy = ::dup(model.native_handle());
    auto listener = goro::net::tcp_listener::adopt(copy).value();
    EXPECT_FALSE(model.close());
    auto client = dial_to(listener).value();
    auto server = listener.accept().value();
    const int again = ::dup(server.native_handle());
    auto adopted = goro::net::tcp_conn::adopt(again).value();
    EXPECT_FALSE(server.close());
    EXPECT_TRUE(client.write("x"));
    EXPECT_EQ(read_text(adopted, 1), "x");
    EXPECT_EQ(goro::net::tcp_conn::adopt(-1).error(), std::errc::bad_file_descriptor);
  });
}

}  // namespace
