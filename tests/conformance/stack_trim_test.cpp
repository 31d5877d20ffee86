// STACK-04: trimming leaves what is in use alone.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/dive.hpp"
#include "support/fixture.hpp"

namespace {

using goro_test::dive;
using goro_test::expect_depth;
using goro_test::expect_intact;
using goro_test::k_kb;
using goro_test::k_mb;
using goro_test::k_sanitized;
using namespace std::chrono_literals;

struct StackTrim : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, StackTrim, testing::Values(2));

constexpr auto k_until_trimmed = 2700ms;  // the keeper looks once in a second, and takes at the second look

// Parks deep, returns, parks shallow, goes deep again; meanwhile others write to its locals.
struct long_waiter {
  static constexpr std::size_t k_depth = k_sanitized ? 80 * k_kb : 1 * k_mb;
  goro::chan<goro::unit> gate;
  std::atomic<std::uint64_t*> lent{nullptr};

  void live() {
    std::uint64_t shallow = 1;
    const auto wait_deep = [&] {
      std::uint64_t deep = 2;
      lent = &deep;
      gate.recv();
      EXPECT_EQ(deep, 20U);
      lent = &shallow;
      expect_depth<64>(k_depth / 2);  // where memory was taken
    };
    expect_intact(dive<k_kb>(k_depth, wait_deep));
    gate.recv();
    EXPECT_EQ(shallow, 10U);
    expect_depth<k_kb>(k_depth + k_depth / 2);
  }

  void write(std::uint64_t value) { *lent.load() = value; }
};

void release_all(std::vector<long_waiter>& all, std::uint64_t value) {
  ASSERT_TRUE(goro_test::all_park("long waiter", all.size()));
  std::this_thread::sleep_for(k_until_trimmed);
  for (long_waiter& w : all) w.write(value);
  for (long_waiter& w : all) w.gate.send({});
}

// What the stacks of all long waiters hold, in bytes. Not the process's memory: other stacks may be on their
// way back.
std::size_t held_by_stacks() {
  std::size_t bytes = 0;
  for (const goro::diag::goroutine_info& g : goro::diag::goroutines()) {
    if (g.name == "long waiter") bytes += g.stack_used;
  }
  return bytes;
}

TEST_P(StackTrim, STACK_04_locals_of_long_waiters_stay_where_they_are) {
  std::vector<long_waiter> all(30);
  goro::wait_group ended;
  for (long_waiter& w : all) {
    ended.add();
    goro_test::go_named("long waiter", [&] {
      const goro::scope_exit done([&] { ended.done(); });
      w.live();
    });
  }
  release_all(all, 20);
  ASSERT_TRUE(goro_test::all_park("long waiter", all.size()));
  const std::size_t deep = held_by_stacks();
  release_all(all, 10);
  ended.wait();
  if (goro_test::memory_is_ours()) {
    EXPECT_GE(deep, all.size() * k_mb);
  }
}

}  // namespace
