// SCHED-02, LIFE-23: what a whole process shows, the number of Ps at its start, millions of goroutines in
// succession.
#include <gtest/gtest.h>

#include <sched.h>

#include <cstdlib>
#include <sstream>
#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"
#include "support/watchdog.hpp"

namespace {

using goro_test::count_lines;
using goro_test::k_sanitized;
using goro_test::program_result;
using goro_test::run_program;
using namespace std::chrono_literals;

int usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  return ::sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
}

TEST(ProcessSched, SCHED_02_the_initial_value_is_the_number_of_usable_cpus) {
  const program_result all = run_program("max_procs", {}, {"GORO_MAXPROCS"});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_GE(std::atoi(all.out.c_str()), 1);
  EXPECT_LE(std::atoi(all.out.c_str()), usable_cpus());  // less if a cgroup has a quota
  const program_result one = run_program("max_procs", {"1"}, {"GORO_MAXPROCS"});
  EXPECT_EQ(one.out, "1\n") << one.err;
}

TEST(ProcessSched, SCHED_02_a_positive_integer_in_the_environment_overrides_it) {
  for (const char* n : {"1", "3", "17", "1024"}) {
    const program_result r = run_program("max_procs", {}, {std::string("GORO_MAXPROCS=") + n});
    EXPECT_EQ(r.out, std::string(n) + "\n");
    EXPECT_EQ(r.err, "");
  }
}

TEST(ProcessSched, SCHED_02_nonsense_in_the_environment_is_ignored_with_one_line) {
  const std::string usual = run_program("max_procs", {}, {"GORO_MAXPROCS"}).out;
  for (const char* nonsense : {"abc", "0", "-3", "3x", "1.5", "99999999999999999999", " "}) {
    const program_result r = run_program("max_procs", {}, {std::string("GORO_MAXPROCS=") + nonsense});
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.out, usual) << nonsense;
    EXPECT_EQ(count_lines(r.err), 1U) << r.err;
    EXPECT_NE(r.err.find("GORO_MAXPROCS"), std::string::npos) << r.err;
    EXPECT_NE(r.err.find(nonsense), std::string::npos) << r.err;
  }
}

struct Succession : testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Procs, Succession, testing::Values(1, 2, 32));

TEST_P(Succession, LIFE_23_millions_of_goroutines_leave_memory_as_it_was) {
  // In full for an optimised build; `each` waits for each goroutine, which costs wake-ups when there are
  // several Ps.
  goro_test::allow_longer(120s);
#if defined(__OPTIMIZE__)
  const char* flood = k_sanitized ? "1500" : "10000000";
#else
  const char* flood = "2000000";
#endif
  // A sanitizer makes a new fiber for each, some 0.4 ms or several; what it checks there is the reuse, not
  // the figures.
  const char* warm_up = k_sanitized ? "500" : "100000";
  const char* each = k_sanitized ? "1500" : "1000000";
  for (const auto& [mode, total] : {std::pair{"flood", flood}, {"parking", each}, {"each", each}}) {
    const program_result r = run_program("succession", {warm_up, total, mode},
                                         {"GORO_MAXPROCS=" + std::to_string(GetParam())}, 120s);
    ASSERT_EQ(r.exit_code, 0) << mode << r.err;
    std::istringstream figures(r.out);
    long before = 0;
    long behind = 0;
    figures >> before >> behind;
    EXPECT_GT(before, 0);
    // What each P keeps for reuse fills up as work happens to come its way: on few Ps that is noise.
    const long caches = GetParam() > 2 || mode == std::string("parking") ? 512L * GetParam() : 0;
    if (!k_sanitized) {
      EXPECT_LE(behind, before + before / 10 + caches) << mode << ", KB";
    }
  }
}

}  // namespace
