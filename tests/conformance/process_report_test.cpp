// DIAG-04 and 06: what reports say of goroutines, and what makes a program report. The programs are the cases
// of programs/report.cpp.
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;
using goro_test::run_program;

// "function\n\tplace\n" of functions of programs/report.cpp. Without debug information the place is an
// offset.
std::string frame(const std::string& function) {
  return function + "\n\t[^\n]*(report\\.cpp:[0-9]+|/report\\+0x[0-9a-f]+)\n";
}

// The stack of those who wait: the public operation may be a frame of its own or not.
std::string receiving() {
  return "(goro::chan<int>::[^\n]*\n\t[^\n]*\n|std::[^\n]*\n\t[^\n]*\n)*(" +
         frame("report::receive_deep_down\\(goro::chan<int>, int\\)") + "){1,4}" +
         frame("report::receiver\\(goro::chan<int>\\)");
}

const std::string k_created = "created at [^\n]*report\\.cpp:[0-9]+ \\([^\n]*\\) in goroutine 1\n\n";
const std::string k_wrapped = "([^\n\t][^\n]*\n\t[^\n]*\n)*";  // frames that a build may have or not

std::string other() {
  return "goroutine [0-9]+ \"other\" \\[chan receive\\]:\n" + receiving() + k_wrapped + k_created;
}
std::string crowd() {
  return "30 goroutines \\[chan receive\\]: [0-9]+, [0-9]+, [^\n]*\n" + receiving() + k_wrapped + k_created;
}

struct ProcessReport : testing::TestWithParam<int> {
  static program_result run(const std::string& test_case, const std::string& level = "GORO_TRACEBACK") {
    return run_program("report", {test_case}, {"GORO_MAXPROCS=" + std::to_string(GetParam()), level});
  }
  static void expect_end(const program_result& r) {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 2) << r.err;
  }
  // "guilty" comes first, and the whole report begins so.
  static void expect_panic(const program_result& r) {
    EXPECT_EQ(r.out, "deferred call ran\n");
    EXPECT_TRUE(matches(r.err, "^panic: boom\n\ngoroutine [0-9]+ \"guilty\" \\[running\\]:\n(" +
                                   frame("report::throw_deep_down\\(int\\)") + "){1,4}" + k_wrapped +
                                   k_created))
        << r.err;
  }
  static void expect_all_others(const program_result& r) {
    EXPECT_TRUE(matches(r.err, other())) << r.err;
    EXPECT_TRUE(matches(r.err, crowd())) << r.err;
  }
  static void expect_no_others(const program_result& r) {
    EXPECT_FALSE(matches(r.err, "\"other\"|[0-9] goroutines|report::receiver")) << r.err;
  }
  // Nobody wants to see these.
  static void expect_no_runtime(const program_result& r) {
    EXPECT_FALSE(matches(r.err, "goro::detail::|goro_arch_|_Unwind_|__cxa_throw|start_thread")) << r.err;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessReport, testing::Values(1, 2, 4, 32));

TEST_P(ProcessReport, DIAG_06_a_panic_is_reported_with_the_stack_that_threw_it) {
  const program_result r = run("panic");
  expect_end(r);
  expect_panic(r);
  expect_no_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_06_all_adds_the_others) {
  const program_result r = run("panic", "GORO_TRACEBACK=all");
  expect_end(r);
  expect_panic(r);
  expect_all_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_06_none_leaves_only_what_has_happened) {
  const program_result panic = run("panic", "GORO_TRACEBACK=none");
  expect_end(panic);
  EXPECT_EQ(panic.err, "panic: boom\n\n");
  const program_result fatal = run("fatal", "GORO_TRACEBACK=none");
  expect_end(fatal);
  EXPECT_EQ(fatal.err, "fatal error: sync: unlock of unlocked mutex\n\n");
  const program_result quit = run("quit_waiting", "GORO_TRACEBACK=none");
  expect_end(quit);
  EXPECT_EQ(quit.err, "SIGQUIT: quit\n\n");
}

TEST_P(ProcessReport, DIAG_06_crash_dumps_the_core_after_the_report) {
  for (const char* test_case : {"panic", "fatal", "quit_waiting"}) {
    SCOPED_TRACE(test_case);
    const program_result r = run(test_case, "GORO_TRACEBACK=crash");
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.signal, SIGABRT);
    expect_all_others(r);
  }
}

TEST_P(ProcessReport, DIAG_06_single_is_the_default_and_an_unknown_level_is_ignored_with_one_line) {
  for (const char* level : {"GORO_TRACEBACK=single", "GORO_TRACEBACK="}) expect_panic(run("panic", level));
  for (const char* level : {"everything", "ALL", "2", " all"}) {
    const program_result r = run("panic", std::string("GORO_TRACEBACK=") + level);
    expect_end(r);
    expect_no_others(r);
    const std::string line =
        "goro: GORO_TRACEBACK=" + std::string(level) + " ignored; known: none, single, all, crash\n";
    EXPECT_EQ(r.err.rfind(line + "panic: boom\n\n", 0), 0U) << r.err;
  }
}

