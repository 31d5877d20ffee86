// STACK-01, 07 and 08: what stacks cost, and that memory which nobody uses is given back, and nothing else.
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <cstddef>

#include <goro/goro.hpp>

#include "support/dive.hpp"
#include "support/fixture.hpp"
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

// So many goroutines that have begun and wait.
class crowd {
 public:
  explicit crowd(std::size_t n) {
    in_goroutine([&] {
      goro::wait_group begun;
      for (std::size_t i = 0; i != n; ++i) {
        begun.add();
        ended_.go([this, &begun] {
          begun.done();
          gate_.recv();
        });
      }
      begun.wait();
    });
  }
  void release() {
    gate_.close();
    ended_.wait();
  }

 private:
  goro::chan<goro::unit> gate_;
  goro::wait_group ended_;
};

bool has_free_gb(std::size_t gb) {
  const auto pages = static_cast<std::size_t>(::sysconf(_SC_AVPHYS_PAGES));
  return pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) >= gb << 30;
}

TEST_P(StackMemory, STACK_01_a_million_parked_goroutines_cost_a_page_each_and_little_more) {
  goro_test::allow_longer(50s);  // where the machine has to find the memory first, a page costs 40 us
  const std::size_t n = has_free_gb(8) ? 1'000'000 : 100'000;
  const std::size_t before = resident_kb();
  crowd all(n);
  const std::size_t parked = resident_kb();
  all.release();
  EXPECT_LE((parked - before) * k_kb, n * 5000) << "bytes for " << n;
  EXPECT_TRUE(eventually([&] { return resident_kb() <= before + before / 10 + 1 * k_kb; }, 15s))
      << resident_kb() << " KB instead of " << before;
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

TEST_P(StackMemory, STACK_07_nothing_is_taken_from_a_goroutine_that_runs) {
  const std::size_t before = resident_kb();
  in_goroutine([&] {
    expect_depth<k_kb>(16 * k_mb);
    goro_test::compute(2700ms);
    EXPECT_GE(resident_kb(), before + 15 * k_kb);
  });
}

TEST_P(StackMemory, STACK_08_bursts_of_goroutines_leave_memory_as_it_was) {
  constexpr std::size_t k_burst = 100'000;
  const std::size_t before = resident_kb();
  std::size_t first_peak = 0;
  for (int burst = 0; burst < 3; ++burst) {
    crowd all(k_burst);
    const std::size_t peak = resident_kb();
    all.release();
    EXPECT_GE(peak, before + k_burst * 4) << "they have no stacks";
    if (burst == 0) first_peak = peak;
    EXPECT_LE(peak, first_peak + first_peak / 20) << "burst " << burst;
    const std::size_t allowed = before + before / 10 + 1 * k_kb;
    EXPECT_TRUE(eventually([&] { return resident_kb() <= allowed; }, 10s))
        << resident_kb() << " KB instead of " << before << " after burst " << burst;
  }
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
