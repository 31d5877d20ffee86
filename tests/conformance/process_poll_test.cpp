// DIAG-03 and 10, NET-17: what the poller and signals mean for the end of a process. The programs are the
// cases of programs/poller.cpp.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;

struct ProcessPoll : goro_test::process_test {};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessPoll, goro_test::process_procs());

void expect_seven(const program_result& r) {
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 7) << r.err;
  EXPECT_EQ(r.err, "");
}

TEST_P(ProcessPoll, DIAG_03_waiting_for_input_is_no_deadlock) {
  for (const char* which : {"a_goroutine_waits_for_input", "the_main_goroutine_waits_for_input",
                            "a_plain_thread_waits_for_input"}) {
    SCOPED_TRACE(which);
    expect_seven(run("poller", {which}));
  }
}

TEST_P(ProcessPoll, DIAG_03_waiting_for_a_signal_is_no_deadlock) {
  // Its handlers run when their thread calls the C library the next time; here all sleep in the kernel.
  if (goro_test::k_tsan) GTEST_SKIP() << "ThreadSanitizer holds the signal back";
  for (const char* which : {"signals_are_registered", "a_context_waits_for_a_signal"}) {
    SCOPED_TRACE(which);
    expect_seven(run("poller", {which}));
  }
}

TEST_P(ProcessPoll, DIAG_03_a_deadlock_is_reported_when_nothing_is_waited_for_any_more) {
  for (const char* which : {"nobody_waits_for_an_idle_listener", "after_input_has_come", "after_close",
                            "after_a_deadline", "after_stop", "after_assignment"}) {
    const program_result r = run("poller", {which});
    EXPECT_FALSE(r.timed_out) << which;
    EXPECT_EQ(r.exit_code, 2) << which;
    EXPECT_TRUE(goro_test::matches(r.err, "all goroutines are asleep - deadlock!")) << which << '\n' << r.err;
  }
}

TEST_P(ProcessPoll, DIAG_10_after_stop_a_signal_has_its_usual_effect) {
  const program_result r = run("poller", {"a_stopped_signal_ends_the_process"});
  EXPECT_EQ(r.signal, SIGTERM) << r.exit_code << r.err;
}

TEST_P(ProcessPoll, NET_17_no_sigpipe) { EXPECT_EQ(run("poller", {"sigpipe"}).exit_code, 7); }

}  // namespace
