// SCHED-16: an idle spell.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/attempts.hpp"
#include "support/process_fixture.hpp"
#include "support/watchdog.hpp"

namespace {

using goro_test::program_result;
using goro_test::run_program;
using namespace std::chrono_literals;

struct Idle : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Idle, testing::Values(1, 4, 32));

TEST_P(Idle, SCHED_16_ten_thousand_parked_goroutines_use_no_cpu) {
  goro_test::allow_longer(55s);
  // On a virtual machine the kernel may count as a thread's what the host has taken from it meanwhile.
  EXPECT_TRUE(goro_test::shown_once([] {
    const program_result r =
        run_program("idle", {"10000", "10"}, {"GORO_MAXPROCS=" + std::to_string(GetParam())}, 60s);
    EXPECT_EQ(r.exit_code, 0) << r.err;
    std::printf("%s us of CPU in 10 s\n", r.out.c_str());
    return r.exit_code != 0 || std::atol(r.out.c_str()) < 10'000;
  }));
}

}  // namespace
