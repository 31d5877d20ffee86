// DIAG-09: sanitizers see goroutines as they are. The programs are the cases of programs/bugs.cpp; races are
// in tests/race.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct ProcessSanitizer : goro_test::process_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessSanitizer, goro_test::process_procs());

TEST_P(ProcessSanitizer, DIAG_09_nothing_is_reported_of_a_program_without_a_bug) {
  const program_result r = run("bugs", {"no_bug"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 7) << r.err;
  EXPECT_EQ(r.err, "");
}

#if defined(GORO_ASAN)

TEST_P(ProcessSanitizer, DIAG_09_bugs_in_goroutines_are_found_for_what_they_are) {
  for (const auto& [which, report] : {std::pair("use_after_free", "heap-use-after-free"),
                                      std::pair("heap_overflow", "heap-buffer-overflow"),
                                      std::pair("stack_overflow_of_an_array", "stack-buffer-overflow"),
                                      std::pair("use_after_scope", "stack-use-after-scope")}) {
    const program_result r = run("bugs", {which});
    EXPECT_NE(r.exit_code, 7) << which;
    EXPECT_TRUE(matches(r.err, std::string("AddressSanitizer: ") + report)) << which << '\n' << r.err;
    EXPECT_TRUE(matches(r.err, "bugs\\.cpp")) << which << '\n' << r.err;
  }
  const program_result r = run("bugs", {"signed_overflow"});
  EXPECT_NE(r.exit_code, 7);
  EXPECT_TRUE(matches(r.err, "bugs\\.cpp:[0-9:]+ runtime error: signed integer overflow")) << r.err;
}

// With frames on the stack, and with frames elsewhere.
TEST_P(ProcessSanitizer, DIAG_09_leaks_are_found_and_what_parked_goroutines_hold_is_none) {
  const char* const options = std::getenv("ASAN_OPTIONS");
  for (const char* elsewhere : {"0", "1"}) {
    const std::vector<std::string> environment{
        "GORO_MAXPROCS=" + std::to_string(GetParam()),
        std::string("ASAN_OPTIONS=") + (options ? options : "") +
            ":detect_leaks=1:detect_stack_use_after_return=" + elsewhere};
    for (const char* clean : {"no_bug", "parked_at_the_end"}) {
      const program_result r = goro_test::run_program("bugs", {clean}, environment);
      EXPECT_EQ(r.exit_code, 7) << clean << '\n' << r.err;
      EXPECT_EQ(r.err, "") << clean;
    }
    const program_result r = goro_test::run_program("bugs", {"leak"}, environment);
    EXPECT_NE(r.exit_code, 7);
    EXPECT_TRUE(matches(r.err, "LeakSanitizer: detected memory leaks")) << r.err;
    EXPECT_TRUE(matches(r.err, "bugs\\.cpp")) << r.err;
  }
}

#endif

}  // namespace
