// STACK-01, 07 and 08: what stacks cost, and that memory which nobody uses is given back, and nothing else.
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include <goro/goro.hpp>

#include "stack/stack_guard.hpp"
#include "support/dive.hpp"
#include "support/fixture.hpp"
#include "support/process_state.hpp"
#include "support/watchdog.hpp"

namespace {

using goro_test::dive;
using goro_test::eventually;
using goro_test::expect_depth;
using goro_test::expect_intact;
using goro_test::in_goroutine;
using goro_test::k_kb;
using goro_test::k_mb;
using goro_test::resident_kb;
using namespace std::chrono_literals;

struct StackMemory : goro_test::procs_test {
  void SetUp() override {
    if (!goro_test::memory_is_ours()) GTEST_SKIP() << "memory is not ours to count";
    procs_test::SetUp();
  }
  void TearDown() override {
    if (!IsSkipped()) procs_test::TearDown();
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, StackMemory, testing::Values(2));

// So many goroutines that have begun and wait, on one channel or on one each.
class crowd {
 public:
  enum class waits { together, apart };
  explicit crowd(std::size_t n, waits where = waits::together) {
    if (where == waits::apart) gates_.assign(n, all_);  // filled, so that it counts as memory from before
    before_ = held_kb();
    in_goroutine([&] {
      goro::wait_group begun;
      begun.add(static_cast<std::int64_t>(n));
      for (std::size_t i = 0; i != n; ++i) {
        if (where == waits::apart) gates_[i] = goro::chan<goro::unit>();
        ended_.go([gate = where == waits::apart ? gates_[i] : all_, &begun] {
          begun.done();
          gate.recv();
        });
      }
      begun.wait();
    });
  }
  // What it costs each of them, page tables included.
  std::size_t bytes_each(std::size_t n) const { return (held_kb() - before_) * k_kb / n; }
  void release() {
    all_.close();
    for (const auto& gate : gates_) gate.close();
    ended_.wait();
  }

 private:
  static std::size_t held_kb() { return resident_kb() + goro_test::page_table_kb(); }

  goro::chan<goro::unit> all_;
  std::vector<goro::chan<goro::unit>> gates_;
  std::size_t before_ = 0;
  goro::wait_group ended_;
};

bool has_free_gb(std::size_t gb) {
  const auto pages = static_cast<std::size_t>(::sysconf(_SC_AVPHYS_PAGES));
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >= gb << 30;
}

std::size_t many() { return has_free_gb(8) ? 1'000'000 : 100'000; }

void expect_modest(const crowd& all, std::size_t n, std::size_t bytes) {
  const std::size_t others = n < 1'000'000 ? 50 : 0;  // among fewer the 256 large stacks weigh more
  EXPECT_LE(all.bytes_each(n), bytes + others) << "for " << n;
  if (goro::detail::guards_are_free()) {
    EXPECT_LT(goro_test::count_mappings(), 200U);
  }
}

TEST_P(StackMemory, STACK_01_a_million_parked_goroutines_cost_a_page_each_and_little_more) {
  goro_test::allow_longer(50s);  // where the machine has to find the memory first, a page costs 40 us
  const std::size_t before = resident_kb();
  {
    const std::size_t n = many();
    crowd all(n);
    expect_modest(all, n, 4'900);
    all.release();
  }
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + before / 10 + 1 * k_kb; }, 15s))
      << resident_kb() << " KB instead of " << before;
}

// The channels' memory, 128 bytes each, is malloc's, which keeps it.
TEST_P(StackMemory, STACK_01_and_so_they_do_on_a_channel_each) {
  goro_test::allow_longer(50s);
  const std::size_t n = many();
  const std::size_t before = resident_kb();
  crowd all(n, crowd::waits::apart);
  expect_modest(all, n, 5'050);
  all.release();
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + n * 160 / k_kb; }, 15s));
}

TEST_P(StackMemory, STACK_07_a_parked_goroutine_gives_back_what_a_deep_call_has_taken) {
  const std::size_t before = resident_kb();
  const goro::chan<goro::unit> returned{1};
  const goro::chan<goro::unit> gate;
  goro::wait_group ended;
  ended.go([&] {
    expect_depth<k_kb>(64 * k_mb);
    returned.send({});
    gate.recv();
    expect_depth<k_kb>(2 * k_mb);  // as often as it likes
  });
  returned.recv();
  EXPECT_GE(resident_kb(), before + 60 * k_kb);
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + 2 * k_kb; }, 5s)) << resident_kb() << " KB";
  gate.close();
  ended.wait();
}

