// SCHED-22 and 23, DIAG-05: the poller beside the scheduler's other work.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro::net::file_conn;
using goro_test::all_park;
using goro_test::block_thread;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::read_text;
using goro_test::signal_flag;
using namespace std::chrono_literals;

// A goroutine that answers each byte with another one.
struct PollSched : goro_test::net_test {
  void SetUp() override {
    net_test::SetUp();
    auto [r1, w1] = file_conn::pipe().value();
    auto [r2, w2] = file_conn::pipe().value();
    ask_.emplace(std::move(w1));
    answers_.emplace(std::move(r2));
    go_named("echo", [in = std::move(r1), out = std::move(w2)]() mutable {
      for (;;) {
        const std::string text = read_text(in, 1);
        if (text.empty()) return;
        EXPECT_TRUE(out.write(text));
      }
    });
    ASSERT_TRUE(all_park("echo"));
  }
  void TearDown() override {
    ask_.reset();
    answers_.reset();
    ASSERT_TRUE(eventually([] { return goro_test::state_of("echo").empty(); }));
    net_test::TearDown();
  }
  // By system calls of this thread, which is not goro's.
  void ask_and_answer(int times) {
    for (int i = 0; i < times; ++i) {
      ASSERT_EQ(::write(ask_->native_handle(), "x", 1), 1);
      char c = 0;
      const auto limit = goro::clock::now() + 20s;
      while (::read(answers_->native_handle(), &c, 1) != 1) {
        ASSERT_LT(goro::clock::now(), limit) << "no answer in round " << i;
        block_thread(50us);
      }
    }
  }

 private:
  std::optional<file_conn> ask_;
  std::optional<file_conn> answers_;
};
INSTANTIATE_TEST_SUITE_P(Procs, PollSched, goro_test::all_procs());

TEST_P(PollSched, SCHED_22_input_is_served_while_all_ps_are_busy_with_runnable_goroutines) {
  std::atomic<bool> over{false};
  goro::wait_group ended;
  for (int i = 0; i < 3 * procs(); ++i) {
    ended.go([&] {
      while (!over) goro::this_goroutine::yield();
    });
  }
  const auto start = goro::clock::now();
  ask_and_answer(20);
  EXPECT_LT(goro::clock::now() - start, 20 * 500ms);
  over = true;
  ended.wait();
}

TEST_P(PollSched, SCHED_22_input_is_served_while_all_ps_compute) {
  std::atomic<bool> over{false};
  goro::wait_group ended;
  for (int i = 0; i < std::min(procs(), 4) + 1; ++i) {
    ended.go([&] {
      while (!over) goro_test::compute(100us);
    });
  }
  const auto start = goro::clock::now();
  ask_and_answer(10);
  EXPECT_LT(goro::clock::now() - start, 10 * 1s);
  over = true;
  ended.wait();
}

TEST_P(PollSched, SCHED_22_input_is_served_while_goroutines_hand_each_other_the_turn) {
  std::atomic<bool> over{false};
  goro::wait_group ended;
  for (int i = 0; i < procs(); ++i) {
    const goro::chan<int> there;
    const goro::chan<int> back;
    ended.go([&over, there, back] {
      while (!over) {
        there.send(1);
        back.recv();
      }
      there.close();
    });
    ended.go([there, back] {
      while (there.recv()) back.send(1);
    });
  }
  ask_and_answer(20);
  over = true;
  ended.wait();
}

// When the last P is given up somebody must look after the poller, whoever slept where before.
TEST_P(PollSched, SCHED_22_input_is_served_while_all_others_block_their_threads) {
  for (int round = 0; round < 5; ++round) {
    signal_flag over;
    std::atomic<int> blocked{0};
    goro::wait_group ended;
    for (int i = 0; i < std::min(procs(), 4); ++i) {
      ended.go([&, i] {
        if ((round + i) % 2 == 0) {
          goro::blocking([&] { ++blocked, over.wait(); });
        } else {
          ++blocked;
          over.wait();
        }
      });
    }
    ASSERT_TRUE(eventually([&] { return blocked == std::min(procs(), 4); }));
    ask_and_answer(3);
    block_thread(30ms);  // until their Ps have been taken
    ask_and_answer(3);
    over.set();
    ended.wait();
  }
}

