// SCHED-01 to 07, 12 to 16, 23 and 24: who runs where, and when. What needs a process of its own (SCHED-02,
// 16) is in process_sched_test.cpp.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <sstream>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/build.hpp"
#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace {

using goro_test::compute;
using goro_test::eventually;
using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Sched : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Sched, goro_test::all_procs());

TEST_P(Sched, SCHED_01_set_max_procs_returns_the_former_value) {
  EXPECT_EQ(goro::max_procs(), procs());
  EXPECT_EQ(goro::set_max_procs(3), procs());
  EXPECT_EQ(goro::max_procs(), 3);
  EXPECT_EQ(goro::set_max_procs(0), 3);
  EXPECT_EQ(goro::set_max_procs(-5), 3);
  EXPECT_EQ(goro::max_procs(), 3);
  in_goroutine([&] {
    EXPECT_EQ(goro::set_max_procs(procs()), 3);
    EXPECT_EQ(goro::max_procs(), procs());
    EXPECT_EQ(goro::stats().processors, static_cast<std::uint64_t>(procs()));
  });
}

TEST_P(Sched, SCHED_03_no_more_than_max_procs_goroutines_run_at_once) {
  in_goroutine([&] {
    const auto lost_so_far = [] { return goro::stats().handoffs_busy + goro::stats().handoffs_blocked; };
    const std::uint64_t before = lost_so_far();
    std::atomic<int> running{0};
    std::atomic<int> most{0};
    goro::wait_group ended;
    for (int i = 0; i < 100; ++i) {
      ended.go([&] {
        for (int turn = 0; turn < 20; ++turn) {
          const int now = ++running;
          int seen = most;
          while (seen < now && !most.compare_exchange_weak(seen, now)) {
          }
          compute(20us);
          --running;
          goro::this_goroutine::yield();
        }
      });
    }
    ended.wait();
    // One whose thread the kernel keeps waiting for a time slice, or for memory, may lose its P, and overlap.
    const auto lost = static_cast<int>(lost_so_far() - before);
    EXPECT_LE(most, procs() + lost);
    EXPECT_GE(most, 1);
  });
}

TEST_P(Sched, SCHED_04_changing_max_procs_while_running_loses_nothing) {
  const int n = goro_test::goroutines_at_once(2000);
  std::atomic<int> ended{0};
  std::atomic<bool> stop{false};
  const auto change = [&](std::uint64_t stream) {
    auto rng = goro_test::make_rng(stream);
    while (!stop) {
      goro::set_max_procs(goro_test::pick(rng, 1, 12));
      goro::sleep_for(200us);
    }
  };
  std::jthread from_a_thread([&] { change(1); });
  in_goroutine([&] {
    goro::wait_group changers;
    changers.go([&] { change(2); });
    changers.go([&] { change(3); });
    goro::chan<int> meeting{10};
    goro::wait_group workers;
    for (int i = 0; i < n; ++i) {
      workers.go([&, i] {
        meeting.send(i);
        goro::this_goroutine::yield();
        if (i % 4 == 0) goro::sleep_for(std::chrono::microseconds(i % 1000));
        meeting.recv();
        ++ended;
      });
    }
    workers.wait();
    stop = true;
    changers.wait();
  });
  EXPECT_EQ(ended, n);
}

// n goroutines that can only end when all of them run at the same time.
void meet_in_parallel(int n) {
  std::atomic<int> arrived{0};
  goro::wait_group ended;
  for (int i = 0; i < n; ++i) {
    ended.go([&] {
      ++arrived;
      while (arrived < n) std::this_thread::yield();  // the thread's, not the goroutine's: it holds its P
    });
  }
  ended.wait();
}

TEST_P(Sched, SCHED_05_as_many_busy_goroutines_as_ps_run_at_the_same_time) {
  in_goroutine([&] { meet_in_parallel(procs()); });
}

