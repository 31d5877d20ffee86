// SCHED-17 to 22: goroutines that block their threads or compute without end cost a thread, never the
// program.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/build.hpp"
#include "support/fixture.hpp"

namespace {

using goro_test::block_thread;
using goro_test::compute;
using goro_test::eventually;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

// Goroutines that compute until they are stopped, without ever calling goro.
class endless_loops {
 public:
  void start(int n) {
    for (int i = 0; i < n; ++i) {
      ended_.go([this] {
        ++begun_;
        while (!stop_.load(std::memory_order_relaxed)) {
        }
      });
    }
  }
  int begun() const { return begun_; }
  // The last thing: from then on a goroutine's turn is needed to end.
  void stop() {
    stop_ = true;
    ended_.wait();
  }

 private:
  std::atomic<bool> stop_{false};
  std::atomic<int> begun_{0};
  goro::wait_group ended_;
};

struct HandOff : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, HandOff, goro_test::all_procs());

TEST_P(HandOff, SCHED_18_a_loop_without_calls_does_not_freeze_the_program) {
  in_goroutine([&] {
    endless_loops loops;
    loops.start(2 * procs());
    // Others run, timers fire.
    goro::chan<int> c;
    goro::go([c] {
      for (int i = 0; i < 1000; ++i) c.send(i);
      c.close();
    });
    int sum = 0;
    for (const int i : c) sum += i;
    EXPECT_EQ(sum, 499'500);
    // And all of them begin, which takes Ps away.
    EXPECT_TRUE(eventually([&] { return loops.begun() == 2 * procs(); }, 60s));
    loops.stop();
  });
  EXPECT_GE(goro::stats().handoffs_busy, 1U);
}

TEST_P(HandOff, SCHED_18_well_behaved_goroutines_finish_beside_sixty_loops) {
  in_goroutine([&] {
    endless_loops loops;
    loops.start(60);
    goro::wait_group good;
    std::atomic<int> ended{0};
    // A sanitizer makes a fiber for each, which takes 2.5 ms of CPU, of which they have a thirtieth.
    constexpr int k_good = goro_test::k_tsan ? 30 : goro_test::k_asan ? 100 : 1000;
    for (int i = 0; i < k_good; ++i) {
      good.go([&] {
        goro::this_goroutine::yield();
        ++ended;
      });
    }
    good.wait();
    EXPECT_EQ(ended, k_good);
    loops.stop();
  });
}

TEST_P(HandOff, SCHED_17_a_goroutine_that_calls_goro_all_the_time_gives_way) {
  in_goroutine([&] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < 2 * procs(); ++i) {
      ended.go([&stop] {
        const goro::chan<int> empty;
        while (!stop) static_cast<void>(empty.try_recv());  // never parks, never waits
      });
    }
    ended.go([&stop] { stop = true; });
    ended.wait();
    EXPECT_TRUE(stop);
  });
}

TEST_P(HandOff, SCHED_20_a_blocked_thread_gives_its_p_to_others) {
  in_goroutine([&] {
    goro::wait_group ended;
    const auto start = goro::clock::now();
    for (int i = 0; i < 64; ++i) ended.go([] { block_thread(50ms); });
    ended.wait();
    // One after another they would take 3.2 s.
    EXPECT_LT(goro::clock::now() - start, 1600ms);
  });
}

TEST_P(HandOff, SCHED_20_a_std_mutex_held_across_a_sleep_blocks_only_those_who_want_it) {
  const int lockers = goro_test::goroutines_at_once(1000);
  const int pairs = goro_test::repetitions(5000);
  in_goroutine([&] {
    std::mutex guard;
    long counter = 0;
    goro::wait_group ended;
    ended.go([&] {
      const std::lock_guard held(guard);
      block_thread(100ms);
      ++counter;
    });
    for (int i = 0; i < lockers; ++i) {
      ended.go([&] {
        const std::lock_guard held(guard);
        ++counter;
      });
    }
    goro::wait_group players;
    std::atomic<long> hits{0};
    for (int i = 0; i < pairs; ++i) {
      const goro::chan<int> ball;
      players.go([ball] { ball.send(1); });
      players.go([ball, &hits] { hits += ball.recv().value(); });
    }
    players.wait();
    EXPECT_EQ(hits, pairs);
    ended.wait();
    EXPECT_EQ(counter, lockers + 1);
  });
}

// As many goroutines wait for each other, each on its own thread: they come together only if all have one.
void meet_on_threads(int all) {
  std::mutex guard;
  std::condition_variable all_there;
  int inside = 0;
  goro::wait_group ended;
  for (int i = 0; i < all; ++i) {
    ended.go([&] {
      std::unique_lock held(guard);
      if (++inside == all) all_there.notify_all();
      all_there.wait(held, [&] { return inside == all; });
    });
  }
  ended.wait();
  EXPECT_EQ(inside, all);
}

TEST_P(HandOff, SCHED_20_sixty_four_goroutines_are_in_a_condition_wait_at_once) {
  in_goroutine([] { meet_on_threads(64); });
}

TEST_P(HandOff, SCHED_20_blocking_reads_of_pipes_that_are_written_later) {
  in_goroutine([] {
    std::vector<std::array<int, 2>> pipes(64);
    goro::wait_group ended;
    std::atomic<int> read{0};
    for (auto& p : pipes) {
      ASSERT_EQ(::pipe(p.data()), 0);
      ended.go([&read, end = p[0]] {
        char byte = 0;
        if (::read(end, &byte, 1) == 1) ++read;
      });
    }
    goro::sleep_for(10ms);
    for (const auto& p : pipes) ASSERT_EQ(::write(p[1], "x", 1), 1);
    ended.wait();
    EXPECT_EQ(read, 64);
    for (const auto& p : pipes) {
      ::close(p[0]);
      ::close(p[1]);
    }
  });
}

