// SELECT-14: what withdrawing from a channel costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <deque>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;

struct SelectCost : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, SelectCost, goro_test::all_procs());

// How long each of n goroutines takes that wait for one channel, and for one of their own, to be woken by
// their own and to withdraw from the common one: those first who came last.
double nanoseconds_to_withdraw(int n) {
  const goro::chan<int> common;
  std::deque<goro::chan<int>> own(static_cast<std::size_t>(n));
  std::atomic<int> entered{0};
  goro::wait_group ended;
  for (const goro::chan<int>& mine : own) {
    ended.go([&, common, mine] {
      goro::recv_case from_all{common};
      goro::recv_case from_mine{mine};
      ++entered;
      goro::select(from_all, from_mine);
      EXPECT_TRUE(from_mine);
    });
  }
  while (entered != n) goro::this_goroutine::yield();
  const auto start = std::chrono::steady_clock::now();
  for (auto c = own.rbegin(); c != own.rend(); ++c) c->send(1);
  ended.wait();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / n;
}

TEST_P(SelectCost, SELECT_14_withdrawing_costs_the_same_however_many_others_wait) {
  in_goroutine([] {
    constexpr int k_few = 5'000;
    double best_of_few = 1e12;
    double best_of_many = 1e12;
    for (int i = 0; i != 3; ++i) {
      best_of_few = std::min(best_of_few, nanoseconds_to_withdraw(k_few));
      best_of_many = std::min(best_of_many, nanoseconds_to_withdraw(8 * k_few));
    }
    std::printf("%.0f ns with %d, %.0f ns with %d\n", best_of_few, k_few, best_of_many, 8 * k_few);
    // What does not fit the caches costs more; if each looked at all others it would be 8 times and more.
    EXPECT_LT(best_of_many, 5 * best_of_few);
  });
}

}  // namespace