TEST_P(Sched, SCHED_05_also_when_the_starter_is_a_plain_thread_or_after_an_idle_spell) {
  meet_in_parallel(procs());
  std::this_thread::sleep_for(20ms);  // all Ps fall asleep
  meet_in_parallel(procs());
  in_goroutine([&] {
    goro::sleep_for(20ms);
    meet_in_parallel(procs());
  });
}

TEST_P(Sched, SCHED_05_also_when_each_starts_the_next) {
  in_goroutine([&] {
    std::atomic<int> arrived{0};
    goro::wait_group ended;
    std::function<void(int)> start = [&](int left) {
      ended.go([&, left] {
        if (left > 1) start(left - 1);
        ++arrived;
        while (arrived < procs()) std::this_thread::yield();
      });
    };
    start(procs());
    ended.wait();
  });
}

// What needs a second P.
struct SchedManyProcs : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SchedManyProcs, testing::Values(2, 4, 32));

TEST_P(SchedManyProcs, SCHED_05_also_goroutines_made_ready_by_one_that_keeps_computing) {
  in_goroutine([&] {
    const int others = std::min(procs(), 4) - 1;
    std::atomic<int> woken{0};
    const goro::chan<int> gate{others};
    for (int i = 0; i < others; ++i) {
      goro_test::go_named("woken", [&woken, gate] {
        gate.recv();
        ++woken;
      });
    }
    // When all are blocked, wakes them and does not enter the runtime again until they have run.
    EXPECT_TRUE(goro_test::all_park("woken", static_cast<std::size_t>(others)));
    for (int i = 0; i < others; ++i) gate.send(i);
    while (woken < others) std::this_thread::yield();
  });
}

// What needs to know who runs when.
struct SchedOneProc : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SchedOneProc, testing::Values(1));

std::uint64_t interventions() {
  const auto now = goro::stats();
  return now.handoffs_blocked + now.handoffs_busy + now.preemptions;
}

// Thirty yield ten times each. True if each had its turn in every round, as long as the watcher did not
// intervene. A goroutine whose thread does not run, because the machine is busy with something else, looks
// blocked, loses its P and goes on beside the others, be it in the middle of parking; or its time slice ends,
// and then its call of yield gives the turn away twice.
struct rounds_seen {
  int judged = 0;
  bool all_had_their_turn = true;
};

rounds_seen yield_in_rounds() {
  constexpr int k_rounds = 10;
  const std::uint64_t before = interventions();
  goro::this_goroutine::yield();  // for a P that was lost before and has not been missed yet
  std::vector<std::atomic<int>> turns(30);
  // All have begun: one that has not waits for the next slice when this one ends among the first turns, which
  // it does on a machine that is busy with something else.
  const goro::chan<goro::unit> gate;
  goro::wait_group ended;
  for (std::atomic<int>& mine : turns) {
    ended.add();
    goro_test::go_named("peer", [&] {
      gate.recv();
      for (int k = 0; k < k_rounds; ++k) {
        ++mine;
        goro::this_goroutine::yield();
      }
      ended.done();
    });
  }
  EXPECT_TRUE(goro_test::all_park("peer", turns.size()));
  gate.close();
  rounds_seen seen;
  for (int k = 1; k <= k_rounds; ++k) {
    goro::this_goroutine::yield();
    const bool each = std::all_of(turns.begin(), turns.end(), [k](const auto& t) { return t >= k; });
    if (interventions() != before) break;
    ++seen.judged;
    seen.all_had_their_turn = seen.all_had_their_turn && each;
  }
  ended.wait();
  return seen;
}

TEST_P(SchedOneProc, SCHED_06_yield_gives_every_runnable_goroutine_a_turn) {
  in_goroutine([] {
    for (int judged = 0; judged < 10;) {
      const rounds_seen seen = yield_in_rounds();
      ASSERT_TRUE(seen.all_had_their_turn) << "a goroutine was passed over";
      judged += seen.judged;
    }
  });
}

