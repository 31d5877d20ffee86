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

// How long each of n goroutines takes that wait for one of their own, and for another channel, to be woken by
// their own and to withdraw from the other: those first who came last. All wait for the same other one, or
// each for another.
double nanoseconds_to_withdraw(int n, bool common) {
  const goro::chan<int> of_all;
  std::deque<goro::chan<int>> own(static_cast<std::size_t>(n));
  std::atomic<int> entered{0};
  goro::wait_group ended;
  for (const goro::chan<int>& mine : own) {
    const goro::chan<int> other = common ? of_all : goro::chan<int>();
    ended.go([&, other, mine] {
      goro::recv_case from_other{other};
      goro::recv_case from_mine{mine};
      ++entered;
      goro::select(from_other, from_mine);
      EXPECT_TRUE(from_mine);
    });
  }
  while (entered != n) goro::this_goroutine::yield();
  const auto start = std::chrono::steady_clock::now();
  for (auto c = own.rbegin(); c != own.rend(); ++c) c->send(1);
  ended.wait();
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / n;
}

// As many beside them cost as much memory, and with it as much of the caches: so only the queue tells the
// two apart. If each looked at all others in it, it would be thousands of times.
TEST_P(SelectCost, SELECT_14_withdrawing_costs_the_same_however_many_others_wait) {
  in_goroutine([] {
    constexpr int k_few = 5'000;
    constexpr int k_many = 8 * k_few;
    double few = 1e12;
    double many = 1e12;
    double apart = 1e12;
    for (int i = 0; i != 3; ++i) {
      few = std::min(few, nanoseconds_to_withdraw(k_few, true));
      many = std::min(many, nanoseconds_to_withdraw(k_many, true));
      apart = std::min(apart, nanoseconds_to_withdraw(k_many, false));
    }
    std::printf("%.0f ns with %d, %.0f ns with %d, %.0f ns with as many in queues of their own\n", few, k_few,
                many, k_many, apart);
    EXPECT_LT(many, 2 * apart);
    EXPECT_LT(many, 5 * few);
  });
}

}  // namespace
