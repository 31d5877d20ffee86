// mutex.hpp, wait_group.hpp and once.hpp beyond the numbered behaviours: timeouts, plain threads, std's
// guards.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/bias_price.hpp"
#include "support/fixture.hpp"
#include "support/panic_text.hpp"
#include "support/seed.hpp"
#include "support/tracked.hpp"

namespace {

using goro_test::all_park;
using goro_test::eventually;
using goro_test::go_named;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Mutex : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Mutex, goro_test::all_procs());

TEST_P(Mutex, works_with_the_guards_of_std) {
  in_goroutine([] {
    goro::mutex a;
    goro::mutex b;
    {
      const std::scoped_lock both(a, b);
      EXPECT_FALSE(a.try_lock());
      EXPECT_FALSE(b.try_lock());
    }
    std::unique_lock ours(a, std::try_to_lock);
    EXPECT_TRUE(ours);
    EXPECT_FALSE(std::unique_lock(a, std::try_to_lock));
    EXPECT_FALSE(std::unique_lock(a, 1ms));
    ours.unlock();
    EXPECT_TRUE(std::unique_lock(a, goro::clock::now() + 1ms));
    EXPECT_TRUE(std::unique_lock(b, std::chrono::system_clock::now() + 1s));
    EXPECT_EQ(std::try_lock(a, b), -1);
    a.unlock();
    b.unlock();
  });
}

TEST_P(Mutex, timeouts) {
  const auto check = [] {
    goro::mutex m;
    m.lock();
    for (const auto d : {-1000us, 0us, 100us, 3000us}) {
      const auto start = goro::clock::now();
      EXPECT_FALSE(m.try_lock_for(d));
      EXPECT_GE(goro::clock::now() - start, d);
      EXPECT_FALSE(m.try_lock_until(start + d));
    }
    m.unlock();
    EXPECT_TRUE(m.try_lock_for(-1s));
    m.unlock();
    EXPECT_TRUE(m.try_lock_until(goro::time_point::min()));
    m.unlock();
  };
  check();
  in_goroutine(check);
}

TEST_P(Mutex, a_waiter_that_gave_up_does_not_keep_the_lock_from_others) {
  goro::mutex m;
  m.lock();
  std::atomic<int> got{0};
  go_named("impatient", [&] { EXPECT_FALSE(m.try_lock_for(20ms)); });
  go_named("impatient", [&] { EXPECT_FALSE(m.try_lock_for(20ms)); });
  go_named("patient", [&] {
    const std::lock_guard held(m);
    ++got;
  });
  EXPECT_TRUE(eventually([] { return goro_test::state_of("impatient").empty(); }));
  EXPECT_TRUE(all_park("patient"));
  m.unlock();
  EXPECT_TRUE(eventually([&] { return got == 1; }));
  EXPECT_TRUE(eventually([&] { return m.try_lock(); }));
  m.unlock();
}

TEST_P(Mutex, timed_and_untimed_waiters_among_threads_and_goroutines) {
  goro::mutex m;
  long plain = 0;
  std::atomic<long> expected{0};
  const int n = goro_test::repetitions(500);
  const auto work = [&](std::uint64_t stream) {
    auto rng = goro_test::make_rng(stream);
    for (int i = 0; i < n; ++i) {
      bool held = true;
      switch (goro_test::pick(rng, 0, 3)) {
        case 0:
          m.lock();
          break;
        case 1:
          held = m.try_lock();
          break;
        case 2:
          held = m.try_lock_for(std::chrono::microseconds(goro_test::pick(rng, 0, 60)));
          break;
        default:
          held = m.try_lock_for(1h);
      }
      if (!held) continue;
      ++plain;
      ++expected;
      if (goro_test::pick(rng, 0, 9) == 0) goro::this_goroutine::yield();
      m.unlock();
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 3; ++t) threads.emplace_back([&, t] { work(t); });
    in_goroutine([&] {
      goro::wait_group ended;
      for (std::uint64_t g = 100; g < 110; ++g) ended.go([&, g] { work(g); });
      ended.wait();
    });
  }
  EXPECT_EQ(plain, expected);
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

// `first` has locked it and hands it to a second one, which destroys it.
void destroy_after_hand_over(bool by_thread, int i) {
  auto* m = new goro::mutex;
  m->lock();
  goro::wait_group ended;
  const auto destroy = [m] {
    m->lock();  // after the unlock of the other
    m->unlock();
    delete m;
  };
  std::jthread thread;
  if (by_thread) {
    thread = std::jthread(destroy);
  } else {
    ended.go(destroy);
  }
  if (i % 2 == 0) goro::this_goroutine::yield();
  if (i % 50 == 0) goro::sleep_for(2ms);  // the other one starves, and is handed the lock
  m->unlock();
  ended.wait();
}

TEST_P(Mutex, may_be_destroyed_by_whoever_gets_it_last) {
  for (const std::uint16_t uses : {std::uint16_t{1}, goro::detail::lock::k_usual_bias_price}) {
    const goro_test::bias_price price(uses);
    in_goroutine([] {
      for (int i = 0; i < goro_test::repetitions(1000); ++i) destroy_after_hand_over(i % 20 == 0, i);
    });
  }
}

TEST_P(Mutex, attempts_for_a_time_say_so_and_leave_it_usable) {
  in_goroutine([] {
    goro::mutex m;
    EXPECT_TRUE(m.try_lock_for(0s));
    EXPECT_FALSE(m.try_lock_for(-1s));
    EXPECT_FALSE(m.try_lock_for(1ms));
    EXPECT_FALSE(m.try_lock_until(goro::clock::now()));
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
  });
}

struct SharedMutex : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SharedMutex, goro_test::all_procs());

