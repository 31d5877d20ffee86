// DIAG-11: some wait for each other while others go on (GORO_DEBUG=deadlocks=1). The programs are the cases
// of programs/partial_deadlock.cpp.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

constexpr int k_goes_on = 7;
constexpr int k_fatal = 2;

std::size_t count(const std::string& text, const std::string& word) {
  std::size_t n = 0;
  for (std::size_t at = text.find(word); at != text.npos; at = text.find(word, at + 1)) ++n;
  return n;
}

struct ProcessPartialDeadlock : goro_test::process_test {
  static program_result run_case(const std::string& which,
                                 const std::string& debug = "deadlocks=1,raceruntime=1") {
    const program_result r = goro_test::run_program(
        "partial_deadlock", {which}, {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_DEBUG=" + debug});
    EXPECT_FALSE(r.timed_out);
    return r;
  }
  static program_result expect(const std::string& which, int exit_code, const std::string& sentence) {
    program_result r = run_case(which);
    EXPECT_EQ(r.exit_code, exit_code) << r.err;
    EXPECT_TRUE(matches(r.err, sentence)) << r.err;
    return r;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessPartialDeadlock, goro_test::process_procs());

TEST_P(ProcessPartialDeadlock, DIAG_11_a_cycle_among_mutexes_is_told_of_once_with_stacks) {
  const program_result r =
      expect("two", k_goes_on,
             "^goro: deadlock among mutexes: goroutine [23] \"philosopher [01]\" holds 0x[0-9a-f]+.* "
             "and waits for 0x[0-9a-f]+, held by goroutine [23] \"philosopher [01]\".*, which waits "
             "for 0x[0-9a-f]+\n");
  EXPECT_EQ(count(r.err, "goro: deadlock"), 1U) << r.err;
  EXPECT_TRUE(matches(r.err, "\ngoroutine [23] \"philosopher [01]\" \\[(running|sync\\.Mutex\\.Lock)\\]:\n"))
      << r.err;
  EXPECT_TRUE(matches(r.err, "created at .*partial_deadlock\\.cpp:[0-9]+ .* in goroutine 1")) << r.err;
}

TEST_P(ProcessPartialDeadlock, DIAG_11_as_long_as_it_may_be) {
  const program_result r = expect("three", k_goes_on, "(held by goroutine [234] .*){2}");
  EXPECT_EQ(count(r.err, "goro: deadlock"), 1U) << r.err;
}

TEST_P(ProcessPartialDeadlock, DIAG_11_who_locks_twice_waits_for_itself) {
  expect("twice", k_goes_on,
         "^goro: deadlock of a mutex: goroutine 2 waits for 0x[0-9a-f]+, which it holds itself");
  expect("upgrade", k_goes_on, "^goro: deadlock of a mutex: goroutine 2 waits");
}

TEST_P(ProcessPartialDeadlock, DIAG_11_of_plain_threads_too) {
  expect("twice_in_a_thread", k_fatal, "^goro: deadlock of a mutex: thread [0-9]+ waits");
  const program_result r = expect("thread_and_goroutine", k_fatal,
                                  "^goro: deadlock among mutexes: (thread|goroutine) [0-9]+ holds");
  EXPECT_TRUE(matches(r.err, "held by (thread|goroutine) [0-9]+")) << r.err;
}

TEST_P(ProcessPartialDeadlock, DIAG_11_leak_check_names_the_cycle) {
  expect("leak_of_two", k_fatal,
         "\nfatal error: goro: leak_check: 2 goroutine\\(s\\) started in its scope have not ended\n"
         "goro: deadlock among mutexes: goroutine [23]");
}

TEST_P(ProcessPartialDeadlock, DIAG_11_without_the_setting_nothing_is_said) {
  const program_result r = run_case("two", "");
  EXPECT_EQ(r.exit_code, k_goes_on);
  EXPECT_EQ(r.err, "");
}

TEST_P(ProcessPartialDeadlock, DIAG_11_nothing_is_said_of_those_who_go_on) {
  for (const char* which : {"condition", "with_deadlines", "unlocked_by_another", "contention"}) {
    SCOPED_TRACE(which);
    const program_result r = run_case(which);
    EXPECT_EQ(r.exit_code, k_goes_on) << r.err;
    EXPECT_EQ(r.err, "");
  }
}

// Under the sanitizers memory is not searched.
// A word that was left somewhere in memory may hide one of them in a run (docs/diagnostics.md).
TEST_P(ProcessPartialDeadlock, DIAG_11_leak_check_says_who_can_never_be_woken) {
  constexpr int k_most_runs = 3;
  std::set<std::string> hidden;
  if (!goro_test::k_sanitized) {
    for (const char* which : {"2 \"receiver\"", "3 \"sender\"", "5 \"captured\""})
      hidden.insert(which + std::string(" can never be woken: no other handle to this channel\n"));
    hidden.insert("4 \"selector\" can never be woken: no other handle to these channels\n");
  }
  program_result r;
  for (int i = 0; i == 0 || (i != k_most_runs && !hidden.empty()); ++i) {
    r = expect("leak_of_hopeless_ones", k_fatal, "6 \"nil\" can never be woken: nil channel\n");
    std::erase_if(hidden, [&r](const std::string& line) { return matches(r.err, line); });
  }
  EXPECT_TRUE(hidden.empty()) << *hidden.begin() << r.err;
}

TEST_P(ProcessPartialDeadlock, DIAG_11_who_can_be_woken_is_not_said_to_be_hopeless) {
  const program_result r = expect("leak_of_innocent_ones", k_fatal, "leak_check: 15 goroutine");
  EXPECT_EQ(count(r.err, "can never be woken"), goro_test::k_sanitized ? 0U : 1U) << r.err;
  EXPECT_EQ(count(expect("leak_beside_a_thread", k_fatal, "leak_check: 1 goroutine").err, "can never"), 0U);
}

TEST_P(ProcessPartialDeadlock, DIAG_11_hopeless_ones_are_told_of_once_while_the_program_goes_on) {
  const program_result r = expect("watch_hopeless_ones", k_goes_on,
                                  "goro: goroutine 6 \"nil\" can never be woken: nil channel\n\n");
  EXPECT_EQ(count(r.err, "can never be woken"), goro_test::k_sanitized ? 1U : 5U) << r.err;
  EXPECT_EQ(count(r.err, "created at "), goro_test::k_sanitized ? 1U : 5U) << r.err;
  const program_result others = expect("watch_innocent_ones", k_goes_on, "");
  EXPECT_EQ(count(others.err, "can never be woken"), goro_test::k_sanitized ? 0U : 1U) << others.err;
}

}  // namespace
