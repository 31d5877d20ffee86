// NET-19: pipes, regular files, and other people's descriptors.
#include <gtest/gtest.h>

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <span>
#include <string>
#include <thread>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/build.hpp"
#include "support/net.hpp"

namespace {

using goro::errc;
using goro::io_result;
using goro::net::file_conn;
using goro::net::wait_readable;
using goro::net::wait_writable;
using goro_test::all_park;
using goro_test::bytes_of;
using goro_test::eventually;
using goro_test::everywhere;
using goro_test::fill;
using goro_test::go_named;
using goro_test::in;
using goro_test::in_goroutine;
using goro_test::long_ago;
using goro_test::read_all;
using goro_test::read_text;
using goro_test::repetitions;
using namespace std::chrono_literals;

struct NetFile : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, NetFile, goro_test::all_procs());

// A regular file without a name.
int temporary_file() {
  std::string name = "/tmp/goro-net-file-test-XXXXXX";
  const int fd = ::mkstemp(name.data());
  EXPECT_GE(fd, 0);
  ::unlink(name.c_str());
  return fd;
}

TEST_P(NetFile, NET_19_pipes_wait_in_the_poller) {
  auto [from, to] = file_conn::pipe().value();
  std::atomic<bool> ended{false};
  go_named("reader", [&, &from = from] {
    EXPECT_EQ(read_all(from), "through a pipe");
    ended = true;
  });
  ASSERT_TRUE(all_park("reader"));
  EXPECT_EQ(goro_test::state_of("reader"), "IO wait");
  EXPECT_TRUE(to.write("through a "));
  EXPECT_TRUE(to.write("pipe"));
  EXPECT_FALSE(to.close());
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
}