TEST_P(SharedMutex, may_be_destroyed_by_the_writer_for_whom_the_last_reader_leaves) {
  for (const std::uint16_t uses : {std::uint16_t{1}, goro::detail::lock::k_usual_bias_price}) {
    const goro_test::bias_price price(uses);
    in_goroutine([] {
      for (int i = 0; i < goro_test::repetitions(1000); ++i) {
        auto* m = new goro::shared_mutex;
        m->lock_shared();
        goro::wait_group ended;
        ended.go([m] {
          m->lock();
          m->unlock();
          delete m;
        });
        if (i % 2 == 0) goro::this_goroutine::yield();
        m->unlock_shared();
        ended.wait();
      }
    });
  }
}

// Goroutines and plain threads, while the inner lock is biased now to this one and now to that.
TEST_P(SharedMutex, readers_and_writers_of_all_kinds_never_meet) {
  const goro_test::bias_price price(2);
  goro::shared_mutex m;
  std::int64_t plain = 0;
  std::atomic<std::int64_t> expected{0};
  const auto work = [&](std::uint64_t seed) {
    auto rng = goro_test::make_rng(seed);
    for (int i = goro_test::repetitions(1000); i > 0; --i) {
      if (goro_test::pick(rng, 0, 9) == 0) {
        const std::lock_guard writing(m);
        ++plain;
        ++expected;
      } else {
        const std::shared_lock reading(m);
        EXPECT_EQ(plain, expected);
        if (goro_test::pick(rng, 0, 9) == 0) goro::this_goroutine::yield();
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t != 2; ++t) threads.emplace_back([&, t] { work(t); });
    in_goroutine([&] {
      goro::wait_group ended;
      for (std::uint64_t g = 100; g != 108; ++g) ended.go([&, g] { work(g); });
      ended.wait();
    });
  }
  EXPECT_EQ(plain, expected);
  EXPECT_TRUE(m.try_lock());
  m.unlock();
}

struct WaitGroup : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, WaitGroup, goro_test::all_procs());

