// DIAG-01 to 03: when everybody waits for somebody who waits. The programs are the cases of
// programs/deadlock.cpp; what waits for the poller or for signals is in process_poll_test.cpp.
#include <gtest/gtest.h>

#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct ProcessDeadlock : goro_test::process_test {
  static void expect_report(const program_result& r) {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 2) << r.err;
    EXPECT_EQ(r.err.rfind("fatal error: all goroutines are asleep - deadlock!\n", 0), 0U) << r.err;
    EXPECT_EQ(r.out, "");
    // To find it takes a few milliseconds; the rest is the start of the process and the report.
    EXPECT_LT(r.elapsed.count(), goro_test::k_sanitized ? 20 : 5);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessDeadlock, goro_test::process_procs());

TEST_P(ProcessDeadlock, DIAG_01_is_reported_whatever_the_goroutines_wait_for) {
  for (const char* which : {"recv", "send", "nil_channel", "select", "mutex", "wait_group", "condition",
                            "ring", "each_others_locks", "endless_timers"}) {
    SCOPED_TRACE(which);
    expect_report(run("deadlock", {which}));
  }
}

TEST_P(ProcessDeadlock, DIAG_01_is_reported_when_the_thread_of_main_waits_too) {
  for (const char* which : {"plain_recv", "plain_select", "plain_mutex", "plain_ring"}) {
    SCOPED_TRACE(which);
    expect_report(run("deadlock", {which}));
  }
}

TEST_P(ProcessDeadlock, DIAG_01_the_report_says_who_waits_for_what) {
  const program_result r = run("deadlock", {"each_others_locks"});
  EXPECT_TRUE(matches(r.err, "goroutine 1 \\[sync\\.Mutex\\.Lock\\]:")) << r.err;
  EXPECT_TRUE(matches(r.err, "goroutine [2-9][0-9]* \\[sync\\.Mutex\\.Lock\\]:")) << r.err;
  EXPECT_TRUE(matches(r.err, "in_each_others_locks")) << r.err;
}

TEST_P(ProcessDeadlock, DIAG_02_is_found_with_goroutines_that_are_locked_to_threads) {
  for (const char* which : {"locked", "several_locked"}) {
    SCOPED_TRACE(which);
    const program_result r = run("deadlock", {which});
    expect_report(r);
    EXPECT_TRUE(matches(r.err, "locked to thread")) << r.err;
  }
}

TEST_P(ProcessDeadlock, DIAG_02_is_found_before_main_begins) { expect_report(run("deadlock_before_main")); }

TEST_P(ProcessDeadlock, DIAG_02_is_found_although_signals_could_be_asked_for) {
  expect_report(run("deadlock", {"signals_linked"}));
}

TEST_P(ProcessDeadlock, DIAG_03_who_will_be_woken_is_not_in_a_deadlock) {
  for (const char* which : {"for_a_sleeper", "for_a_timer", "for_a_thread", "for_a_blocked_one"}) {
    SCOPED_TRACE(which);
    const program_result r = run("deadlock", {which});
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 7) << r.err;
    EXPECT_EQ(r.err, "");
  }
}

}  // namespace