TEST_P(Sched, SCHED_06_a_polling_loop_that_yields_does_not_starve_its_peer) {
  in_goroutine([] {
    std::atomic<int> ball{0};
    goro::wait_group ended;
    for (int side = 0; side < 2; ++side) {
      ended.go([&, side] {
        for (int i = 0; i < goro_test::repetitions(2000); ++i) {
          while (ball % 2 != side) goro::this_goroutine::yield();
          ++ball;
        }
      });
    }
    ended.wait();
    EXPECT_EQ(ball, 2 * goro_test::repetitions(2000));
  });
}

TEST_P(Sched, SCHED_07_goroutine_count_counts_live_goroutines) {
  EXPECT_EQ(alive(), 0U);
  in_goroutine([this] {
    const std::size_t others = goro::goroutine_count() - 1;
    EXPECT_EQ(alive(), 1U);
    const goro::chan<int> gate;
    const auto timer = goro::after(1ms);  // not a goroutine
    for (int i = 0; i < 50; ++i) goro_test::go_named("counted", [gate] { gate.recv(); });
    EXPECT_EQ(alive(), 51U);
    EXPECT_TRUE(goro_test::all_park("counted", 50));
    EXPECT_EQ(alive(), 51U);
    EXPECT_EQ(goro::diag::goroutines().size(), others + 51);
    std::ostringstream dump;
    goro::diag::dump_goroutines(dump);
    std::size_t entries = 0;
    std::istringstream lines(dump.str());
    for (std::string line; std::getline(lines, line);) {
      std::size_t alike = line.starts_with("goroutine ") ? 1 : 0;
      if (line.find(" goroutines [") != std::string::npos) alike = std::stoul(line);  // "50 goroutines [...]"
      entries += alike;
    }
    EXPECT_EQ(entries, others + 51) << dump.str();
    gate.close();
    EXPECT_TRUE(eventually([this] { return alive() == 1; }));
    timer.recv();
    EXPECT_EQ(alive(), 1U);
  });
}

TEST_P(Sched, SCHED_12_overflow_of_a_local_queue_loses_and_doubles_nothing) {
  in_goroutine([] {
    const int n = goro_test::goroutines_at_once(20'000);
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(n));
    goro::wait_group ended;
    for (int i = 0; i < n; ++i) {  // never started ones
      ended.go([&runs, i] { ++runs[static_cast<std::size_t>(i)]; });
    }
    ended.wait();
    for (const auto& r : runs) ASSERT_EQ(r, 1);

    const goro::chan<int> gate;  // and ones that are all made ready at once
    for (int i = 0; i < n; ++i) {
      ended.go([&runs, gate, i] {
        gate.recv();
        ++runs[static_cast<std::size_t>(i)];
      });
    }
    for (int i = 0; i < 100; ++i) goro::this_goroutine::yield();
    gate.close();
    ended.wait();
    for (const auto& r : runs) ASSERT_EQ(r, 2);
  });
}

TEST_P(Sched, SCHED_13_idle_ps_steal_and_each_goroutine_runs_once) {
  in_goroutine([&] {
    const int n = 200;
    const auto steals_before = goro::stats().steals;
    std::vector<std::atomic<int>> runs(n);
    std::mutex guard;
    std::set<pid_t> threads;
    goro::wait_group ended;
    for (int i = 0; i < n; ++i) {
      ended.go([&, i] {
        compute(200us);
        ++runs[static_cast<std::size_t>(i)];
        const std::lock_guard held(guard);
        threads.insert(::gettid());
      });
    }
    ended.wait();
    for (const auto& r : runs) EXPECT_EQ(r, 1);
    if (procs() > 1) {
      EXPECT_GT(threads.size(), 1U);
      EXPECT_GT(goro::stats().steals, steals_before);
    }
  });
}