TEST_P(HandOff, SCHED_20_flock_between_goroutines) {
  in_goroutine([] {
    std::string path = testing::TempDir() + "goro_flock_XXXXXX";
    const int first = ::mkstemp(path.data());
    const int second = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_EQ(::flock(first, LOCK_EX), 0);
    goro::wait_group ended;
    std::atomic<bool> locked{false};
    ended.go([&] {
      EXPECT_EQ(::flock(second, LOCK_EX), 0);  // blocks its thread until the other one is closed
      locked = true;
    });
    goro::sleep_for(5ms);
    EXPECT_FALSE(locked);
    ::close(first);
    ended.wait();
    EXPECT_TRUE(locked);
    ::close(second);
    ::unlink(path.c_str());
  });
}

// Its thread stays its own while it does not call goro.
TEST_P(HandOff, SCHED_20_a_recursive_mutex_stays_with_its_thread) {
  in_goroutine([] {
    std::recursive_mutex guard;
    goro::wait_group ended;
    long counter = 0;
    for (int i = 0; i < 16; ++i) {
      ended.go([&] {
        const std::lock_guard outer(guard);
        block_thread(2ms);
        const std::lock_guard inner(guard);
        ++counter;
      });
    }
    ended.wait();
    EXPECT_EQ(counter, 16);
  });
}

TEST_P(HandOff, SCHED_20_page_faults_without_end) {
  in_goroutine([] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    ended.go([&] {
      constexpr std::size_t k_bytes = std::size_t{8} << 20;
      while (!stop) {
        void* memory = ::mmap(nullptr, k_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return;
        for (std::size_t at = 0; at < k_bytes; at += 4096) static_cast<volatile char*>(memory)[at] = 1;
        ::munmap(memory, k_bytes);
      }
    });
    for (int i = 0; i < 20; ++i) goro::sleep_for(1ms);
    stop = true;
    ended.wait();
  });
}

TEST_P(HandOff, SCHED_20_loops_over_short_blocking_calls_share_the_ps) {
  in_goroutine([&] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < procs(); ++i) {
      ended.go([&stop] {
        while (!stop) block_thread(100us);
      });
    }
    for (int i = 0; i < 100; ++i) goro::this_goroutine::yield();
    goro::chan<int> c;
    ended.go([c] { c.send(1); });
    EXPECT_EQ(c.recv(), 1);
    stop = true;
    ended.wait();
  });
}

TEST_P(HandOff, SCHED_22_timers_fire_although_all_ps_compute) {
  in_goroutine([&] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < 2 * procs(); ++i) {
      ended.go([&stop] {
        while (!stop) {
          compute(3ms);
          goro::this_goroutine::yield();
        }
      });
    }
    for (int i = 0; i < 5; ++i) {
      const auto start = goro::clock::now();
      goro::sleep_for(1ms);
      EXPECT_LT(goro::clock::now() - start, 2s);
    }
    stop = true;
    ended.wait();
  });
}

TEST_P(HandOff, blocking_gives_the_p_away_and_takes_one_again) {
  in_goroutine([&] {
    const auto before = goro::stats();
    goro::wait_group ended;
    for (int i = 0; i < 32; ++i) {
      ended.go([] { EXPECT_EQ(goro::blocking([] { return block_thread(5ms), 7; }), 7); });
    }
    ended.wait();
    EXPECT_EQ(goro::stats().goroutines_away, 0U);
    EXPECT_EQ(goro::stats().handoffs_blocked, before.handoffs_blocked);  // nobody had to find it out
  });
}

TEST_P(HandOff, blocking_passes_on_exceptions_references_and_nested_calls) {
  in_goroutine([] {
    EXPECT_THROW(goro::blocking([] { throw std::string("out"); }), std::string);
    int object = 1;
    goro::blocking([&object]() -> int& { return object; }) = 2;
    EXPECT_EQ(object, 2);
    const goro::chan<int> c{1};
    goro::blocking([&] {
      c.send(1);  // calls goro: from here on it has a P again
      goro::blocking([&] { object = *c.recv(); });
    });
    EXPECT_EQ(object, 1);
  });
  EXPECT_EQ(goro::blocking([] { return 3; }), 3);  // on a plain thread
}

// What was taken away comes back whatever becomes of the Ps meanwhile.
TEST_P(HandOff, SCHED_04_who_is_away_finds_a_p_after_max_procs_has_changed) {
  in_goroutine([&] {
    goro::wait_group ended;
    std::atomic<int> back{0};
    for (int i = 0; i < 20; ++i) {
      ended.go([&] {
        block_thread(20ms);
        goro::this_goroutine::yield();
        ++back;
      });
    }
    for (int i = 0; i < 20; ++i) {
      goro::set_max_procs(i % 2 == 0 ? 1 : 8);
      goro::sleep_for(1ms);
    }
    goro::set_max_procs(procs());
    ended.wait();
    EXPECT_EQ(back, 20);
  });
}

TEST_P(HandOff, threads_that_nobody_needs_any_more_end) {
  in_goroutine([] { meet_on_threads(64); });
  EXPECT_GE(goro::stats().machines, 64U);
  const auto few = static_cast<std::uint64_t>(procs()) + 3;
  EXPECT_TRUE(eventually([&] { return goro::stats().machines <= few; }, 20s)) << goro::stats().machines;
  in_goroutine([] { meet_on_threads(64); });  // and they come again
}

}  // namespace
