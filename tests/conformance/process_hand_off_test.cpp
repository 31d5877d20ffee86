// What a program with goroutines that block or compute says, and how it ends. The programs are the cases of
// programs/hand_off.cpp, and programs/black_hole.cpp.
#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "base/sanitizers.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::count_lines;
using goro_test::matches;
using goro_test::program_result;
using namespace std::chrono_literals;

struct ProcessHandOff : goro_test::process_test {
  static program_result run(const std::string& which, const std::string& debug = "") {
    return goro_test::run_program(
        "hand_off", {which}, {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_DEBUG=" + debug}, 60s);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessHandOff, goro_test::process_procs());

TEST_P(ProcessHandOff, SCHED_21_too_many_threads_are_fatal) {
  const program_result r = run("exhausts_threads");
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "runtime: program exceeds 20-thread limit")) << r.err;
  EXPECT_TRUE(matches(r.err, "fatal error: thread exhaustion")) << r.err;
}

TEST_P(ProcessHandOff, a_goroutine_that_blocks_its_thread_is_told_of_once_for_each_place) {
  const program_result r = run("blocks", "stalls=1");
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_TRUE(
      matches(r.err,
              "goro: goroutine \\d+ \"sleepy\" has blocked its thread for 1\\d\\d ms without parking, "
              "created at .*hand_off\\.cpp:\\d+ "))
      << r.err;
  EXPECT_EQ(count_lines(r.err), 1U) << r.err;
}

TEST_P(ProcessHandOff, a_goroutine_that_computes_is_told_of_once_for_each_place) {
  const program_result r = run("computes", "stalls=1");
  EXPECT_EQ(r.exit_code, 0);
  if (GetParam() == 1) {  // with more nobody needs its P
    EXPECT_TRUE(matches(r.err,
                        "goro: goroutine \\d+ has computed for \\d+ ms without calling goro, "
                        "created at .*hand_off\\.cpp:\\d+ "))
        << r.err;
    EXPECT_EQ(count_lines(r.err), 1U) << r.err;
  }
}

TEST_P(ProcessHandOff, stalls_are_told_of_on_request_only_and_not_if_they_are_announced) {
  EXPECT_EQ(run("blocks").err, "");
  EXPECT_EQ(run("blocks_announced", "stalls=1").err, "");
}

TEST_P(ProcessHandOff, LIFE_06_a_child_of_fork_that_uses_goro_ends_with_a_sentence) {
  for (const char* which :
       {"child_goes_on_in_a_goroutine", "child_of_a_thread_starts_a_goroutine", "child_of_a_thread_waits"}) {
    const program_result r = run(which);
    EXPECT_EQ(r.exit_code, 2) << which;
    EXPECT_TRUE(matches(r.err, "^fatal error: goro was used in a child of fork\\(\\)")) << which << r.err;
    EXPECT_EQ(count_lines(r.err), 1U) << which << r.err;
  }
}

TEST_P(ProcessHandOff, LIFE_06_a_child_of_fork_may_execute_another_program) {
  const program_result r = run("child_executes_another_program");
  EXPECT_EQ(r.exit_code, 7);
  EXPECT_EQ(r.err, "");
}

TEST_P(ProcessHandOff, who_blocks_its_thread_is_not_asleep_for_the_deadlock_report) {
  const program_result r = run("deadlock_after_a_block");
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "it came back\n");
  EXPECT_TRUE(matches(r.err, "all goroutines are asleep - deadlock!")) << r.err;
}

TEST_P(ProcessHandOff, LIFE_06_who_calls_exit_goes_on_to_the_end_locked_or_without_its_p) {
  for (const char* which :
       {"exits_locked", "exits_after_a_long_computation", "exits_after_a_block", "exits_announced"}) {
    const program_result r = run(which);
    EXPECT_EQ(r.exit_code, 7) << which;
    EXPECT_EQ(r.out, "closed\n") << which;
    EXPECT_EQ(r.err, "") << which;
  }
}

TEST_P(ProcessHandOff, threads_that_end_are_no_sign_of_a_deadlock_nor_hide_one) {
  EXPECT_EQ(run("thread_works_while_another_ends").exit_code, 7);
  for (const char* which : {"deadlock_after_a_thread_has_ended", "deadlock_of_a_locked_one"}) {
    const program_result r = run(which);
    EXPECT_EQ(r.exit_code, 2) << which;
    EXPECT_TRUE(matches(r.err, "all goroutines are asleep - deadlock!")) << which << r.err;
  }
}

TEST_P(ProcessHandOff, SCHED_21_threads_that_have_ended_do_not_count) {
  const program_result r = run("threads_come_and_go");
  EXPECT_EQ(r.exit_code, 7);
  EXPECT_EQ(r.err, "");
}

// Not under UndefinedBehaviorSanitizer, which needs a descriptor (a pipe) to look at an object's type, and
// takes each stream for a wild pointer when there is none.
#if !defined(GORO_ASAN)
TEST_P(ProcessHandOff, who_computes_is_not_taken_for_blocked_where_the_kernel_does_not_say) {
  const program_result r = run("computes_without_descriptors");
  EXPECT_EQ(r.exit_code, 7);
  EXPECT_EQ(r.out, "few\n");
}
#endif

TEST_P(ProcessHandOff, LIFE_05_the_end_does_not_wait_for_those_who_are_away) {
  const program_result r = run("ends_beside_those_away");
  EXPECT_EQ(r.exit_code, 7);
  EXPECT_EQ(r.err, "");
  EXPECT_LT(r.elapsed, 10s);
}

// One after another the lookups would take 20 seconds, and each would keep the one P from the others.
// Not under ThreadSanitizer, which does not know the locks inside of the C library.
#if !defined(GORO_TSAN)
TEST_P(ProcessHandOff, SCHED_20_lookups_of_names_that_nobody_answers_stop_only_themselves) {
  const program_result r =
      goro_test::run_program("black_hole", {}, {"GORO_MAXPROCS=" + std::to_string(GetParam())}, 60s);
  EXPECT_EQ(r.exit_code, 0) << r.err;
  int questions = 0;
  int unanswered = 0;
  int took_ms = 0;
  int turns = 0;
  int late_ms = 0;
  ASSERT_EQ(std::sscanf(r.out.c_str(),
                        "%d questions, %d without an answer, after %d ms\n%d turns, at most %d ms late",
                        &questions, &unanswered, &took_ms, &turns, &late_ms),
            5)
      << r.out;
  EXPECT_EQ(questions, 20) << r.out;  // all were asked there and nowhere else
  EXPECT_EQ(unanswered, 20) << r.out;
  EXPECT_GE(took_ms, 900) << r.out;  // the calls have blocked
  EXPECT_LT(took_ms, 4000) << r.out;
  EXPECT_GE(turns, 20) << r.out;
  EXPECT_LT(late_ms, 500) << r.out;
}
#endif

}  // namespace
