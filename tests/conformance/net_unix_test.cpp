// NET-20, and 08 to 12 for sockets of the Unix domain.
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::errc;
using goro::net::dial_unix;
using goro::net::listen_unix;
using goro::net::unix_conn;
using goro_test::everywhere;
using goro_test::in_goroutine;
using goro_test::read_all;
using goro_test::read_text;
using namespace std::chrono_literals;

bool exists(const std::string& path) {
  struct stat s{};
  return ::stat(path.c_str(), &s) == 0;
}

// A directory of its own for each test.
struct NetUnix : goro_test::net_test {
  void SetUp() override {
    std::string name = "/tmp/goro-unix-test-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory = name;
    net_test::SetUp();
  }
  void TearDown() override {
    net_test::TearDown();
    EXPECT_EQ(::rmdir(directory.c_str()), 0) << "a file is left";
  }
  std::string path() const { return directory + "/socket"; }
  std::string directory;
};
INSTANTIATE_TEST_SUITE_P(Procs, NetUnix, goro_test::all_procs());

TEST_P(NetUnix, there_and_back_by_a_file_or_an_abstract_name) {
  for (const std::string& where : {path(), "@goro-test-" + std::to_string(::getpid())}) {
    everywhere([&] {
      auto listener = listen_unix(where).value();
      EXPECT_EQ(listener.path(), where);
      std::jthread server([&] {
        auto c = listener.accept().value();
        EXPECT_TRUE(c.write(read_all(c)));
      });
      auto c = dial_unix(goro::background(), where).value();
      EXPECT_TRUE(c.write("there and back"));
      EXPECT_FALSE(c.close_write());
      EXPECT_EQ(read_all(c), "there and back");
    });
  }
}

TEST_P(NetUnix, NET_10_half_close) {
  everywhere([] {
    auto [a, b] = unix_conn::pair().value();
    EXPECT_TRUE(a.write("request"));
    EXPECT_FALSE(a.close_write());
    EXPECT_EQ(a.write("more").err, std::errc::broken_pipe);
    EXPECT_EQ(read_all(b), "request");
    EXPECT_TRUE(b.write("answer"));
    EXPECT_EQ(read_text(a, 6), "answer");
    EXPECT_FALSE(a.close_read());
    EXPECT_EQ(read_all(a), "");
  });
}

TEST_P(NetUnix, NET_20_close_removes_the_file_once) {
  everywhere([this] {
    auto listener = listen_unix(path()).value();
    EXPECT_TRUE(exists(path()));
    EXPECT_EQ(listen_unix(path()).error(), std::errc::address_in_use);
    EXPECT_FALSE(listener.close());
    EXPECT_FALSE(exists(path()));
    auto successor = listen_unix(path()).value();
    EXPECT_EQ(listener.close(), errc::closed);
    EXPECT_TRUE(exists(path()));
    auto moved = std::move(successor);
    EXPECT_EQ(successor.close(), errc::closed);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(exists(path()));
    EXPECT_EQ(moved.path(), path());
    EXPECT_TRUE(dial_unix(goro::background(), path()));
  });
  EXPECT_FALSE(exists(path()));  // by the destructor
}

TEST_P(NetUnix, NET_20_assignment_closes_the_former_one) {
  auto first = listen_unix(path()).value();
  auto second = listen_unix(path() + "2").value();
  first = std::move(second);
  EXPECT_FALSE(exists(path()));
  EXPECT_TRUE(exists(path() + "2"));
  EXPECT_EQ(first.path(), path() + "2");
  EXPECT_FALSE(first.close());
  EXPECT_FALSE(exists(path() + "2"));
}

// Many close, and a successor takes the name at once: it must keep its file.
TEST_P(NetUnix, NET_20_who_loses_the_race_to_close_removes_nothing) {
  in_goroutine([this] {
    for (int i = 0; i < goro_test::repetitions(1000); ++i) {
      auto listener = listen_unix(path()).value();
      goro::wait_group ended;
      std::atomic<bool> begin{false};
      std::atomic<int> removed{0};
      for (int k = 0; k < 3; ++k) {
        ended.go([&] {
          while (!begin) goro::this_goroutine::yield();
          if (listener.close()) return;
          ++removed;
          auto successor = listen_unix(path()).value();
          for (int n = 0; n < 3; ++n) goro::this_goroutine::yield();
          EXPECT_TRUE(exists(path()));
          EXPECT_FALSE(successor.close());
        });
      }
      begin = true;
      ended.wait();
      EXPECT_EQ(removed, 1);
    }
  });
}

TEST_P(NetUnix, names_that_are_none) {
  everywhere([this] {
    const std::string longest = directory + '/' + std::string(107 - directory.size() - 1, 'x');
    EXPECT_TRUE(listen_unix(longest));
    EXPECT_FALSE(exists(longest));
    EXPECT_EQ(listen_unix(longest + 'x').error(), std::errc::filename_too_long);
    EXPECT_EQ(dial_unix(goro::background(), longest + 'x').error(), std::errc::filename_too_long);
    EXPECT_EQ(dial_unix(goro::background(), path()).error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(listen_unix(directory + "/no/such").error(), std::errc::no_such_file_or_directory);
    const std::string with_nul = path() + std::string("\0tail", 5);
    EXPECT_EQ(listen_unix(with_nul).error(), errc::invalid_path);
    EXPECT_EQ(dial_unix(goro::background(), with_nul).error(), errc::invalid_path);
    EXPECT_EQ(listen_unix("").error(), errc::invalid_path);
    EXPECT_EQ(dial_unix(goro::background(), "").error(), errc::invalid_path);
  });
}

TEST_P(NetUnix, a_full_queue_is_an_error_at_once) {
  everywhere([this] {
    auto listener = listen_unix(path()).value();
    EXPECT_EQ(::listen(listener.native_handle(), 0), 0);
    auto queued = dial_unix(goro::background(), path()).value();
    EXPECT_EQ(dial_unix(goro::background(), path()).error(), std::errc::resource_unavailable_try_again);
    EXPECT_TRUE(listener.accept());
    EXPECT_TRUE(dial_unix(goro::background(), path()));
  });
}

TEST_P(NetUnix, NET_08_closing_and_NET_07_deadlines) {
  auto listener = listen_unix(path()).value();
  EXPECT_FALSE(listener.set_deadline(goro_test::long_ago()));
  EXPECT_EQ(listener.accept().error(), errc::timed_out);
  EXPECT_FALSE(listener.set_deadline({}));
  std::atomic<bool> ended{false};
  goro_test::go_named("acceptor", [&] {
    EXPECT_EQ(listener.accept().error(), errc::closed);
    ended = true;
  });
  ASSERT_TRUE(goro_test::all_park("acceptor"));
  EXPECT_FALSE(listener.close());
  ASSERT_TRUE(goro_test::eventually([&] { return ended.load(); }));
  EXPECT_EQ(listener.accept().error(), errc::closed);
}

TEST_P(NetUnix, a_socket_made_elsewhere_can_be_adopted) {
  everywhere([] {
    auto [a, b] = unix_conn::pair().value();
    auto c = unix_conn::adopt(::dup(a.native_handle())).value();
    EXPECT_FALSE(a.close());
    EXPECT_TRUE(c.write("x"));
    EXPECT_EQ(read_text(b, 1), "x");
    EXPECT_EQ(unix_conn::adopt(-1).error(), std::errc::bad_file_descriptor);
  });
}

}  // namespace