TEST_P(ProcessReport, DIAG_06_a_fatal_error_shows_the_guilty_one_first_and_then_all) {
  const program_result r = run("fatal");
  expect_end(r);
  EXPECT_TRUE(
      matches(r.err,
              "^fatal error: sync: unlock of unlocked mutex\n\ngoroutine [0-9]+ \"guilty\" \\[running\\]:\n"
              "goro::mutex::unlock[^\n]*\n\t[^\n]*\n" +
                  k_wrapped + k_created))
      << r.err;
  expect_all_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_06_a_deadlock_shows_all) {
  const program_result r = run("deadlock");
  expect_end(r);
  EXPECT_EQ(
      r.err.rfind("fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [select (no cases)]:\n"
                  "goro::block_forever()\n",
                  0),
      0U)
      << r.err;
  expect_all_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_06_sigquit_dumps_all_that_wait_and_ends_the_process) {
  const program_result r = run("quit_waiting");
  expect_end(r);
  EXPECT_EQ(r.err.rfind("SIGQUIT: quit\n\ngoroutine 1 [", 0), 0U) << r.err;
  expect_all_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_06_sigquit_dumps_while_all_threads_compute) {
  const program_result r = run("quit_computing");
  expect_end(r);
  EXPECT_TRUE(matches(r.err,
                      "goroutine 1 \\[running\\]:\n\tgoroutine running on other thread; stack unavailable\n"
                      "created at "))
      << r.err;
  expect_all_others(r);
}

TEST_P(ProcessReport, DIAG_06_sigquit_dumps_while_a_plain_main_waits_in_a_lock) {
  const program_result r = run("quit_thread");
  expect_end(r);
  EXPECT_TRUE(
      matches(r.err, "^SIGQUIT: quit\n\ngoroutine [0-9]+ \"other\" \\[sleep\\]:\n(void )?goro::sleep_for"))
      << r.err;
}

TEST_P(ProcessReport, DIAG_06_sigquit_is_the_programs_while_it_is_notified_of_it) {
  const program_result r = run("quit_notified");
  expect_end(r);
  EXPECT_EQ(r.out, "");  // not flushed: the process ended by the report
  EXPECT_EQ(r.err.rfind("notified\nSIGQUIT: quit\n\n", 0), 0U) << r.err;
  expect_all_others(r);
}

TEST_P(ProcessReport, DIAG_06_sigquit_is_left_to_whoever_handles_or_ignores_it) {
  const program_result handled = run("quit_handled");
  EXPECT_EQ(handled.exit_code, 7);
  EXPECT_EQ(handled.err, "");
  const program_result ignored = run("quit_ignored");
  EXPECT_EQ(ignored.exit_code, 0);
  EXPECT_EQ(ignored.out, "went on\n");
}

TEST_P(ProcessReport, DIAG_06_sigquit_ends_a_child_of_fork_and_a_second_one_a_report_that_hangs) {
  if (!goro_test::k_tsan) {  // which holds the signals of a child back
    const program_result child = run("quit_child");
    EXPECT_EQ(child.exit_code, 0);
    EXPECT_EQ(child.out, "ended by signal " + std::to_string(SIGQUIT) + "\n");
  }
  const program_result twice = run("quit_twice");
  EXPECT_EQ(twice.signal, SIGQUIT);
  EXPECT_EQ(twice.out, "still there\n");
}

TEST_P(ProcessReport, DIAG_04_a_dump_shows_id_state_stack_and_place_of_creation) {
  const program_result r = run("dump");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_TRUE(matches(r.err, "^goroutine 1 \\[running\\]:\ngoro::diag::dump_goroutines\\(")) << r.err;
  expect_all_others(r);
  expect_no_runtime(r);
}

TEST_P(ProcessReport, DIAG_04_a_locked_goroutine_says_so) {
  const program_result r = run("locked");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_TRUE(matches(r.err, "goroutine [0-9]+ \"locked\" \\[sleep, locked to thread\\]:\n")) << r.err;
}

TEST_P(ProcessReport, DIAG_04_of_a_deep_stack_the_innermost_frames_are_shown) {
  const program_result r = run("deep");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_TRUE(matches(r.err, "goroutine [0-9]+ \"deep\" \\[chan receive\\]:\n")) << r.err;
  EXPECT_TRUE(matches(r.err, frame("report::park_at_the_end\\(goro::chan<int> const&, int\\)") +
                                 "\\.\\.\\.additional frames elided\\.\\.\\.\n" + k_created))
      << r.err;
}

TEST_P(ProcessReport, DIAG_04_of_very_many_the_first_are_shown) {
  if (goro_test::k_tsan) GTEST_SKIP() << "it has no room for so many";
  const program_result r = run("multitude");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_TRUE(matches(r.err, "\n\\.\\.\\. and 2001 more goroutines, whose stacks were not looked at\n$"))
      << r.err;
  EXPECT_LT(r.err.size(), 100'000U);
}

}  // namespace
