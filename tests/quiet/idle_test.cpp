// SCHED-16: an idle spell.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;
using goro_test::run_program;
using namespace std::chrono_literals;

struct Idle : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Idle, testing::Values(1, 4, 32));

TEST_P(Idle, SCHED_16_ten_thousand_parked_goroutines_use_no_cpu) {
  const program_result r =
      run_program("idle", {"10000", "10"}, {"GORO_MAXPROCS=" + std::to_string(GetParam())}, 60s);
  ASSERT_EQ(r.exit_code, 0) << r.err;
  EXPECT_LT(std::atol(r.out.c_str()), 10'000) << "microseconds of CPU in 10 s";
}

}  // namespace
