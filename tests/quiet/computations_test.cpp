// SCHED-18: how many threads endless patience costs.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;
using goro_test::run_program;
using namespace std::chrono_literals;

struct Computations : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Computations, testing::Values(1, 2));

// Each takes longer than its time slice, so each could lose its P and run on beside the others.
TEST_P(Computations, SCHED_18_many_that_compute_need_few_threads) {
  const int procs = GetParam();
  const program_result r =
      run_program("computations", {"150", "20"}, {"GORO_MAXPROCS=" + std::to_string(procs)}, 60s);
  ASSERT_EQ(r.exit_code, 0) << r.err;
  const int threads = std::stoi(r.out.substr(r.out.find("threads=") + 8));
  // Besides: one for each P, the runtime's two helpers, main, and who counts.
  const int most = 64 + 4 * procs + procs + 4;
  EXPECT_LE(threads, most) << r.out;
  EXPECT_GT(threads, procs + 4) << "they did not run beside each other, so this shows nothing: " << r.out;
  std::printf("%s", r.out.c_str());
}

}  // namespace
