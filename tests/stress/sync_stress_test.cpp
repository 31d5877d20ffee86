// Locks, wait groups, timers and the starting of goroutines under load.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/stress.hpp"

namespace {

using goro_test::pick;
using namespace std::chrono_literals;

struct SyncStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SyncStress, goro_test::all_procs());

TEST_P(SyncStress, mutexes_with_waiters_that_give_up) {
  rounds([](std::mt19937_64& rng) {
    std::vector<goro::mutex> locks(static_cast<std::size_t>(pick(rng, 1, 4)));
    std::vector<long> plain(locks.size(), 0);
    std::atomic<long> expected{0};
    goro::wait_group ended;
    std::vector<std::jthread> threads;
    const auto work = [&](std::uint64_t seed) {
      std::mt19937_64 own(seed);
      for (int i = 0; i < 200; ++i) {
        const auto which = static_cast<std::size_t>(pick(own, 0, static_cast<int>(locks.size()) - 1));
        std::unique_lock held(locks[which], std::defer_lock);
        switch (pick(own, 0, 4)) {
          case 0:
            (void)held.try_lock();
            break;
          case 1:
          case 2:
            (void)held.try_lock_for(std::chrono::microseconds(pick(own, 0, 200)));
            break;
          default:
            held.lock();
        }
        if (!held) continue;
        ++plain[which];
        ++expected;
        if (pick(own, 0, 31) == 0) goro::sleep_for(10us);
        if (pick(own, 0, 15) == 0) goro::this_goroutine::yield();
      }
    };
    for (int g = pick(rng, 1, 30); g > 0; --g) ended.go([&, seed = rng()] { work(seed); });
    for (int t = pick(rng, 0, 4); t > 0; --t) threads.emplace_back([&, seed = rng()] { work(seed); });
    threads.clear();
    ended.wait();
    long sum = 0;
    for (const long p : plain) sum += p;
    EXPECT_EQ(sum, expected);
    for (goro::mutex& m : locks) {
      EXPECT_TRUE(m.try_lock());
      m.unlock();
    }
  });
}

TEST_P(SyncStress, wait_groups_with_many_waiters_and_short_lives) {
  rounds([](std::mt19937_64& rng) {
    auto wg = std::make_unique<goro::wait_group>();
    const int workers = pick(rng, 1, 50);
    std::vector<int> plain(static_cast<std::size_t>(workers), 0);
    std::atomic<int> timed_out{0};
    goro::wait_group waiters;
    wg->add(workers);
    for (int w = pick(rng, 0, 10); w > 0; --w) {
      waiters.go([&, d = std::chrono::microseconds(pick(rng, 0, 300)), patient = pick(rng, 0, 1) == 0] {
        if (patient) {
          wg->wait();
          for (const int p : plain) EXPECT_EQ(p, 1);
        } else if (!wg->wait_for(d)) {
          ++timed_out;
        }
      });
    }
    for (int& p : plain) {
      goro::go([&p, &group = *wg, nap = pick(rng, 0, 9)] {
        if (nap == 0) goro::sleep_for(50us);
        p = 1;
        group.done();
      });
    }
    std::jthread thread;
    if (pick(rng, 0, 3) == 0) thread = std::jthread([&] { wg->wait(); });
    wg->wait();
    for (const int p : plain) EXPECT_EQ(p, 1);
    waiters.wait();
    if (thread.joinable()) thread.join();
    wg.reset();
  });
}

TEST_P(SyncStress, trees_of_goroutines_with_exceptions_and_exits) {
  rounds([](std::mt19937_64& rng) {
    std::atomic<int> leaves{0};
    std::atomic<int> unwound{0};
    std::function<int(int, std::uint64_t)> node = [&](int depth, std::uint64_t seed) {
      std::mt19937_64 own(seed);
      const goro::scope_exit at_end([&] { ++unwound; });
      if (pick(own, 0, 4) == 0) goro::this_goroutine::yield();
      if (depth == 0) {
        ++leaves;
        switch (pick(own, 0, 3)) {
          case 0:
            throw std::runtime_error("leaf");
          case 1:
            goro::this_goroutine::exit();
          default:
            return 1;
        }
      }
      auto left = goro::async(node, depth - 1, own());
      auto right = goro::async(node, depth - 1, own());
      int sum = 0;
      for (auto* f : {&left, &right}) {
        try {
          sum += f->get();
        } catch (const std::exception&) {
          goro::this_goroutine::yield();  // within the handler
          ++sum;                          // a leaf that threw or exited
        }
      }
      return sum;
    };
    const int depth = pick(rng, 0, 7);
    const int nodes = (2 << depth) - 1;
    if (depth > 0) {
      EXPECT_EQ(goro::async(node, depth, rng()).get(), 1 << depth);
      EXPECT_EQ(leaves, 1 << depth);
      EXPECT_TRUE(goro_test::eventually([&] { return unwound == nodes; }));
    }
  });
}

TEST_P(SyncStress, sleepers_and_timeouts_are_never_early_and_never_lost) {
  rounds([this](std::mt19937_64& rng) {
    std::atomic<int> early{0};
    goro::wait_group ended;
    std::vector<std::jthread> threads;
    const auto sleep = [&early](std::uint64_t seed) {
      std::mt19937_64 own(seed);
      const goro::chan<int> nobody;
      for (int i = 0; i < 10; ++i) {
        const auto until = goro::clock::now() + std::chrono::microseconds(pick(own, -10, 1500));
        switch (pick(own, 0, 2)) {
          case 0:
            goro::sleep_until(until);
            break;
          case 1:
            EXPECT_EQ(nobody.try_recv_until(until).error(), goro::errc::timed_out);
            break;
          default:
            goro::after(until - goro::clock::now()).recv();
        }
        early += goro::clock::now() < until ? 1 : 0;
      }
    };
    for (int g = pick(rng, 1, 200); g > 0; --g) ended.go([&, seed = rng()] { sleep(seed); });
    for (int t = pick(rng, 0, 4); t > 0; --t) threads.emplace_back([&, seed = rng()] { sleep(seed); });
    for (int i = 0; i < 10; ++i) {
      goro::set_max_procs(pick(rng, 1, procs()));
      goro::sleep_for(200us);
    }
    goro::set_max_procs(procs());
    threads.clear();
    ended.wait();
    EXPECT_EQ(early, 0);
  });
}

TEST_P(SyncStress, bursts_of_goroutines_from_everywhere) {
  rounds([](std::mt19937_64& rng) {
    std::atomic<int> ran{0};
    const int each = pick(rng, 1, goro_test::k_tsan ? 300 : 2000);
    const int starters = pick(rng, 1, 6);
    std::vector<std::jthread> threads;
    goro::wait_group all;
    const auto burst = [&](bool parks) {
      goro::wait_group own;
      for (int i = 0; i < each; ++i) {
        own.go([&ran, parks] {
          if (parks) goro::this_goroutine::yield();
          ++ran;
        });
      }
      own.wait();
    };
    for (int s = 0; s < starters; ++s) {
      const bool parks = pick(rng, 0, 1) == 0;
      if (pick(rng, 0, 1) == 0) {
        threads.emplace_back([&burst, parks] { burst(parks); });
      } else {
        all.go([&burst, parks] { burst(parks); });
      }
    }
    threads.clear();
    all.wait();
    EXPECT_EQ(ran, starters * each);
  });
}

}  // namespace
