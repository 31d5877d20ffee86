// LIFE-05, 06, 18 and 22: how programs end that end well. The programs are the cases of programs/ends.cpp.
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;
using namespace std::chrono_literals;

struct ProcessEnd : goro_test::process_test {
  static void expect_end(const program_result& r, int exit_code, const std::string& out) {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, exit_code);
    EXPECT_EQ(r.signal, 0);
    EXPECT_EQ(r.out, out);
    EXPECT_EQ(r.err, "");
    EXPECT_LT(r.elapsed, goro_test::k_sanitized ? 20s : 5s);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessEnd, goro_test::process_procs());

constexpr const char* k_static = "static destructors ran\n";

TEST_P(ProcessEnd, LIFE_05_when_main_returns_the_process_ends_with_its_status) {
  expect_end(run("ends", {"main_returns"}), 7, k_static);
  expect_end(run("ends", {"without_run"}), 7, k_static);
}

TEST_P(ProcessEnd, LIFE_05_also_beside_an_endless_loop) {
  expect_end(run("ends", {"main_returns_beside_a_loop"}), 7, k_static);
}

TEST_P(ProcessEnd, LIFE_06_exit_ends_the_process_without_deferred_calls) {
  expect_end(run("ends", {"exit_in_main"}), 5, k_static);
  expect_end(run("ends", {"exit_in_a_goroutine"}), 5, k_static);
}

TEST_P(ProcessEnd, LIFE_06_exit_in_a_forked_child_does_not_wait_for_threads_that_it_does_not_have) {
  expect_end(run("ends", {"exit_in_a_forked_child"}), 6, std::string(k_static) + k_static);
}

TEST_P(ProcessEnd, LIFE_14_a_goroutine_that_exits_does_not_change_the_status) {
  expect_end(run("ends", {"goroutine_exits"}), 3, k_static);
}

TEST_P(ProcessEnd, LIFE_18_exit_in_main_lets_the_others_go_on_and_then_is_fatal) {
  const program_result r = run("ends", {"main_exits"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "main was unwound\nthe other has ended\n");
  EXPECT_TRUE(matches(r.err, "fatal error: no goroutines \\(main called runtime\\.Goexit\\) - deadlock!"))
      << r.err;
}

TEST_P(ProcessEnd, a_second_run_is_allowed) { expect_end(run("ends", {"second_run"}), 23, k_static); }

TEST_P(ProcessEnd, no_goroutine_meets_a_destroyed_static_object) {
  for (int i = 0; i < 10; ++i) expect_end(run("ends", {"late_static"}), 7, k_static);
}

TEST_P(ProcessEnd, an_exit_handler_that_waits_is_told_so) {
  const program_result r = run("ends", {"waits_at_exit"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "waited for a goroutine while the process was ending")) << r.err;
}

TEST_P(ProcessEnd, a_static_object_that_joins_its_goroutines_is_told_so) {
  const program_result r = run("ends", {"static_object_joins"});
  EXPECT_EQ(r.exit_code, 8) << r.err;
  EXPECT_TRUE(matches(r.err, "goro: a thread waits while the process ends, when goroutines no longer run"))
      << r.err;
}

TEST_P(ProcessEnd, TIME_02_the_longest_sleep_is_no_deadlock) {
  const program_result r = run("ends", {"sleeps_for_ever"});
  EXPECT_EQ(r.exit_code, 7) << r.err;
}

}  // namespace