// As net.hpp says: one end is made to block for a child, and the other one waits in the poller.
TEST_P(NetFile, NET_19_an_end_for_a_child_process) {
  auto [from, to] = file_conn::pipe().value();
  const int fd = to.native_handle();
  EXPECT_EQ(::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, fd, 1);
  ::posix_spawn_file_actions_adddup2(&actions, null, 0);
  std::string shell = "/bin/sh";
  std::string option = "-c";
  std::string command = "head -c 1000000 /dev/zero && echo done";  // more than the pipe takes
  std::array<char*, 4> args{shell.data(), option.data(), command.data(), nullptr};
  pid_t child = -1;
  ASSERT_EQ(::posix_spawn(&child, shell.c_str(), &actions, nullptr, args.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(null);
  EXPECT_FALSE(to.close());
  EXPECT_NE(::fcntl(from.native_handle(), F_GETFL) & O_NONBLOCK, 0);
  std::atomic<bool> ended{false};
  go_named("reader", [&, &from = from] {
    const std::string all = read_all(from);
    EXPECT_EQ(all.size(), 1'000'005U);
    EXPECT_TRUE(all.ends_with("done\n"));
    ended = true;
  });
  ASSERT_TRUE(eventually([&] { return ended.load(); }));
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_P(NetFile, NET_19_pipes_have_deadlines_and_large_writes) {
  everywhere([] {
    auto [from, to] = file_conn::pipe().value();
    EXPECT_FALSE(from.set_read_deadline(in(2ms)));
    std::string text(1, '\0');
    EXPECT_EQ(from.read(bytes_of(text)).err, errc::timed_out);
    EXPECT_FALSE(to.set_write_deadline(in(2ms)));
    const std::string much = goro_test::pattern(1'000'000);
    const io_result r = to.write(much);
    EXPECT_EQ(r.err, errc::timed_out);
    EXPECT_LT(r.n, much.size());
    EXPECT_FALSE(to.set_deadline({}));
    EXPECT_FALSE(from.set_deadline({}));
    std::jthread writer([&, &to = to] {
      EXPECT_EQ(to.write(std::string_view(much).substr(r.n)).n, much.size() - r.n);
      EXPECT_FALSE(to.close());
    });
    EXPECT_TRUE(read_all(from) == much);
  });
}

TEST_P(NetFile, NET_19_regular_files_have_no_deadlines) {
  everywhere([] {
    const int fd = temporary_file();
    auto file = file_conn::adopt(fd).value();
    EXPECT_EQ(file.native_handle(), fd);
    EXPECT_TRUE(file.write("on disk"));
    EXPECT_EQ(file.set_deadline(in(1h)), errc::no_deadline);
    EXPECT_EQ(file.set_read_deadline(long_ago()), errc::no_deadline);
    EXPECT_EQ(file.set_write_deadline({}), errc::no_deadline);
    EXPECT_EQ(::lseek(fd, 0, SEEK_SET), 0);
    EXPECT_EQ(read_all(file), "on disk");
    EXPECT_FALSE(file.close());
    EXPECT_EQ(file.set_deadline({}), errc::closed);
    EXPECT_EQ(file.write(".").err, errc::closed);
  });
}

TEST_P(NetFile, NET_19_a_cancel_ends_what_comes_later_on_a_regular_file) {
  everywhere([] {
    auto file = file_conn::adopt(temporary_file()).value();
    const auto [outer, end_outer] = goro::with_cancel(goro::background());
    const auto [inner, end_inner] = goro::with_cancel(outer);
    {
      const goro::net::cancel_guard guard(outer, file);
      {
        const goro::net::cancel_guard within(inner, file);
        EXPECT_TRUE(file.write("before"));
        end_inner();
        EXPECT_EQ(file.write("x").err, errc::canceled);
      }
      EXPECT_TRUE(file.write(", between"));
      end_outer();
      EXPECT_EQ(file.write("x").err, errc::canceled);
      EXPECT_EQ(goro_test::read_one(file).err, errc::canceled);
      const goro::net::cancel_guard ended(outer, file);
    }
    EXPECT_TRUE(file.write(", after"));
    EXPECT_EQ(::lseek(file.native_handle(), 0, SEEK_SET), 0);
    EXPECT_EQ(read_all(file), "before, between, after");
    const goro::net::cancel_guard until_closed(goro::background(), file);
    const goro::net::cancel_guard of_closed(outer, file);
    EXPECT_FALSE(file.close());
    EXPECT_EQ(file.write("x").err, errc::closed);
  });
}

TEST_P(NetFile, a_cancel_is_in_force_when_it_returns) {
  everywhere([] {
    for (int i = 0; i != repetitions(200); ++i) {
      auto [from, to] = file_conn::pipe().value();
      const auto [parent, cancel] = goro::with_cancel(goro::background());
      const auto [ctx, unused] = goro::with_cancel(parent);
      const goro::net::cancel_guard guard(ctx, to);
      cancel();
      ASSERT_EQ(to.write("x").err, goro::errc::canceled) << i;
    }
  });
}

TEST_P(NetFile, a_deadline_of_a_context_is_in_force_when_the_context_tells) {
  everywhere([] {
    for (int i = 0; i != repetitions(100); ++i) {
      auto [from, to] = file_conn::pipe().value();
      const auto [ctx, cancel] = goro::with_timeout(goro::background(), 200us);
      const goro::net::cancel_guard guard(ctx, to);
      ctx.done().recv();
      ASSERT_EQ(to.write("x").err, goro::errc::canceled) << i;
    }
  });
}

TEST_P(NetFile, a_cancel_ends_a_wait_although_the_guard_goes_at_once) {
  for (int i = 0; i != repetitions(100); ++i) {
    auto [from, to] = file_conn::pipe().value();
    goro::chan<std::error_code> ended{1};
    go_named("reader", [&, &from = from] {
      char c = 0;
      ended.send(from.read(std::as_writable_bytes(std::span(&c, 1))).err);
    });
    ASSERT_TRUE(all_park("reader"));
    {
      const auto [ctx, cancel] = goro::with_cancel(goro::background());
      const goro::net::cancel_guard guard(ctx, from);
      cancel();
    }
    ASSERT_EQ(ended.recv().value(), goro::errc::canceled) << i;
    EXPECT_TRUE(to.write("x"));
    EXPECT_EQ(read_text(from, 1), "x");
  }
}

TEST_P(NetFile, what_cannot_be_adopted_stays_with_its_owner) {
  everywhere([] {
    EXPECT_EQ(file_conn::adopt(-1).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(file_conn::adopt(1'000'000).error(), std::errc::bad_file_descriptor);
    auto [from, to] = file_conn::pipe().value();
    EXPECT_EQ(file_conn::adopt(from.native_handle()).error(), std::errc::file_exists);
    EXPECT_TRUE(to.write("x"));
    EXPECT_EQ(read_text(from, 1), "x");
    // A directory can be opened, and that is all.
    auto directory = file_conn::adopt(::open("/", O_RDONLY | O_CLOEXEC)).value();
    std::string text(1, '\0');
    EXPECT_EQ(directory.read(bytes_of(text)).err, std::errc::is_a_directory);
  });
}

TEST_P(NetFile, a_socket_may_be_a_file) {
  everywhere([] {
    auto pair = goro::net::unix_conn::pair().value();
    auto file = file_conn::adopt(::dup(pair.first.native_handle())).value();
    EXPECT_FALSE(pair.first.close());
    EXPECT_TRUE(file.write("x"));
    EXPECT_EQ(read_text(pair.second, 1), "x");
    EXPECT_FALSE(pair.second.close());
    EXPECT_EQ(file.write("x").err, std::errc::broken_pipe);
  });
}

// Somebody else's pipe.
struct foreign_pipe {
  foreign_pipe() { EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0); }
  ~foreign_pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  foreign_pipe(const foreign_pipe&) = delete;
  foreign_pipe& operator=(const foreign_pipe&) = delete;
  int from() const { return ends[0]; }
  int to() const { return ends[1]; }
  void put() const { EXPECT_EQ(::write(to(), "x", 1), 1); }
  bool take() const {
    char c = 0;
    return ::read(from(), &c, 1) == 1;
  }
  std::array<int, 2> ends{};
};

TEST_P(NetFile, NET_19_waiting_for_somebody_elses_descriptor) {
  everywhere([] {
    const foreign_pipe p;
    EXPECT_FALSE(wait_writable(p.to()));
    const goro::time_point when = in(3ms);
    EXPECT_EQ(wait_readable(p.from(), when), errc::timed_out);
    EXPECT_GE(goro::clock::now(), when);
    EXPECT_EQ(wait_readable(p.from(), long_ago()), errc::timed_out);
    for (int i = 0; i < 3; ++i) {
      p.put();
      EXPECT_FALSE(wait_readable(p.from()));
      EXPECT_FALSE(wait_readable(p.from(), in(1h)));  // still
      EXPECT_TRUE(p.take());
    }
    EXPECT_EQ(wait_readable(p.from(), in(1ms)), errc::timed_out);
    EXPECT_EQ(wait_readable(-1), std::errc::bad_file_descriptor);
    EXPECT_EQ(wait_writable(1'000'000), std::errc::bad_file_descriptor);
    const int file = temporary_file();
    EXPECT_FALSE(wait_readable(file));
    EXPECT_FALSE(wait_writable(file));
    ::close(file);
    EXPECT_EQ(wait_readable(file), std::errc::bad_file_descriptor);
  });
}

TEST_P(NetFile, who_cannot_be_adopted_because_somebody_waits_is_as_it_was) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const auto blocks = [&] { return (::fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0; };
  goro::wait_group ended;
  ended.add();
  go_named("waiter", [&] {
    EXPECT_FALSE(wait_readable(ends[0]));
    ended.done();
  });
  ASSERT_TRUE(all_park("waiter"));
  EXPECT_EQ(file_conn::adopt(ends[0]).error(), std::errc::file_exists);
  EXPECT_TRUE(blocks());
  EXPECT_EQ(::fcntl(ends[0], F_SETFL, O_NONBLOCK), 0);
  EXPECT_EQ(file_conn::adopt(ends[0]).error(), std::errc::file_exists);
  EXPECT_FALSE(blocks());
  EXPECT_EQ(::write(ends[1], "x", 1), 1);
  ended.wait();
  EXPECT_EQ(::fcntl(ends[0], F_SETFL, 0), 0);
  EXPECT_TRUE(file_conn::adopt(ends[0]));
  ::close(ends[1]);
}

TEST_P(NetFile, NET_19_several_wait_for_one_descriptor) {
  const foreign_pipe p;
  std::atomic<int> woken{0};
  std::atomic<int> got{0};
  goro::wait_group ended;
  for (int i = 0; i < 5; ++i) {
    ended.add();
    go_named("waiter", [&] {
      do {
        EXPECT_FALSE(wait_readable(p.from()));
        ++woken;
      } while (!p.take());
      ++got;
      ended.done();
    });
  }
  ASSERT_TRUE(all_park("waiter", 5));
  EXPECT_EQ(goro_test::state_of("waiter"), "IO wait");
  EXPECT_EQ(wait_readable(p.from(), in(1ms)), errc::timed_out);  // the others wait on
  EXPECT_EQ(woken, 0);
  for (int i = 1; i <= 5; ++i) {
    p.put();
    ASSERT_TRUE(eventually([&] { return got == i; }));
  }
  ended.wait();
}

// What came before a waiter is there for it as well, even if it woke another one up.
TEST_P(NetFile, NET_19_those_who_come_later_see_what_is_there) {
  in_goroutine([] {
    for (int i = 0; i < repetitions(500); ++i) {
      const foreign_pipe p;
      goro::wait_group ended;
      for (int k = 0; k < 4; ++k) ended.go([&] { EXPECT_FALSE(wait_readable(p.from())); });
      for (int k = i % 8; k > 0; --k) goro::this_goroutine::yield();
      p.put();
      ended.wait();
    }
  });
}

// The end for reading and the one for writing of one socket, and what was possible once.
TEST_P(NetFile, NET_19_readiness_of_the_past_does_not_count) {
  std::array<int, 2> s{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s.data()), 0);
  goro::wait_group ended;
  ended.add();
  go_named("reader", [&] {
    EXPECT_FALSE(wait_readable(s[0]));
    ended.done();
  });
  ASSERT_TRUE(all_park("reader"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_FALSE(wait_writable(s[0]));
    // Has the poller had time to tell that it can be written to?
    const foreign_pipe other;
    other.put();
    EXPECT_FALSE(wait_readable(other.from()));
    fill(s[0]);
    EXPECT_EQ(wait_writable(s[0], in(2ms)), errc::timed_out) << "round " << i;
    std::string drained(1 << 20, '\0');
    while (::read(s[1], drained.data(), drained.size()) > 0) {
    }
  }
  EXPECT_EQ(::write(s[1], "x", 1), 1);
  ended.wait();
  ::close(s[0]);
  ::close(s[1]);
}

TEST_P(NetFile, NET_19_numbers_that_are_used_again_between_waits) {
  everywhere([] {
    int number = -1;
    int used_again = 0;
    for (int i = 0; i < 50; ++i) {
      const foreign_pipe p;
      used_again += p.from() == number;  // mostly: the runtime opens some for moments, too
      number = p.from();
      EXPECT_EQ(wait_readable(p.from(), in(20us)), errc::timed_out);
      p.put();
      EXPECT_FALSE(wait_readable(p.from()));
    }
    EXPECT_GT(used_again, 0);
  });
}

TEST_P(NetFile, the_other_end_goes_away_while_somebody_waits) {
  auto p = std::make_unique<foreign_pipe>();
  goro::wait_group ended;
  ended.add();
  go_named("waiter", [&] {
    EXPECT_FALSE(wait_readable(p->from()));  // the end can be read
    ended.done();
  });
  ASSERT_TRUE(all_park("waiter"));
  ::close(p->ends[1]);
  ended.wait();
  p->ends[1] = -1;
}

// Two ways of waiting for two pipes each, back and forth.
TEST_P(NetFile, ping_pong_over_other_peoples_pipes) {
  in_goroutine([] {
    const foreign_pipe there;
    const foreign_pipe back;
    const int n = repetitions(2000);
    goro::wait_group ended;
    ended.go([&] {
      for (int i = 0; i < n; ++i) {
        while (!there.take()) EXPECT_FALSE(wait_readable(there.from()));
        back.put();
      }
    });
    for (int i = 0; i < n; ++i) {
      there.put();
      while (!back.take()) EXPECT_FALSE(wait_readable(back.from(), in(1h)));
    }
    ended.wait();
  });
}

}  // namespace
