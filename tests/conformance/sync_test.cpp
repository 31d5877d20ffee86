// SYNC-01 to 06 and 11 to 14: mutex and wait_group. What is fatal (SYNC-03) is in process_fatal_test.cpp.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/immortal.hpp"
#include "support/panic_text.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using goro_test::panic_text;
using namespace std::chrono_literals;

struct Sync : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Sync, goro_test::all_procs());

// SYNC-21, as far as the types exist.
template <class T>
constexpr bool stays_where_it_is = !std::is_copy_constructible_v<T> && !std::is_move_constructible_v<T> &&
                                   !std::is_copy_assignable_v<T> && !std::is_move_assignable_v<T>;
static_assert(stays_where_it_is<goro::mutex> && stays_where_it_is<goro::wait_group> &&
              stays_where_it_is<goro::once>);

TEST_P(Sync, SYNC_01_a_mutex_excludes) {
  goro::mutex m;
  EXPECT_TRUE(m.try_lock());  // unlocked at first
  m.unlock();
  int plain = 0;  // ThreadSanitizer watches
  int inside = 0;
  const int n = goro_test::repetitions(2000);
  std::vector<std::jthread> threads;
  in_goroutine([&] {
    const auto work = [&] {
      for (int i = 0; i < n; ++i) {
        const std::lock_guard held(m);
        EXPECT_EQ(++inside, 1);
        ++plain;
        if (i % 64 == 0) goro::this_goroutine::yield();  // holds it across a park
        --inside;
      }
    };
    goro::wait_group ended;
    for (int i = 0; i < 10; ++i) ended.go(work);
    std::jthread thread(work);
    ended.wait();
  });
  EXPECT_EQ(plain, 11 * n);
}

TEST_P(Sync, SYNC_01_lock_blocks_the_goroutine_not_its_thread) {
  goro::mutex m;
  m.lock();
  std::atomic<int> locked{0};
  const int n = 200;  // more than there are threads
  goro::wait_group ended;
  ended.add(n);
  for (int i = 0; i < n; ++i) {
    go_named("waits", [&] {
      {
        const std::lock_guard held(m);
        ++locked;
      }
      ended.done();
    });
  }
  EXPECT_TRUE(all_park("waits", n));
  in_goroutine([] {});  // there is a P for others
  EXPECT_EQ(locked, 0);
  m.unlock();
  ended.wait();
  EXPECT_EQ(locked, n);
}

TEST_P(Sync, SYNC_02_another_goroutine_may_unlock) {
  in_goroutine([] {
    goro::mutex m;
    goro::wait_group ended;
    for (int i = 0; i < 100; ++i) {
      m.lock();
      ended.go([&] { m.unlock(); });
    }
    m.lock();
    ended.wait();
    m.unlock();
    std::jthread([&] { m.lock(); }).join();
    EXPECT_FALSE(m.try_lock());
    m.unlock();
  });
}

TEST_P(Sync, SYNC_02_locking_twice_blocks) {
  goro::mutex m;
  std::atomic<bool> passed{false};
  go_named("locks twice", [&] {
    m.lock();
    m.lock();
    passed = true;
  });
  EXPECT_TRUE(all_park("locks twice"));
  EXPECT_FALSE(passed);
  m.unlock();
  EXPECT_TRUE(eventually([&] { return passed.load(); }));
}

TEST_P(Sync, SYNC_04_try_lock_succeeds_only_if_it_takes_the_lock) {
  in_goroutine([] {
    goro::mutex m;
    m.lock();
    EXPECT_FALSE(m.try_lock());
    EXPECT_FALSE(m.try_lock_for(1ms));
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    EXPECT_FALSE(m.try_lock());
    m.unlock();

    int plain = 0;
    int taken = 0;
    goro::wait_group ended;
    for (int i = 0; i < 8; ++i) {
      ended.go([&] {
        for (int k = 0; k < 500; ++k) {
          if (!m.try_lock()) continue;
          ++plain;
          m.unlock();
        }
        const std::lock_guard held(m);
        ++taken;
      });
    }
    ended.wait();
    EXPECT_EQ(taken, 8);
    EXPECT_GE(plain, 1);
    EXPECT_LE(plain, 8 * 500);
  });
}

// What needs to know who runs when.
struct SyncOneProc : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SyncOneProc, testing::Values(1));

TEST_P(SyncOneProc, SYNC_05_a_starving_waiter_gets_the_lock_before_newcomers) {
  in_goroutine([] {
    goro::mutex m;
    bool waiter_had_it = false;
    m.lock();
    go_named("waiter", [&] {
      const std::lock_guard held(m);
      waiter_had_it = true;
    });
    EXPECT_TRUE(all_park("waiter"));
    goro::sleep_for(3ms);
    m.unlock();
    bool holds_it = m.try_lock();
    if (holds_it && !waiter_had_it) {  // who runs may overtake, once: then the waiter, awake, finds it locked
      for (int i = 0; i < 10; ++i) goro::this_goroutine::yield();
      EXPECT_FALSE(waiter_had_it);
      m.unlock();
      holds_it = m.try_lock();
      EXPECT_TRUE(!holds_it || waiter_had_it) << "a newcomer overtook a starving waiter";
    }
    if (!holds_it) m.lock();
    EXPECT_TRUE(waiter_had_it) << "a newcomer overtook a starving waiter";
    m.unlock();
    EXPECT_TRUE(eventually([] { return goro_test::state_of("waiter").empty(); }));
    EXPECT_TRUE(m.try_lock());  // back in normal mode
    m.unlock();
  });
}

