// LIFE-04, LIFE-15, SYNC-03 and SYNC-09: misuse that no handler can catch. The programs are the cases of
// programs/fatal.cpp, each of which runs inside a catch-all and beside a deferred call.
#include <gtest/gtest.h>

#include <string>

#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct ProcessFatal : goro_test::process_test {
  static void expect_fatal(const std::string& test_case, const std::string& text) {
    const program_result r = run("fatal", {test_case});
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_EQ(r.out, "") << "no handler and no deferred call runs";
    EXPECT_TRUE(matches(r.err, "fatal error: " + text + "\n")) << r.err;
    EXPECT_TRUE(matches(r.err, "\ngoroutine [0-9]+[^\n]*\\[")) << "no dump:\n" << r.err;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessFatal, goro_test::process_procs());

TEST_P(ProcessFatal, LIFE_04_go_of_nil) {
  for (const char* test_case :
       {"go_null_pointer", "go_empty_function", "go_null_member", "wait_group_go_nil", "async_nil"}) {
    SCOPED_TRACE(test_case);
    expect_fatal(test_case, "go of nil func value");
  }
}

TEST_P(ProcessFatal, LIFE_15_a_catch_all_that_swallows_exit_is_told_so) {
  const program_result r = run("fatal", {"exit_swallowed"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_NE(r.exit_code, 0);
  EXPECT_EQ(r.out, "");
  EXPECT_TRUE(matches(r.err, "catch \\(\\.\\.\\.\\)|catch-all|rethrow")) << r.err;
}

TEST_P(ProcessFatal, SYNC_03_unlock_of_an_unlocked_mutex) {
  expect_fatal("unlock", "sync: unlock of unlocked mutex");
  expect_fatal("unlock_in_thread", "sync: unlock of unlocked mutex");
}

TEST_P(ProcessFatal, DIAG_06_of_a_plain_thread_the_stack_is_shown_first) {
  const program_result r = run("fatal", {"unlock_in_thread"});
  EXPECT_TRUE(
      matches(r.err,
              "^fatal error: [^\n]*\n\nthread [0-9]+ \\[running\\]:\ngoro::mutex::unlock[^\n]*\n\t[^\n]*\n"
              "([^\n]+\n\t[^\n]+\n)*\ngoroutine 1 \\["))
      << r.err;
  EXPECT_TRUE(matches(r.err, "unlock_of_unlocked\\([^\n]*\\)\n\t[^\n]*fatal[^\n]*\n")) << r.err;
}

TEST_P(ProcessFatal, SYNC_09_unlock_of_an_unlocked_shared_mutex) {
  expect_fatal("rw_unlock", "sync: Unlock of unlocked RWMutex");
  expect_fatal("rw_unlock_shared", "sync: RUnlock of unlocked RWMutex");
}

TEST_P(ProcessFatal, a_wait_group_destroyed_with_a_count) {
  expect_fatal("wait_group_count", "[^\n]*wait_group[^\n]*");
}

TEST_P(ProcessFatal, a_leak_check_names_what_was_left) {
  const program_result r = run("fatal", {"leak_check"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "");
  EXPECT_TRUE(matches(r.err, "fatal error: [^\n]*leak")) << r.err;
  EXPECT_TRUE(matches(r.err, "leaked one")) << r.err;
  EXPECT_TRUE(matches(r.err, "created at [^\n]*fatal\\.cpp:[0-9]+")) << r.err;
}

// Not as in Go, where the panic is dropped: a C++ destructor that runs during unwinding cannot be left by
// another unwinding.
TEST_P(ProcessFatal, LIFE_17_exit_by_a_deferred_call_while_an_exception_unwinds_is_told_so) {
  const program_result r = run("fatal", {"exit_while_unwinding"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(
      matches(r.err, "fatal error: goro: this_goroutine::exit called while the stack was being unwound\n"))
      << r.err;
}

TEST_P(ProcessFatal, LIFE_15_exit_that_cannot_leave_is_told_so) {
  for (const char* why : {"exit_noexcept", "exit_in_handler", "exit_in_handler_noexcept"}) {
    const program_result r = run("fatal", {why});
    EXPECT_EQ(r.exit_code, 2) << why;
    EXPECT_TRUE(matches(r.err, "fatal error: goro: this_goroutine::exit met a noexcept function")) << r.err;
  }
}

}  // namespace