TEST_P(StackMemory, STACK_07_one_that_waits_within_a_call_keeps_what_the_call_needs) {
  const std::size_t before = resident_kb();
  const goro::chan<goro::unit> gate;
  goro::wait_group ended;
  ended.go([&] {
    const auto deeper = [&] {
      expect_depth<k_kb>(64 * k_mb);
      gate.recv();
    };
    expect_intact(dive<k_kb>(16 * k_mb, deeper));
  });
  EXPECT_TRUE(eventually([&] { return resident_kb() >= before + 70 * k_kb; }));
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + 18 * k_kb; }, 5s)) << resident_kb() << " KB";
  EXPECT_GE(resident_kb(), before + 15 * k_kb);
  gate.close();
  ended.wait();
}

TEST_P(StackMemory, STACK_07_the_stacks_of_ended_goroutines_are_given_back) {
  const std::size_t before = resident_kb();
  in_goroutine([] { expect_depth<k_kb>(64 * k_mb); });
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + 2 * k_kb; }, 6s)) << resident_kb() << " KB";
}

TEST_P(StackMemory, STACK_07_a_deep_one_does_not_wait_for_thousands_that_have_nothing) {
  crowd others(20'000);
  const std::size_t before = resident_kb();
  const goro::chan<goro::unit> gate;
  goro::wait_group ended;
  ended.add();
  goro::go(goro::go_options{}.stack(128 * k_mb), [&] {
    expect_depth<k_kb>(64 * k_mb);
    gate.recv();
    ended.done();
  });
  EXPECT_TRUE(eventually([&] { return resident_kb() >= before + 60 * k_kb; }));
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + 2 * k_kb; }, 15s)) << resident_kb() << " KB";
  gate.close();
  ended.wait();
  others.release();
}

// As a function leaves it that has a large array, uses the far end of it, and was compiled without
// -fstack-clash-protection.
[[gnu::noinline]] void fill_behind_a_gap(std::size_t gap, std::size_t bytes) {
  auto* volatile here = static_cast<std::byte*>(__builtin_frame_address(0));
  std::memset(here - gap - bytes, 1, bytes);
}

TEST_P(StackMemory, STACK_07_memory_behind_a_gap_is_given_back_too) {
  const std::size_t before = resident_kb();
  const goro::chan<goro::unit> gate;
  goro::wait_group ended;
  ended.add();
  goro::go(goro::go_options{}.stack(128 * k_mb), [&] {
    fill_behind_a_gap(1 * k_mb, 64 * k_mb);
    gate.recv();
    ended.done();
  });
  EXPECT_TRUE(eventually([&] { return resident_kb() >= before + 60 * k_kb; }));
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + 2 * k_kb; }, 15s)) << resident_kb() << " KB";
  gate.close();
  ended.wait();
}

TEST_P(StackMemory, STACK_07_900_mb_of_recursion_are_given_back) {
  if (!has_free_gb(2)) GTEST_SKIP() << "too little memory";
  in_goroutine([] {});
  const std::size_t before = resident_kb();
  in_goroutine([] { expect_depth<k_kb>(900 * k_mb); });
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + before / 10; }, 5s))
      << resident_kb() << " KB instead of " << before;
}

TEST_P(StackMemory, STACK_07_nothing_is_taken_from_a_goroutine_that_runs) {
  const std::size_t before = resident_kb();
  in_goroutine([&] {
    expect_depth<k_kb>(16 * k_mb);
    goro_test::compute(2700ms);
    EXPECT_GE(resident_kb(), before + 15 * k_kb);
  });
}

void expect_bursts_leave_nothing(std::size_t burst) {
  const std::size_t before = resident_kb();
  std::size_t first_peak = 0;
  for (int i = 0; i < 3; ++i) {
    std::size_t peak = 0;
    {
      crowd all(burst);
      peak = resident_kb();
      all.release();
    }
    EXPECT_GE(peak, before + burst * 4) << "they have no stacks";
    if (i == 0) first_peak = peak;
    EXPECT_LE(peak, first_peak + first_peak / 20) << "burst " << i;
    const std::size_t allowed = before + before / 10 + 1 * k_kb;
    EXPECT_TRUE(eventually([&] { return resident_kb() <= allowed; }, 10s))
        << resident_kb() << " KB instead of " << before << " after burst " << i;
  }
}

TEST_P(StackMemory, STACK_08_bursts_of_goroutines_leave_memory_as_it_was) {
  expect_bursts_leave_nothing(100'000);
}

TEST_P(StackMemory, STACK_08_bursts_of_a_million_leave_memory_as_it_was) {
  goro_test::allow_longer(55s);
  if (!has_free_gb(8)) GTEST_SKIP() << "too little memory";
  expect_bursts_leave_nothing(1'000'000);
}

TEST_P(StackMemory, STACK_08_stacks_are_used_again_and_again) {
  const auto round = [] {
    crowd all(10'000);
    all.release();
  };
  round();
  const goro::runtime_stats first = goro::stats();
  for (int i = 0; i < 10; ++i) round();
  const goro::runtime_stats last = goro::stats();
  EXPECT_LE(last.stack_bytes_reserved, first.stack_bytes_reserved + first.stack_bytes_reserved / 10);
}

}  // namespace