TEST_P(WaitGroup, add_takes_any_number) {
  in_goroutine([] {
    goro::wait_group wg;
    wg.add(0);
    wg.wait();
    wg.add(1'000'000);
    EXPECT_FALSE(wg.wait_for(0s));
    wg.add(-999'999);
    EXPECT_FALSE(wg.wait_for(1ms));
    wg.done();
    EXPECT_TRUE(wg.wait_for(0s));
    EXPECT_TRUE(wg.wait_for(-1s));
  });
}

TEST_P(WaitGroup, wait_for_lasts_at_least_its_duration) {
  const auto check = [] {
    goro::wait_group wg;
    wg.add();
    for (const auto d : {0us, 100us, 3000us}) {
      const auto start = goro::clock::now();
      EXPECT_FALSE(wg.wait_for(d));
      EXPECT_GE(goro::clock::now() - start, d);
    }
    wg.done();
    wg.wait();
  };
  check();
  in_goroutine(check);
}

TEST_P(WaitGroup, waits_that_time_out_beside_ones_that_last) {
  in_goroutine([] {
    goro::wait_group wg;
    wg.add();
    goro::wait_group waiters;
    std::atomic<int> released{0};
    std::atomic<int> timed_out{0};
    for (int i = 0; i < 40; ++i) {
      waiters.go([&, i] {
        if (i % 2 == 0) {
          wg.wait();
          ++released;
        } else {
          timed_out += wg.wait_for(std::chrono::microseconds(i * 50)) ? 0 : 1;
        }
      });
    }
    EXPECT_TRUE(eventually([&] { return timed_out == 20; }));
    EXPECT_EQ(released, 0);
    wg.done();
    waiters.wait();
    EXPECT_EQ(released, 20);
  });
}

TEST_P(WaitGroup, go_destroys_the_function_before_it_counts_down) {
  goro_test::tally t;
  in_goroutine([&] {
    goro::wait_group wg;
    for (int i = 0; i < 50; ++i) wg.go([v = goro_test::tracked(t, i)] { (void)v; });
    wg.wait();
    EXPECT_EQ(t.alive(), 0);
  });
}

TEST_P(WaitGroup, may_be_destroyed_as_soon_as_wait_has_returned) {
  const auto burst = [] {
    for (int i = 0; i < goro_test::repetitions(2000); ++i) {
      goro::wait_group wg;
      std::array<int, 3> plain{};
      for (int& p : plain) wg.go([&p] { p = 1; });
      wg.wait();
      ASSERT_EQ(plain, (std::array<int, 3>{1, 1, 1}));
    }
  };
  in_goroutine(burst);
  burst();  // a plain thread waits
}

TEST_P(WaitGroup, threads_count_down_and_wait) {
  goro::wait_group wg;
  std::atomic<int> released{0};
  wg.add(4);
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      wg.done();
      wg.wait();
      ++released;
    });
  }
  threads.clear();
  EXPECT_EQ(released, 4);
}

struct Once : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Once, goro_test::all_procs());

TEST_P(Once, threads_and_goroutines_call_it) {
  for (int round = 0; round < 20; ++round) {
    goro::once o;
    int plain = 0;
    const auto call = [&] {
      o.call([&] {
        goro::this_goroutine::yield();
        ++plain;
      });
      EXPECT_EQ(plain, 1);
    };
    std::vector<std::jthread> threads;
    for (int t = 0; t < 3; ++t) threads.emplace_back(call);
    in_goroutine([&] {
      goro::wait_group ended;
      for (int g = 0; g < 10; ++g) ended.go(call);
      ended.wait();
    });
  }
}

TEST_P(Once, once_value_of_a_move_only_function_and_result) {
  in_goroutine([] {
    goro_test::tally t;
    {
      auto value = goro::once_value([v = goro_test::tracked(t, 1)]() mutable { return std::move(v); });
      EXPECT_EQ(value().value(), 1);
      const goro_test::tracked& same = value();
      EXPECT_EQ(&same, &value());
    }
    EXPECT_EQ(t.alive(), 0);
  });
}

TEST_P(WaitGroup, SYNC_13_a_wait_that_timed_out_is_nobody_who_waits) {
  in_goroutine([] {
    goro::wait_group tasks;
    for (int i = 0; i < goro_test::repetitions(2000); ++i) {
      tasks.go([] { goro::this_goroutine::yield(); });
      for (int k = 0; k < 20 && !tasks.wait_for(std::chrono::microseconds(i % 7)); ++k) tasks.go([] {});
      tasks.wait();
    }
  });
}

TEST_P(WaitGroup, add_of_what_does_not_fit_panics) {
  goro::wait_group wg;
  EXPECT_EQ(goro_test::panic_text([&] { wg.add(1LL << 32); }), "goro: wait_group counter out of range");
  wg.wait();
}

TEST_P(WaitGroup, a_function_that_throws_when_it_is_copied_is_not_counted) {
  struct throws {
    throws() = default;
    throws(const throws&) { throw std::runtime_error("copied"); }
    void operator()() const {}
  };
  goro::wait_group wg;
  const throws f;
  EXPECT_THROW(wg.go(f), std::runtime_error);
  wg.wait();
}

TEST_P(Mutex, a_try_that_may_not_wait_does_not_give_the_turn_away) {
  in_goroutine([] {
    goro::mutex m;
    m.lock();
    goro::wait_group wg;
    wg.add();
    std::atomic<bool> ran{false};
    if (goro::max_procs() == 1) goro::go([&] { ran = true; });
    EXPECT_FALSE(m.try_lock_for(0ms));
    EXPECT_FALSE(wg.wait_for(0ms));
    EXPECT_FALSE(ran);
    m.unlock();
    wg.done();
    EXPECT_TRUE(goro::max_procs() != 1 || goro_test::eventually([&] { return ran.load(); }));
  });
}

}  // namespace
