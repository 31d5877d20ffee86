// SYNC-07, 08 and 10: many readers or one writer. SYNC-09 is in process_fatal_test.cpp.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct SyncRwmutex : goro_test::procs_test {
  goro::shared_mutex rw;
};
INSTANTIATE_TEST_SUITE_P(Procs, SyncRwmutex, goro_test::all_procs());

TEST_P(SyncRwmutex, SYNC_07_many_readers_at_once) {
  const goro::chan<goro::unit> inside;
  const goro::chan<goro::unit> leave;
  for (int i = 0; i != 10; ++i) {
    goro::go([&, inside, leave] {
      const std::shared_lock held(rw);
      inside.send({});
      leave.recv();
    });
  }
  for (int i = 0; i != 10; ++i) inside.recv();
  leave.close();
  EXPECT_TRUE(eventually([&] { return alive() == 0; }));
}

// Readers and writers count themselves: never a writer with anybody else.
TEST_P(SyncRwmutex, SYNC_07_or_one_writer) {
  in_goroutine([&] {
    std::atomic<int> activity{0};
    goro::wait_group ended;
    for (int g = 0; g != 10; ++g) {
      ended.go([&, g] {
        for (int i = 0; i != 300; ++i) {
          if ((g + i) % 5 == 0) {
            const std::lock_guard held(rw);
            EXPECT_EQ(activity.fetch_add(10'000), 0);
            if (i % 7 == 0) goro::this_goroutine::yield();
            activity -= 10'000;
          } else {
            const std::shared_lock held(rw);
            EXPECT_LT(activity.fetch_add(1), 10'000);
            if (i % 7 == 0) goro::this_goroutine::yield();
            --activity;
          }
        }
      });
    }
    ended.wait();
    EXPECT_EQ(activity, 0);
  });
}

TEST_P(SyncRwmutex, SYNC_07_it_blocks_goroutines_only) {
  rw.lock();
  goro::wait_group ended;
  ended.add(200);
  for (int i = 0; i != 100; ++i) {
    go_named("reader", [&] {
      {
        const std::shared_lock held(rw);
      }
      ended.done();
    });
    go_named("writer", [&] {
      {
        const std::lock_guard held(rw);
      }
      ended.done();
    });
  }
  EXPECT_TRUE(all_park("reader", 100));
  EXPECT_TRUE(all_park("writer", 100));
  EXPECT_EQ(goro_test::state_of("reader"), "sync.RWMutex.RLock");
  rw.unlock();
  ended.wait();
}

TEST_P(SyncRwmutex, SYNC_08_a_waiting_writer_holds_back_new_readers) {
  rw.lock_shared();
  std::vector<int> order;
  goro::mutex guard;
  goro::wait_group ended;
  ended.add(2);
  const auto note = [&](int who) {
    const std::lock_guard held(guard);
    order.push_back(who);
  };
  go_named("writer", [&] {
    {
      const std::lock_guard held(rw);
      note(1);
    }
    ended.done();
  });
  EXPECT_TRUE(all_park("writer"));
  EXPECT_EQ(goro_test::state_of("writer"), "sync.RWMutex.Lock");
  EXPECT_FALSE(rw.try_lock_shared());
  go_named("reader", [&] {
    {
      const std::shared_lock held(rw);
      note(2);
    }
    ended.done();
  });
  EXPECT_TRUE(all_park("reader"));
  rw.unlock_shared();
  ended.wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST_P(SyncRwmutex, SYNC_08_readers_behind_it_run_before_the_next_writer) {
  rw.lock();
  std::atomic<int> readers{0};
  std::atomic<int> seen{-1};
  goro::wait_group ended;
  ended.add(6);
  for (int i = 0; i != 5; ++i) {
    go_named("reader", [&] {
      {
        const std::shared_lock held(rw);
        ++readers;
      }
      ended.done();
    });
  }
  EXPECT_TRUE(all_park("reader", 5));
  go_named("next writer", [&] {
    {
      const std::lock_guard held(rw);
      seen = readers.load();
    }
    ended.done();
  });
  EXPECT_TRUE(all_park("next writer"));
  rw.unlock();
  ended.wait();
  EXPECT_EQ(seen, 5);
}

TEST_P(SyncRwmutex, SYNC_10_the_attempts_never_block) {
  EXPECT_TRUE(rw.try_lock_shared());
  EXPECT_TRUE(rw.try_lock_shared());
  EXPECT_FALSE(rw.try_lock());
  rw.unlock_shared();
  EXPECT_FALSE(rw.try_lock());
  rw.unlock_shared();
  EXPECT_TRUE(rw.try_lock());
  EXPECT_FALSE(rw.try_lock());
  EXPECT_FALSE(rw.try_lock_shared());
  rw.unlock();
  EXPECT_TRUE(rw.try_lock());
  rw.unlock();
}

TEST_P(SyncRwmutex, works_between_threads_and_goroutines) {
  int value = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t != 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i != 500; ++i) {
        const std::lock_guard held(rw);
        ++value;
      }
    });
  }
  in_goroutine([&] {
    int last = 0;
    for (int i = 0; i != 500; ++i) {
      const std::shared_lock held(rw);
      EXPECT_GE(value, last);
      last = value;
    }
  });
  threads.clear();
  EXPECT_EQ(value, 1000);
}

}  // namespace