TEST_P(Sched, SCHED_14_local_work_does_not_starve_the_global_queue) {
  // Chains of goroutines that respawn and pairs that wake each other, on every P; what a plain thread starts
  // goes to the global queue and must run all the same.
  std::atomic<bool> stop{false};
  std::atomic<int> hogs{0};
  std::function<void()> respawn = [&] {
    ++hogs;
    if (!stop) goro::go([&] { respawn(); });
    --hogs;
  };
  goro::wait_group pairs;
  for (int p = 0; p < procs(); ++p) {
    goro::go([&] { respawn(); });
    const goro::chan<int> ball;
    pairs.go([&, ball] {
      for (int i = 0; !stop; ++i) ball.send(i);
      ball.close();
    });
    pairs.go([ball] {
      while (ball.recv()) {
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    std::atomic<bool> ran{false};
    goro::wait_group one;
    one.go([&] { ran = true; });
    EXPECT_TRUE(one.wait_for(10s)) << "starved";
    EXPECT_TRUE(ran);
  }
  stop = true;
  pairs.wait();
  EXPECT_TRUE(eventually([&] { return alive() == 0 && hogs == 0; }));
}

TEST_P(Sched, SCHED_15_a_ping_pong_pair_shares_its_time_slice) {
  std::atomic<bool> stop{false};
  goro::wait_group pairs;
  for (int p = 0; p < procs(); ++p) {
    const goro::chan<int> ball;
    pairs.go([&, ball] {
      for (int i = 0; !stop; ++i) ball.send(i);
      ball.close();
    });
    pairs.go([ball] {
      while (ball.recv()) {
      }
    });
  }
  const auto start = goro::clock::now();
  in_goroutine([] {
    for (int turn = 0; turn < 50; ++turn) goro::this_goroutine::yield();
  });
  // 50 turns at a slice of 10 ms each, and as much again for a busy machine; where Ps share cores each waits
  // for its own.
  const int cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  const auto limit = (goro_test::k_sanitized ? 10s : 2s) * std::max(1, procs() / cores);
  EXPECT_LT(goro::clock::now() - start, limit);
  stop = true;
  pairs.wait();
}

TEST_P(Sched, SCHED_23_a_thread_that_sleeps_until_a_timer_is_woken_early) {
  const auto far_away = goro::after(1h);  // the idle Ps now sleep until then
  std::this_thread::sleep_for(5ms);
  const auto start = goro::clock::now();
  in_goroutine([] {});  // new work from a plain thread
  std::this_thread::sleep_for(5ms);
  in_goroutine([] { goro::sleep_for(1ms); });  // an earlier timer
  goro::sleep_for(1ms);                        // from a plain thread
  std::this_thread::sleep_for(5ms);
  goro::set_max_procs(procs() + 1);  // a change of the number of Ps
  in_goroutine([] { goro::sleep_for(1ms); });
  goro::set_max_procs(procs());
  in_goroutine([] { goro::sleep_for(1ms); });
  EXPECT_LT(goro::clock::now() - start, 10s);
  EXPECT_FALSE(far_away.try_recv());
}

TEST_P(Sched, SCHED_24_every_call_works_from_plain_threads) {
  const int n = goro_test::repetitions(500);
  const goro::chan<int> c{3};
  goro::mutex m;
  goro::once o;
  std::atomic<int> once_runs{0};
  int guarded = 0;
  std::atomic<long> sum{0};
  goro::wait_group ended;
  ended.add(8);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < n; ++i) {
        if (t % 2 == 0) {
          c.send(i);
        } else {
          sum += c.recv().value();
        }
        const std::lock_guard held(m);
        ++guarded;
      }
      o.call([&] { ++once_runs; });
      goro::this_goroutine::yield();
      goro::sleep_for(100us);
      EXPECT_EQ(goro::this_goroutine::id(), 0U);
      EXPECT_TRUE(goro::this_goroutine::name().empty());
      EXPECT_THROW(goro::this_goroutine::exit(), goro::panic);
      ended.done();
    });
  }
  ended.wait();
  EXPECT_EQ(guarded, 8 * n);
  EXPECT_EQ(once_runs, 1);
  EXPECT_EQ(sum, 4L * n * (n - 1) / 2);
}

}  // namespace
