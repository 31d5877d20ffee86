// SCHED-18: how many threads endless patience costs.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "support/attempts.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;
using goro_test::run_program;
using namespace std::chrono_literals;

struct Computations : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Computations, testing::Values(1, 2));

long figure(const std::string& text, const std::string& name) {
  return std::stol(text.substr(text.find(name + "=") + name.size() + 1));
}

// Each takes longer than its time slice, so each could lose its P and run on beside the others. While nobody
// has come to an end for a second there may be four times as many threads, which would be more than there are
// goroutines: where the machine has been so slow that this has happened, the run shows nothing.
TEST_P(Computations, SCHED_18_many_that_compute_need_few_threads) {
  const int procs = GetParam();
  const int crowd = 64 + 4 * procs;
  const int others = procs + 4;  // one for each P, the runtime's two helpers, main, and who counts
  EXPECT_TRUE(goro_test::shown_once([=] {
    const program_result r =
        run_program("computations", {"150", "20"}, {"GORO_MAXPROCS=" + std::to_string(procs)}, 60s);
    std::printf("%s", r.out.c_str());
    EXPECT_EQ(r.exit_code, 0) << r.err;
    if (r.exit_code != 0) return false;
    const long threads = figure(r.out, "threads");
    EXPECT_GT(threads, others) << "they did not run beside each other, so this shows nothing: " << r.out;
    if (figure(r.out, "gap_ms") >= 1000) return false;
    EXPECT_LE(threads, crowd + others) << r.out;
    return true;
  })) << "too slow a machine";
}

}  // namespace