TEST_P(PollSched, SCHED_22_input_is_served_when_a_goroutine_blocks_that_ran_last) {
  for (int round = 0; round < 20; ++round) {
    signal_flag over;
    std::atomic<bool> blocked{false};
    goro::wait_group ended;
    ended.go([&] {
      for (int i = 0; i < 200; ++i) goro::this_goroutine::yield();
      goro_test::compute(std::chrono::microseconds(100 * round));  // the others fall asleep
      goro::blocking([&] { blocked = true, over.wait(); });
    });
    ASSERT_TRUE(eventually([&] { return blocked.load(); }));
    ask_and_answer(1);
    over.set();
    ended.wait();
  }
}

TEST_P(PollSched, SCHED_23_a_thread_in_the_poller_is_woken_by_timers) {
  for (int i = 0; i < 20; ++i) {
    in_goroutine([i] {
      const auto d = std::chrono::microseconds(500 * i);
      const auto start = goro::clock::now();
      goro::sleep_for(d);
      EXPECT_GE(goro::clock::now() - start, d);
      EXPECT_LT(goro::clock::now() - start, d + 2s);
    });
  }
}

TEST_P(PollSched, SCHED_23_by_a_timer_that_is_earlier_than_the_one_it_waits_for) {
  goro::timer late{1h};
  for (int i = 0; i < 10; ++i) {
    block_thread(1ms);  // it sleeps until the late one
    goro::chan<int> fired{1};
    const auto start = goro::clock::now();
    auto early = goro::after_func(3ms, [fired] { fired.send(1); });
    EXPECT_TRUE(fired.recv());
    EXPECT_LT(goro::clock::now() - start, 2s);
  }
}

TEST_P(PollSched, SCHED_23_by_new_work_from_outside) {
  for (int i = 0; i < 50; ++i) {
    if (i % 2 == 0) block_thread(std::chrono::microseconds(i * 40));
    const auto start = goro::clock::now();
    in_goroutine([] {});
    EXPECT_LT(goro::clock::now() - start, 2s);
  }
}

TEST_P(PollSched, SCHED_23_by_a_change_of_max_procs) {
  for (int i = 0; i < 30; ++i) {
    goro::set_max_procs(1 + i * 5 % 13);
    ask_and_answer(1);
    std::atomic<bool> over{false};
    goro::wait_group ended;
    for (int k = 0; k < 4; ++k) {
      ended.go([&] {
        while (!over) goro_test::compute(20us);
      });
    }
    goro::set_max_procs(1 + i * 7 % 11);
    ask_and_answer(1);
    over = true;
    goro::set_max_procs(1 + i % 3);
    ask_and_answer(1);
    ended.wait();
    ask_and_answer(1);
  }
}

TEST_P(PollSched, plain_threads_are_served_as_well) {
  auto [from, to] = file_conn::pipe().value();
  for (int i = 0; i < 100; ++i) {
    std::jthread reader([&from = from] { EXPECT_EQ(read_text(from, 1), "x"); });
    if (i % 3 == 0) std::this_thread::yield();
    if (i % 3 == 1) block_thread(std::chrono::microseconds(20 * i));
    ASSERT_EQ(::write(to.native_handle(), "x", 1), 1);
  }
}

TEST_P(PollSched, DIAG_05_the_wait_reason_is_io_wait) {
  auto listener = goro::net::listen("127.0.0.1:0").value();
  auto udp = goro::net::udp_socket::bind("127.0.0.1:0").value();
  auto [from, to] = file_conn::pipe().value();
  auto stranger = file_conn::pipe().value();
  const int copy = ::dup(stranger.first.native_handle());
  goro::wait_group ended;
  ended.add(4);
  go_named("accepting", [&] {
    EXPECT_FALSE(listener.accept());
    ended.done();
  });
  go_named("receiving", [&] {
    EXPECT_FALSE(udp.receive_from({}));
    ended.done();
  });
  go_named("reading", [&, &from = from] {
    EXPECT_EQ(read_text(from, 1), "");
    ended.done();
  });
  go_named("foreign", [&] {
    EXPECT_FALSE(goro::net::wait_readable(copy));
    ended.done();
  });
  for (const char* who : {"accepting", "receiving", "reading", "foreign", "echo"}) {
    ASSERT_TRUE(all_park(who)) << who;
    EXPECT_EQ(goro_test::state_of(who), "IO wait") << who;
  }
  std::ostringstream dump;
  goro::diag::dump_goroutines(dump);
  EXPECT_NE(dump.str().find("[IO wait"), std::string::npos) << dump.str();
  EXPECT_FALSE(listener.close());
  EXPECT_FALSE(udp.close());
  EXPECT_FALSE(from.close());
  EXPECT_TRUE(stranger.second.write("x"));
  ended.wait();
  ::close(copy);
}

}  // namespace
