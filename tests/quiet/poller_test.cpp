// SCHED-23: who waits in the poller.
#include <gtest/gtest.h>

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/net.hpp"

namespace {

using goro_test::read_text;

struct Poller : goro_test::net_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Poller, testing::Values(1, 2));

// Else two would take turns, each woken for what the other has left: 200 to 350 times in so many rounds.
TEST_P(Poller, SCHED_23_who_runs_out_of_work_waits_in_it_itself) {
  constexpr std::size_t k_connections = 64;
  constexpr int k_rounds = 200;
  std::vector<goro_test::tcp_pair> pairs;
  goro::wait_group ended;
  for (std::size_t i = 0; i != k_connections; ++i) {
    pairs.push_back(goro_test::connected());
    ended.go([conn = std::move(pairs.back().server)]() mutable {
      while (!read_text(conn, 1).empty() && conn.write("y")) {
      }
    });
  }
  const std::uint64_t before = goro::stats().machine_wakeups;
  for (int round = 0; round != k_rounds; ++round) {
    for (auto& p : pairs) ASSERT_EQ(::write(p.client.native_handle(), "x", 1), 1);
    for (auto& p : pairs) ASSERT_EQ(read_text(p.client, 1), "y");
  }
  EXPECT_LT(goro::stats().machine_wakeups - before, k_rounds / 2);
  for (auto& p : pairs) EXPECT_FALSE(p.client.close());
  ended.wait();
}

}  // namespace
