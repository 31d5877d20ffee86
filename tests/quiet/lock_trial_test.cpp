// Who fights for a lock, and who only hands it on: sched/lock_trial.hpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using namespace std::chrono_literals;

struct LockTrial : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, LockTrial, testing::Values(2, 4, 32));

// 8 goroutines that do nothing but count under a lock, for so long. Returns how often work was stolen.
std::uint64_t fight(goro::clock::duration how_long) {
  std::uint64_t steals = 0;
  goro_test::in_goroutine([&] {
    goro::mutex m;
    std::int64_t count = 0;
    std::atomic<bool> stop{false};
    goro::wait_group done;
    steals = goro::stats().steals;
    for (int i = 0; i != 8; ++i) {
      done.go([&] {
        while (!stop) {
          const std::lock_guard lock(m);
          ++count;
        }
      });
    }
    goro::sleep_for(how_long);
    stop = true;
    done.wait();
    steals = goro::stats().steals - steals;
  });
  return steals;
}

TEST_P(LockTrial, goroutines_that_fight_for_a_mutex_are_left_on_one_core) {
  constexpr auto k_long = 200ms;
  const std::uint64_t steals = fight(k_long);
  EXPECT_LT(steals, k_long / 200us);
}

void compute(goro::clock::duration how_long) {
  for (const auto end = goro::clock::now() + how_long; goro::clock::now() < end;) {
  }
}

// One unlocks and computes until the other runs, which has waited for the lock.
TEST_P(LockTrial, who_unlocks_and_computes_shares_its_work_at_once_even_after_a_fight) {
  fight(50ms);
  constexpr int k_rounds = 21;
  std::vector<goro::clock::duration> waits;
  goro_test::in_goroutine([&] {
    std::array<goro::mutex, k_rounds> locks;
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
  EXPECT_LT(waits[k_rounds / 2], 500us) << "the longest: " << waits.back() / 1us << " us";
}

}  // namespace
