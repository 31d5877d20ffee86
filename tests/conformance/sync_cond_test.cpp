// SYNC-18 to 20: condition variables.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/panic_text.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct SyncCond : goro_test::procs_test {
  goro::mutex guard;
  goro::condition_variable changed;
  std::vector<int> order;  // guarded

  // A goroutine that waits once and notes its number.
  void start_waiter(int number, const char* name) {
    go_named(name, [this, number] {
      std::unique_lock held(guard);
      changed.wait(held);
      order.push_back(number);
    });
  }
  std::size_t woken() {
    const std::lock_guard held(guard);
    return order.size();
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, SyncCond, goro_test::all_procs());

TEST_P(SyncCond, SYNC_18_wait_releases_the_lock_and_holds_it_again) {
  start_waiter(1, "waiter");
  EXPECT_TRUE(all_park("waiter"));
  EXPECT_EQ(goro_test::state_of("waiter"), "sync.Cond.Wait");
  std::unique_lock held(guard);  // it is free
  changed.notify_one();
  held.unlock();
  EXPECT_TRUE(eventually([&] { return woken() == 1; }));
}

// No notification is lost between the look at the condition and the wait: a queue with many on both sides.
TEST_P(SyncCond, SYNC_18_waiting_begins_as_one_step_with_the_release) {
  in_goroutine([&] {
    std::deque<int> queue;
    std::atomic<int> sum{0};
    goro::wait_group ended;
    for (int g = 0; g != 4; ++g) {
      ended.go([&] {
        for (int i = 0; i != 500; ++i) {
          std::unique_lock held(guard);
          changed.wait(held, [&] { return !queue.empty(); });
          sum += queue.front();
          queue.pop_front();
        }
      });
      ended.go([&] {
        for (int i = 0; i != 500; ++i) {
          const std::lock_guard held(guard);
          queue.push_back(1);
          changed.notify_one();
        }
      });
    }
    ended.wait();
    EXPECT_EQ(sum, 2000);
  });
}

TEST_P(SyncCond, SYNC_19_notify_one_wakes_exactly_the_longest_waiter) {
  for (int i = 0; i != 5; ++i) {
    start_waiter(i, "waiter");
    EXPECT_TRUE(all_park("waiter", static_cast<std::size_t>(i) + 1));
  }
  for (std::size_t i = 1; i <= 5; ++i) {
    changed.notify_one();  // without the lock
    EXPECT_TRUE(eventually([&] { return woken() == i; }));
    EXPECT_TRUE(all_park("waiter", 5 - i));
    EXPECT_EQ(woken(), i);
  }
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4}));
}

TEST_P(SyncCond, SYNC_19_a_notification_without_a_waiter_is_not_remembered) {
  changed.notify_one();
  changed.notify_all();
  start_waiter(1, "waiter");
  EXPECT_TRUE(all_park("waiter"));
  EXPECT_EQ(woken(), 0U);
  changed.notify_one();
  EXPECT_TRUE(eventually([&] { return woken() == 1; }));
}

TEST_P(SyncCond, SYNC_20_notify_all_wakes_everyone_who_waits_then) {
  for (int i = 0; i != 10; ++i) start_waiter(i, "early");
  EXPECT_TRUE(all_park("early", 10));
  changed.notify_all();
  start_waiter(10, "late");
  EXPECT_TRUE(eventually([&] { return woken() == 10; }));
  EXPECT_TRUE(all_park("late"));
  EXPECT_EQ(woken(), 10U);
  changed.notify_one();
  EXPECT_TRUE(eventually([&] { return woken() == 11; }));
}

TEST_P(SyncCond, SYNC_20_a_later_waiter_cannot_take_an_earlier_ones_wake_up) {
  in_goroutine([&] {
    for (int round = 0; round != 200; ++round) {
      goro::mutex m;
      goro::condition_variable c;
      bool first_woken = false;
      bool first_waits = false;
      goro::wait_group ended;
      ended.go([&] {
        std::unique_lock held(m);
        first_waits = true;
        c.wait(held);
        first_woken = true;
      });
      ended.go([&] {
        std::unique_lock held(m);
        while (!first_waits) {
          held.unlock();
          goro::this_goroutine::yield();
          held.lock();
        }
        c.notify_one();
        while (!first_woken) (void)c.wait_for(held, 1ms);  // waits too
      });
      ended.wait();
    }
  });
}

TEST_P(SyncCond, waits_with_a_deadline) {
  in_goroutine([&] {
    std::unique_lock held(guard);
    const auto start = goro::clock::now();
    EXPECT_EQ(changed.wait_for(held, 5ms), std::cv_status::timeout);
    EXPECT_GE(goro::clock::now() - start, 5ms);
    EXPECT_TRUE(held.owns_lock());
    EXPECT_FALSE(changed.wait_until(held, goro::clock::now() + 1ms, [] { return false; }));
    EXPECT_TRUE(changed.wait_for(held, -1s, [] { return true; }));
    bool set = false;
    goro::go([&] {
      const std::lock_guard mine(guard);
      set = true;
      changed.notify_one();
    });
    EXPECT_TRUE(changed.wait_for(held, 10s, [&] { return set; }));
    EXPECT_EQ(changed.wait_for(held, 1ms), std::cv_status::timeout) << "a notification left over";
  });
}

TEST_P(SyncCond, a_wait_without_the_lock_panics) {
  std::unique_lock held(guard, std::defer_lock);
  EXPECT_EQ(goro_test::panic_text([&] { changed.wait(held); }),
            "goro: wait on a condition_variable without the lock");
}

TEST_P(SyncCond, works_between_threads_and_goroutines) {
  int turn = 0;
  std::jthread thread([&] {
    for (int i = 0; i != 200; ++i) {
      std::unique_lock held(guard);
      changed.wait(held, [&] { return turn % 2 == 0; });
      ++turn;
      changed.notify_all();
    }
  });
  in_goroutine([&] {
    for (int i = 0; i != 200; ++i) {
      std::unique_lock held(guard);
      changed.wait(held, [&] { return turn % 2 == 1; });
      ++turn;
      changed.notify_all();
    }
  });
  thread.join();
  EXPECT_EQ(turn, 400);
}

}  // namespace
