// SCHED-08 to 11: goroutines that are locked to their threads.
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <set>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct ThreadLock : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ThreadLock, goro_test::all_procs());

// Others that want to run wherever they can, and say where they were.
class company {
 public:
  explicit company(int n) {
    for (int i = 0; i < n; ++i) {
      ended_.go([this] {
        while (!stop_) {
          if (::gettid() == forbidden_) ++trespasses_;
          goro::this_goroutine::yield();
          goro::sleep_for(10us);
        }
      });
    }
  }
  void forbid(pid_t thread) { forbidden_ = thread; }
  int end() {
    stop_ = true;
    ended_.wait();
    return trespasses_;
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<pid_t> forbidden_{0};
  std::atomic<int> trespasses_{0};
  goro::wait_group ended_;
};

TEST_P(ThreadLock, SCHED_08_a_locked_goroutine_has_its_thread_for_itself_until_as_many_unlocks) {
  in_goroutine([&] {
    company others(3 * procs());
    goro::lock_os_thread();
    goro::lock_os_thread();
    const pid_t here = ::gettid();
    others.forbid(here);
    for (int i = 0; i < 50; ++i) {
      goro::this_goroutine::yield();
      EXPECT_EQ(::gettid(), here);
    }
    goro::unlock_os_thread();
    for (int i = 0; i < 50; ++i) {
      goro::sleep_for(20us);
      EXPECT_EQ(::gettid(), here);
    }
    others.forbid(0);
    goro::unlock_os_thread();
    goro::unlock_os_thread();  // one too many does nothing
    {
      const goro::os_thread_lock again;
      const pid_t there = ::gettid();
      goro::sleep_for(100us);
      EXPECT_EQ(::gettid(), there);
    }
    EXPECT_EQ(others.end(), 0);
  });
}

TEST_P(ThreadLock, SCHED_09_the_thread_of_a_goroutine_that_ends_locked_ends) {
  in_goroutine([] {
    static thread_local int t_mark = 0;
    const int rounds = goro_test::repetitions(40);
    for (int i = 0; i < rounds; ++i) {
      goro::wait_group ended;
      std::atomic<pid_t> where{0};
      ended.go([&where] {
        goro::lock_os_thread();
        EXPECT_EQ(t_mark, 0) << "a thread is used again";
        t_mark = 1;
        where = ::gettid();
      });
      ended.wait();
      EXPECT_TRUE(goro_test::eventually([&] { return ::tgkill(::getpid(), where, 0) != 0; }))
          << "it lives on";
    }
  });
}

TEST_P(ThreadLock, SCHED_10_a_locked_goroutine_blocks_and_wakes_on_its_own_thread) {
  in_goroutine([&] {
    const goro::chan<int> to;
    const goro::chan<int> from;
    goro::wait_group ended;
    ended.go([&] {
      const goro::os_thread_lock locked;
      const pid_t here = ::gettid();
      for (const int i : to) {
        EXPECT_EQ(::gettid(), here);
        from.send(i);
        EXPECT_EQ(::gettid(), here);
      }
    });
    const int n = goro_test::repetitions(2000);
    for (int i = 0; i < n; ++i) {
      to.send(i);
      EXPECT_EQ(from.recv(), i);
    }
    to.close();
    ended.wait();
  });
}

TEST_P(ThreadLock, SCHED_10_a_locked_goroutine_sleeps_while_nobody_else_is_there) {
  in_goroutine([&] {
    const goro::os_thread_lock locked;
    const pid_t here = ::gettid();
    for (int i = 0; i < 100; ++i) {
      goro::sleep_for(std::chrono::microseconds(i % 7 == 0 ? 2000 : 100));
      EXPECT_EQ(::gettid(), here);
    }
  });
}

TEST_P(ThreadLock, SCHED_10_two_locked_goroutines_talk_to_each_other) {
  in_goroutine([&] {
    const goro::chan<int> c;
    goro::wait_group ended;
    const int n = goro_test::repetitions(1000);
    for (const bool sends : {true, false}) {
      ended.go([&, sends] {
        const goro::os_thread_lock locked;
        const pid_t here = ::gettid();
        for (int i = 0; i < n; ++i) {
          if (sends) {
            c.send(i);
          } else {
            EXPECT_EQ(c.recv(), i);
          }
          EXPECT_EQ(::gettid(), here);
        }
      });
    }
    ended.wait();
  });
}

TEST_P(ThreadLock, SCHED_10_a_locked_goroutine_that_blocks_its_thread_loses_only_its_p) {
  in_goroutine([&] {
    goro::wait_group ended;
    for (int i = 0; i < 4; ++i) {
      ended.go([] {
        const goro::os_thread_lock locked;
        const pid_t here = ::gettid();
        for (int k = 0; k < 5; ++k) {
          ::usleep(2000);
          goro::this_goroutine::yield();
          EXPECT_EQ(::gettid(), here);
        }
      });
    }
    std::atomic<int> others{0};
    for (int i = 0; i < 100; ++i) ended.go([&others] { ++others; });
    ended.wait();
    EXPECT_EQ(others, 100);
  });
}

// Its signal mask, and what a new thread inherits from the one that makes it.
TEST_P(ThreadLock,
       SCHED_11_goroutines_started_by_a_locked_one_have_neither_its_lock_nor_what_it_did_to_its_thread) {
  in_goroutine([&] {
    goro::wait_group ended;
    ended.go([&ended] {
      goro::lock_os_thread();  // for ever: the thread ends with it
      const pid_t here = ::gettid();
      sigset_t altered;
      sigemptyset(&altered);
      sigaddset(&altered, SIGUSR2);
      ::pthread_sigmask(SIG_BLOCK, &altered, nullptr);
      ASSERT_EQ(::setpriority(PRIO_PROCESS, static_cast<id_t>(here), 5), 0);  // of this thread, on Linux
      for (int i = 0; i < 20; ++i) {
        ended.go([here] {
          EXPECT_NE(::gettid(), here);
          sigset_t mask;
          ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
          EXPECT_EQ(sigismember(&mask, SIGUSR2), 0);
          EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), 0);
          ::usleep(1000);  // so that new threads are needed
        });
      }
    });
    ended.wait();
  });
}

TEST(ThreadLockOfThread, SCHED_08_on_a_plain_thread_it_does_nothing) {
  const goro::os_thread_lock locked;
  goro::unlock_os_thread();
  const goro::chan<int> c{1};
  c.send(1);
  EXPECT_EQ(c.recv(), 1);
}

}  // namespace
