// Who fights for a lock, and who only hands it on: sched/lock_trial.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using namespace std::chrono_literals;

struct LockTrial : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, LockTrial, testing::Values(2, 4, 32));

constexpr std::size_t k_fighters = 8;
struct outcome {
  std::uint64_t steals = 0;
  std::array<std::int64_t, k_fighters> steps{};
};

// Goroutines that do nothing but count under a lock, for so long.
outcome fight(goro::clock::duration how_long) {
  outcome result;
  goro_test::in_goroutine([&] {
    goro::mutex m;
    std::atomic<bool> stop{false};
    goro::wait_group done;
    const std::uint64_t before = goro::stats().steals;
    for (std::int64_t& steps : result.steps) {
      done.go([&] {
        while (!stop) {
          const std::lock_guard lock(m);
          ++steps;
        }
      });
    }
    goro::sleep_for(how_long);
    stop = true;
    done.wait();
    result.steals = goro::stats().steals - before;
  });
  return result;
}

TEST_P(LockTrial, goroutines_that_fight_for_a_mutex_are_left_on_one_core) {
  constexpr auto k_long = 200ms;
  const outcome result = fight(k_long);
  EXPECT_LT(result.steals, k_long / 200us);
  for (const std::int64_t steps : result.steps) EXPECT_GT(steps, 0) << "it starves";
}

void compute(goro::clock::duration how_long) {
  for (const auto end = goro::clock::now() + how_long; goro::clock::now() < end;) {
  }
}

// One unlocks and computes until the other runs, which has waited for the lock. How long that takes, in
// rounds.
std::vector<goro::clock::duration> wait_beside_who_computes() {
  constexpr std::size_t k_rounds = 21;
  std::vector<goro::clock::duration> waits;
  std::array<goro::mutex, k_rounds> locks;
  goro_test::in_goroutine([&] {
    for (goro::mutex& m : locks) {
      goro::wait_group done;
      std::atomic<bool> runs{false};
      m.lock();
      done.go([&] {
        const std::lock_guard lock(m);
        runs = true;
      });
      goro::sleep_for(100us);  // not for so long that the lock, and the turn with it, is handed over
      compute(300us);
      const auto unlocked = goro::clock::now();
      m.unlock();
      while (!runs) {
      }
      waits.push_back(goro::clock::now() - unlocked);
      done.wait();
    }
  });
  std::sort(waits.begin(), waits.end());
  return waits;
}

TEST_P(LockTrial, who_unlocks_and_computes_shares_its_work_at_once_even_after_a_fight) {
  fight(50ms);
  const auto waits = wait_beside_who_computes();
  EXPECT_LT(waits[waits.size() / 2], 500us) << "the longest: " << waits.back() / 1us << " us";
}

// Each of them ends a watch.
TEST_P(LockTrial, a_woken_waiter_gets_its_core_beside_goroutines_that_come_and_go) {
  fight(50ms);
  const std::jthread starts([](const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      goro::go([] {});
      std::this_thread::sleep_for(300us);
    }
  });
  const auto waits = wait_beside_who_computes();
  EXPECT_LT(waits.back(), 9ms);
}

}  // namespace
