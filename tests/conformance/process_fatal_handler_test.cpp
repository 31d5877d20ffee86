// What diag::set_fatal_handler promises. The programs are the cases of programs/fatal_handler.cpp; their
// handlers print what they are told to stdout.
#include <gtest/gtest.h>

#include <csignal>
#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct ProcessFatalHandler : goro_test::process_test {
  static program_result fail(const std::string& handler, const std::string& test_case) {
    const program_result r = run("fatal_handler", {handler, test_case});
    EXPECT_FALSE(r.timed_out);
    return r;
  }

  // The handler is called once, with this; then the process ends as without it.
  static void expect_called(const std::string& test_case, const std::string& with) {
    SCOPED_TRACE(test_case);
    const program_result r = fail("print", test_case);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_EQ(r.out, with + "\n") << r.err;
  }

  // The process ends by itself, with one more line after the report.
  static void expect_failure(const std::string& handler, const std::string& test_case,
                             const std::string& line) {
    SCOPED_TRACE(handler + " " + test_case);
    const program_result r = fail(handler, test_case);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_EQ(goro_test::count_lines(r.out), 1U) << "it was called again:\n" << r.out;
    EXPECT_TRUE(matches(r.err, "\nfatal error: " + line + "\n$")) << r.err;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessFatalHandler, goro_test::process_procs());

TEST_P(ProcessFatalHandler, is_told_of_each_kind) {
  expect_called("panic", "panic <panic: boom> stacks");
  expect_called("panic_noexcept", "panic <panic: boom> stacks");
  expect_called("panic_chain", "panic <panic: first [recovered]\n\tpanic: second> stacks");
  expect_called("fatal", "fatal_error <fatal error: sync: unlock of unlocked mutex> stacks");
  expect_called("fatal_thread", "fatal_error <fatal error: sync: unlock of unlocked mutex> stacks");
  expect_called(
      "leak",
      "fatal_error <fatal error: goro: leak_check: 1 goroutine(s) started in its scope have not ended> "
      "stacks");
  expect_called("deadlock", "deadlock <fatal error: all goroutines are asleep - deadlock!> stacks");
  expect_called("overflow", "stack_overflow <fatal error: stack overflow> no stacks");
}

TEST_P(ProcessFatalHandler, is_called_after_the_report_with_the_stacks_that_stand_in_it) {
  for (const char* test_case : {"panic", "fatal", "deadlock"}) {
    const program_result r = fail("stacks", test_case);
    EXPECT_EQ(r.exit_code, 2);
    ASSERT_FALSE(r.out.empty());
    EXPECT_TRUE(r.err.ends_with(r.out)) << r.err << "---\n" << r.out;
  }
}

TEST_P(ProcessFatalHandler, the_report_of_an_overflow_shows_labels) {
  const program_result r = fail("print", "overflow");
  EXPECT_TRUE(matches(r.err, "\ngoroutine [0-9]+ \\[running\\] \\{\"request\":\"42\"\\}:\n")) << r.err;
}

TEST_P(ProcessFatalHandler, may_end_the_process) {
  for (const char* test_case : {"panic", "fatal", "fatal_thread", "deadlock", "overflow"}) {
    SCOPED_TRACE(test_case);
    const program_result r = fail("end", test_case);
    EXPECT_EQ(r.exit_code, 7);
    EXPECT_EQ(goro_test::count_lines(r.out), 1U);
    EXPECT_TRUE(matches(r.err, "panic: boom|fatal error: ")) << "no report:\n" << r.err;
  }
}

TEST_P(ProcessFatalHandler, the_former_one_is_returned_and_null_is_none) {
  EXPECT_EQ(fail("chain", "fatal").out,
            "new, fatal_error <fatal error: sync: unlock of unlocked mutex> stacks\n");
  const program_result r = fail("reset", "fatal");
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "");
}

TEST_P(ProcessFatalHandler, is_not_called_where_goro_does_not_end_the_process_for_an_error) {
  EXPECT_EQ(fail("print", "panic_policy").exit_code, 0);
  EXPECT_EQ(fail("print", "panic_policy").out, "");
  const program_result r = fail("print", "quit");
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "") << "somebody wanted to know, and there is no error";
}

TEST_P(ProcessFatalHandler, one_that_throws_ends_there) {
  for (const char* test_case : {"panic", "panic_noexcept", "fatal", "fatal_thread", "deadlock"})
    expect_failure("throw", test_case, "goro: the fatal handler has thrown an exception");
}

TEST_P(ProcessFatalHandler, one_that_fails_itself_is_not_called_again) {
  for (const char* test_case : {"panic", "fatal", "fatal_thread", "deadlock", "overflow"})
    expect_failure("fatal", test_case, "goro: the fatal handler has failed");
  for (const char* test_case : {"panic", "fatal"}) {
    expect_failure("overflow", test_case, "goro: the fatal handler has failed");
    expect_failure("exit", test_case, "goro: the fatal handler has failed");
  }
  expect_failure("exit_goroutine", "fatal", "goro: the fatal handler has thrown an exception");
}

TEST_P(ProcessFatalHandler, a_fault_in_it_ends_the_process) {
  expect_failure("fault", "overflow", "goro: the fatal handler has failed");
  if (goro_test::k_sanitized) GTEST_SKIP() << "the tool handles the fault";
  EXPECT_EQ(fail("fault", "fatal").signal, SIGSEGV);
}

TEST_P(ProcessFatalHandler, is_told_of_a_report_that_has_failed) {
  expect_called("panic_text", "panic <panic while printing panic value> no stacks");
}

TEST_P(ProcessFatalHandler, of_several_errors_at_once_one_calls_it) {
  for (const char* handler : {"print", "slow"}) {
    for (const char* test_case : {"several", "overflow_beside"}) {
      SCOPED_TRACE(std::string(handler) + " " + test_case);
      const program_result r = fail(handler, test_case);
      EXPECT_EQ(r.exit_code, 2);
      EXPECT_EQ(goro_test::count_lines(r.out), handler == std::string("slow") ? 2U : 1U) << r.out << r.err;
    }
  }
}

TEST_P(ProcessFatalHandler, is_waited_for_by_who_wants_to_end_the_process) {
  const program_result r = fail("slow", "main_returns");
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(r.out.ends_with("\ndone\n")) << r.out;
  const program_result endless = fail("endless", "main_returns");
  EXPECT_EQ(endless.exit_code, 2);
  EXPECT_TRUE(matches(endless.err, "goro: the fatal handler does not come to an end\n$")) << endless.err;
}

TEST_P(ProcessFatalHandler, a_core_dump_comes_after_it) {
  const program_result r =
      goro_test::run_program("fatal_handler", {"print", "fatal"},
                             {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_TRACEBACK=crash"});
  EXPECT_EQ(r.signal, SIGABRT);
  EXPECT_EQ(r.out, "fatal_error <fatal error: sync: unlock of unlocked mutex> stacks\n");
}

TEST_P(ProcessFatalHandler, gets_no_stacks_where_none_are_written) {
  for (const char* test_case : {"fatal", "panic", "overflow"}) {
    const program_result r =
        goro_test::run_program("fatal_handler", {"print", test_case},
                               {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_TRACEBACK=none"});
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_TRUE(r.out.ends_with("> no stacks\n")) << r.out;
  }
}

}  // namespace
