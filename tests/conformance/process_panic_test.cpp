// LIFE-07, 08, 10, 16, 20 and 21: panics that leave a goroutine. The programs are the cases of
// programs/panic.cpp.
#include <gtest/gtest.h>

#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct ProcessPanic : goro_test::process_test {
  // The whole report: the value, an empty line, which goroutine, where it was started; and the exit code.
  static void expect_report(const program_result& r, const std::string& value = "boom",
                            const std::string& goroutine = "[0-9]+") {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_TRUE(
        matches(r.err, "panic: " + value + "[^\n]*\n\ngoroutine " + goroutine + "[^\n]*\\[running\\]:\n"))
        << r.err;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessPanic, goro_test::process_procs());

TEST_P(ProcessPanic, LIFE_07_a_panic_that_leaves_a_goroutine_ends_the_process_with_a_report) {
  const program_result r = run("panic", {"goroutine"});
  expect_report(r);
  ASSERT_TRUE(matches(r.out, "line [0-9]+\n")) << r.out;
  const std::string line = r.out.substr(5, r.out.find('\n') - 5);
  EXPECT_TRUE(matches(r.err, "created at [^\n]*panic\\.cpp:" + line + "\\b")) << r.err;
}

TEST_P(ProcessPanic, LIFE_07_the_main_goroutine_is_number_1) {
  expect_report(run("panic", {"main"}), "boom", "1");
}

TEST_P(ProcessPanic, LIFE_07_the_report_names_the_goroutine) {
  const program_result r = run("panic", {"named"});
  expect_report(r);
  EXPECT_TRUE(matches(r.err, "worker")) << r.err;
}

TEST_P(ProcessPanic, LIFE_07_the_runtimes_own_errors_are_reported_alike) {
  expect_report(run("panic", {"runtime_error"}), "close of nil channel", "1");
}

TEST_P(ProcessPanic, LIFE_07_something_that_is_no_std_exception_is_reported_too) {
  const program_result r = run("panic", {"not_an_exception"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "panic: [^\n]+\n\ngoroutine 1 [^\n]*\\[running\\]:")) << r.err;
}

TEST_P(ProcessPanic, LIFE_07_of_several_at_once_each_line_stays_whole) {
  const program_result r = run("panic", {"several"});
  expect_report(r);
  EXPECT_FALSE(matches(r.err, "panic: [^\n]*panic: ")) << r.err;
}

TEST_P(ProcessPanic, LIFE_08_a_handler_in_the_starter_never_sees_it) {
  const program_result r = run("panic", {"handler_in_the_starter"});
  expect_report(r);
  EXPECT_EQ(r.out, "");
}

TEST_P(ProcessPanic, LIFE_10_the_report_lists_what_was_replaced_oldest_first) {
  const program_result r = run("panic", {"replaced_by_handlers"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(
      r.err.find("panic: oldest [recovered]\n\tpanic: newer [recovered]\n\tpanic: newest\n\ngoroutine 1 "),
      0U)
      << r.err;
}

// C++ ends the process at the second throw, while the first exception is still there.
TEST_P(ProcessPanic, LIFE_10_a_deferred_call_that_throws_during_unwinding_is_reported) {
  for (const auto& [older, text] : {std::pair("exception", "older"), std::pair("string", "older"),
                                    std::pair("text", "older"), std::pair("number", "\\(int\\)")}) {
    const program_result r = run("panic", {"replaced_by_a_deferred_call", older});
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_TRUE(matches(r.err, std::string("^panic: ") + text + "\n\tpanic: newer\n\ngoroutine 1 ")) << r.err;
  }
}

TEST_P(ProcessPanic, LIFE_16_a_panic_by_a_deferred_call_during_exit_ends_the_process_with_its_text) {
  const program_result r = run("panic", {"during_exit"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "boom")) << r.err;
}

TEST_P(ProcessPanic, LIFE_16_also_when_exit_was_called_in_a_handler) {
  expect_report(run("panic", {"during_exit_from_handler"}));
}

TEST_P(ProcessPanic, LIFE_20_main_that_returns_meanwhile_does_not_cut_the_report) {
  expect_report(run("panic", {"main_returns"}));
}

// Each was lost every second time, or every third.
TEST_P(ProcessPanic, LIFE_20_main_does_not_overtake_the_report_of_whom_it_waited_for) {
  for (int i = 0; i != goro_test::repetitions(5); ++i) {
    expect_report(run("panic", {"main_hears_from_a_destructor"}));
    expect_report(run("panic", {"main_hears_from_a_destructor", "plain"}));
    expect_report(run("panic", {"main_gets_the_mutex"}));
    expect_report(run("panic", {"main_gets_the_mutex", "plain"}));
  }
}

TEST_P(ProcessPanic, LIFE_20_but_destructors_without_end_do_not_hold_the_process) {
  const program_result r = run("panic", {"main_does_not_wait_for_ever"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 0);
}

TEST_P(ProcessPanic, LIFE_07_nor_does_main_overtake_the_report_of_a_goroutine_that_ends_alone) {
  for (int i = 0; i != goro_test::repetitions(5); ++i) {
    for (const char* how : {"", "plain"}) {
      std::vector<std::string> args{"policy_and_main_returns"};
      if (*how) args.emplace_back(how);
      const program_result r = run("panic", args);
      EXPECT_EQ(r.exit_code, 0);
      EXPECT_TRUE(matches(r.err, "panic: boom\n\ngoroutine [0-9]+")) << r.err;
    }
  }
}

TEST_P(ProcessPanic, LIFE_21_a_text_that_parks_cannot_hang_the_report) {
  const program_result r = run("panic", {"text_that_parks"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "panic: boom") || matches(r.err, "panic while printing panic value")) << r.err;
}

TEST_P(ProcessPanic, LIFE_07_out_of_a_noexcept_function_only_the_process_can_end) {
  expect_report(run("panic", {"policy_noexcept"}), "close of nil channel");
}

TEST_P(ProcessPanic, LIFE_07_the_policy_may_be_to_end_only_the_goroutine) {
  const program_result r = run("panic", {"policy"});
  EXPECT_EQ(r.exit_code, 0);
  EXPECT_EQ(r.out, "survived\n");
  EXPECT_TRUE(matches(r.err, "panic: boom\n\ngoroutine [0-9]+")) << r.err;
  EXPECT_TRUE(matches(r.err, "panic: close of nil channel\n\ngoroutine [0-9]+")) << r.err;
}

TEST_P(ProcessPanic, LIFE_21_a_text_that_panics_itself_does_not_hang_the_report) {
  const program_result r = run("panic", {"text_that_throws"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "panic while printing panic value")) << r.err;
}

TEST_P(ProcessPanic, LIFE_21_nor_does_one_that_never_comes) {
  const program_result r = run("panic", {"text_without_end"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "does not come to an end")) << r.err;
}

TEST_P(ProcessPanic, ERRG_04_an_exception_that_no_wait_has_collected_ends_the_process) {
  expect_report(run("panic", {"task_group"}));
}

TEST_P(ProcessPanic, the_main_goroutines_panic_ends_the_process_under_any_policy) {
  expect_report(run("panic", {"policy_main"}));
}

}  // namespace
