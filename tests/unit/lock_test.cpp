// The locks inside the runtime, on real threads: exclusion, and that no sleeper is forgotten.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <goro/detail/lock.hpp>

#include "base/biased_lock.hpp"
#include "os/futex.hpp"
#include "support/build.hpp"

namespace {

using goro_test::repetitions;
using namespace std::chrono_literals;

TEST(Lock, excludes_also_when_its_holder_sleeps) {
  goro::detail::lock l;
  long plain = 0;
  const int n = repetitions(20'000);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < n; ++i) {
        const goro::detail::lock_guard held(l);
        ++plain;
        if (i % 2000 == t) std::this_thread::sleep_for(100us);  // the others go to sleep on the lock
      }
    });
  }
  threads.clear();
  EXPECT_EQ(plain, 6L * n);
}

TEST(Lock, try_acquire) {
  goro::detail::lock l;
  EXPECT_TRUE(l.try_acquire());
  EXPECT_FALSE(l.try_acquire());
  l.release();
  EXPECT_TRUE(l.try_acquire());
  l.release();
}

TEST(Lock, many_locks_with_sleepers_at_once) {
  std::vector<goro::detail::lock> locks(4);
  std::vector<long> plain(4, 0);
  const int n = repetitions(5000);
  std::vector<std::jthread> threads;
  for (std::size_t t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < n; ++i) {
        const goro::detail::lock_guard held(locks[t % 4]);
        ++plain[t % 4];
        if (i % 500 == 0) std::this_thread::yield();
      }
    });
  }
  threads.clear();
  for (const long p : plain) EXPECT_EQ(p, 2L * n);
}

TEST(BiasedLock, owner_and_thieves_exclude_each_other) {
  goro::detail::biased_lock<> l;
  long plain = 0;
  long by_thieves = 0;
  std::atomic<bool> done{false};
  std::vector<std::jthread> thieves;
  for (int t = 0; t < 3; ++t) {
    thieves.emplace_back([&] {
      while (!done) {
        if (l.thief_try_acquire()) {
          ++plain;
          ++by_thieves;
          l.thief_release();
        }
        std::this_thread::yield();
      }
    });
  }
  const int n = repetitions(1'000'000);
  for (int i = 0; i < n; ++i) {
    const goro::detail::owner_guard held(l);
    ++plain;
  }
  done = true;
  thieves.clear();
  EXPECT_EQ(plain, n + by_thieves);
}

TEST(Note, a_set_is_remembered_and_a_deadline_ends_the_sleep) {
  goro::detail::note n;
  EXPECT_FALSE(n.is_set());
  const auto start = goro::clock::now();
  const goro::time_point until = start + 3ms;
  EXPECT_FALSE(n.sleep(&until));
  EXPECT_GE(goro::clock::now(), until);
  const goro::time_point past = start - 1h;
  EXPECT_FALSE(n.sleep(&past));
  n.set();
  EXPECT_TRUE(n.sleep());
  EXPECT_TRUE(n.sleep(&past)) << "set beats the deadline";
  n.clear();
  EXPECT_FALSE(n.is_set());
}

TEST(Note, wakes_another_thread_with_what_was_written_before) {
  goro::detail::note there;
  goro::detail::note back;
  int plain = 0;
  const int n = repetitions(2000);
  std::jthread partner([&] {
    for (int i = 0; i < n; ++i) {
      there.sleep();
      there.clear();
      ++plain;
      back.set();
    }
  });
  for (int i = 0; i < n; ++i) {
    ++plain;
    there.set();
    back.sleep();
    back.clear();
  }
  EXPECT_EQ(plain, 2 * n);
}

}  // namespace
