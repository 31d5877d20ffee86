// The locks inside the runtime, on real threads: exclusion, and that no sleeper is forgotten.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include <goro/detail/lock.hpp>
#include <goro/goro.hpp>

#include "base/biased_lock.hpp"
#include "os/futex.hpp"
#include "support/bias_price.hpp"
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

// A machine has the lock by bias, a plain thread comes in between, and a goroutine that is led to another
// machine.
TEST(Lock, excludes_while_it_is_biased_now_and_then) {
  const goro_test::bias_price few(4);
  goro::detail::lock l;
  long plain = 0;
  long by_bias = 0;
  const int n = repetitions(20'000);
  const auto visit = [&](goro::detail::lock_places* me) {
    const goro::detail::lock_guard held(l, me);
    ++plain;
    by_bias += me && std::ranges::any_of(me->all, [](auto& p) { return p.load() != nullptr; }) ? 1 : 0;
  };
  std::atomic<bool> stop{false};
  std::atomic<long> visits{0};
  std::jthread other([&] {
    while (!stop) {
      visit(nullptr);
      ++visits;
      std::this_thread::sleep_for(20us);
    }
  });
  constexpr long k_enough = 10;  // visits: on a busy machine the thread begins late
  std::atomic<long> by_goroutines{0};
  goro::run([&] {
    goro::wait_group ended;
    for (int g = 0; g < 4; ++g) {
      ended.go([&] {
        int i = 0;
        for (; i < n || visits < k_enough; ++i) {
          visit(goro::detail::current_lock_places());
          if (i % 100 == 0) goro::this_goroutine::yield();
        }
        by_goroutines += i;
      });
    }
    ended.wait();
  });
  stop = true;
  other.join();
  EXPECT_GE(visits, k_enough);
  EXPECT_GT(by_bias, 0);
  EXPECT_GE(by_goroutines, 4L * n);
  EXPECT_EQ(plain, by_goroutines + visits);
}

// More than a machine has places for, and given back in another order than they were taken.
TEST(Lock, a_machine_holds_many_biased_ones_at_once) {
  const goro_test::bias_price one(1);
  goro::run([] {
    auto* const me = goro::detail::current_lock_places();
    ASSERT_TRUE(me);
    std::array<goro::detail::lock, 10> locks;
    std::vector<goro::detail::lock*> locks_in_any_order;
    for (auto& l : locks) locks_in_any_order.push_back(&l);
    std::mt19937 dice(5);
    for (int round = 0; round < 5; ++round) {
      for (auto& l : locks) l.acquire(me);
      EXPECT_EQ(std::ranges::count_if(me->all, [](auto& p) { return p.load() != nullptr; }),
                round < 1 ? 0 : 8);
      std::ranges::shuffle(locks_in_any_order, dice);
      for (auto* l : locks_in_any_order) l->release();
      EXPECT_EQ(std::ranges::count_if(me->all, [](auto& p) { return p.load() != nullptr; }), 0);
      // Now at other places than the locks have noted.
      std::vector<std::pair<goro::detail::lock*, goro::detail::lock_place*>> held;
      for (auto* l : locks_in_any_order) held.emplace_back(l, l->enter(me));
      std::ranges::shuffle(held, dice);
      for (const auto& [l, at] : held) l->leave(at);
      EXPECT_EQ(std::ranges::count_if(me->all, [](auto& p) { return p.load() != nullptr; }), 0);
    }
  });
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