TEST_P(Sync, SYNC_05_a_goroutine_that_needs_the_lock_seldom_gets_it_beside_one_that_hogs_it) {
  in_goroutine([] {
    goro::mutex m;
    std::atomic<bool> stop{false};
    goro::wait_group hog;
    hog.go([&] {
      while (!stop) {
        m.lock();
        goro::sleep_for(100us);
        m.unlock();
      }
    });
    const auto start = goro::clock::now();
    for (int i = 0; i < 10; ++i) {
      goro::sleep_for(100us);
      m.lock();
      m.unlock();
    }
    EXPECT_LT(goro::clock::now() - start, 10s);
    stop = true;
    hog.wait();
  });
}

TEST_P(Sync, SYNC_06_a_mutex_held_by_a_goroutine_that_ends_stays_locked_unless_a_guard_holds_it) {
  in_goroutine([] {
    goro::mutex kept;
    goro::mutex guarded;
    goro::wait_group ended;
    ended.go([&] { kept.lock(); });
    ended.go([&] {
      try {
        const std::lock_guard held(guarded);
        throw std::runtime_error("panics with the lock held");
      } catch (const std::runtime_error&) {
      }
    });
    ended.go([&] {
      const std::lock_guard held(guarded);
      goro::this_goroutine::exit();
    });
    ended.wait();
    EXPECT_FALSE(kept.try_lock());
    EXPECT_TRUE(guarded.try_lock());
    guarded.unlock();
    kept.unlock();
  });
}

TEST_P(Sync, SYNC_11_wait_returns_at_zero_and_releases_all_waiters) {
  goro::wait_group wg;
  wg.wait();  // at once
  wg.add(3);
  std::atomic<int> released{0};
  for (int i = 0; i < 20; ++i) {
    go_named("waiter", [&] {
      wg.wait();
      ++released;
    });
  }
  std::jthread thread([&] {
    wg.wait();
    ++released;
  });
  EXPECT_TRUE(all_park("waiter", 20));
  wg.done();
  wg.done();
  EXPECT_EQ(released, 0);
  EXPECT_FALSE(wg.wait_for(1ms));
  wg.done();
  EXPECT_TRUE(eventually([&] { return released == 21; }));
  wg.wait();
}

TEST_P(Sync, SYNC_11_wait_returns_only_after_every_done) {
  in_goroutine([] {
    for (int round = 0; round < goro_test::repetitions(200); ++round) {
      goro::wait_group wg;
      std::vector<int> results(16, 0);  // plain: ordered by done and wait
      for (std::size_t i = 0; i < results.size(); ++i) {
        wg.go([&results, i] { results[i] = 1; });
      }
      wg.wait();
      for (const int r : results) ASSERT_EQ(r, 1);
    }
  });
}

TEST_P(Sync, SYNC_12_a_counter_below_zero_panics) {
  in_goroutine([] {
    constexpr const char* k_text = "sync: negative WaitGroup counter";
    auto& wg = goro_test::immortal<goro::wait_group>();
    EXPECT_EQ(panic_text([&] { wg.done(); }), k_text);
    auto& other = goro_test::immortal<goro::wait_group>();
    other.add(2);
    EXPECT_EQ(panic_text([&] { other.add(-3); }), k_text);
  });
}

TEST_P(Sync, SYNC_13_growing_a_positive_counter_is_allowed_while_others_wait) {
  auto& wg = goro_test::immortal<goro::wait_group>();  // nothing tells when the waiter has left it
  wg.add();
  go_named("waiter", [&] { wg.wait(); });
  EXPECT_TRUE(all_park("waiter"));
  for (int i = 0; i < 10; ++i) wg.add(i);
  for (int i = 0; i < 45; ++i) wg.done();
  EXPECT_EQ(goro_test::parked_count("waiter"), 1U);
  wg.done();
  EXPECT_TRUE(eventually([] { return goro_test::state_of("waiter").empty(); }));
}

TEST_P(Sync, SYNC_14_a_wait_group_can_be_reused) {
  in_goroutine([] {
    goro::wait_group wg;
    int plain = 0;
    for (int round = 0; round < goro_test::repetitions(1000); ++round) {
      std::atomic<int> ran{0};
      for (int i = 0; i < 8; ++i) wg.go([&] { ++ran; });
      wg.wait();
      ASSERT_EQ(ran, 8);
      ++plain;
    }
    EXPECT_EQ(plain, goro_test::repetitions(1000));
  });
}

}  // namespace
