// What ThreadSanitizer reports of a program that uses goro: its races, and nothing else. MM-02, 07, 08, 09,
// 11 and 20, where an edge must not be there; the edges that must are in conformance/mm_test.cpp. The
// programs are the cases of programs/races.cpp.
#include <gtest/gtest.h>

#include <string>

#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;

struct Race : goro_test::process_test {
  static program_result run_case(const std::string& name) {
    constexpr const char* k_options =
        "TSAN_OPTIONS=halt_on_error=1:exitcode=66:history_size=7:external_symbolizer_path=/usr/bin/addr2line";
    return goro_test::run_program("races", {name},
                                  {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_DEBUG", k_options});
  }
  static void expect_race(const std::string& name) {
    const program_result r = run_case(name);
    EXPECT_EQ(r.exit_code, 66) << name << "\n" << r.err;
    EXPECT_TRUE(matches(r.err, "WARNING: ThreadSanitizer: data race")) << name << "\n" << r.err;
    EXPECT_TRUE(matches(r.err, "races\\.cpp")) << name << "\n" << r.err;
  }
  static void expect_silence(const std::string& name) {
    const program_result r = run_case(name);
    EXPECT_EQ(r.exit_code, 0) << name << "\n" << r.err;
    EXPECT_EQ(r.err, "") << name;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, Race, goro_test::process_procs());

TEST_P(Race, MM_02_the_end_of_a_goroutine_orders_nothing) {
  expect_race("end_of_a_goroutine");
  expect_silence("waited_for_goroutine");
}

TEST_P(Race, MM_07_a_receive_from_a_channel_with_room_orders_nothing_for_the_sender) {
  expect_race("receive_where_there_was_room");
  expect_silence("receive_before_the_next_send_of_a_full_channel");
}

TEST_P(Race, MM_07_the_size_of_a_channel_orders_nothing) { expect_race("size_of_a_channel"); }

TEST_P(Race, MM_07_two_senders_are_not_ordered) { expect_race("two_senders_of_a_buffered_channel"); }

TEST_P(Race, MM_08_a_case_that_lost_orders_nothing) {
  expect_race("losing_case");
  expect_silence("chosen_case");
}

TEST_P(Race, MM_08_what_fails_without_waiting_orders_nothing) {
  expect_race("select_with_default");
  expect_race("failed_try_recv");
}

TEST_P(Race, MM_09_a_failed_try_lock_orders_nothing) { expect_race("failed_try_lock"); }

TEST_P(Race, MM_11_two_readers_are_not_ordered) {
  expect_race("two_readers");
  expect_silence("reader_and_writer");
  expect_silence("writer_and_reader");
  expect_race("two_readers_and_a_writer");
}

TEST_P(Race, MM_11_two_mutexes_order_nothing) { expect_race("two_mutexes"); }

TEST_P(Race, MM_20_to_run_one_after_the_other_on_one_thread_orders_nothing) {
  expect_race("one_after_the_other");
  expect_race("in_the_place_of_another");
}

TEST_P(Race, MM_20_who_lets_a_sleeper_go_on_orders_nothing) {
  expect_race("woken_by_the_clock");
  expect_race("timer_function");
}

TEST_P(Race, MM_17_a_thread_sees_what_precedes_the_setting_of_a_timer_and_no_more) {
  expect_silence("timer_seen_by_a_thread");
  expect_race("after_the_timer_was_set");
}

TEST_P(Race, fatal_errors_are_reported_as_in_any_build) {
  for (const std::string name : {"unlock_of_unlocked", "all_asleep"}) {
    const program_result r = run_case(name);
    EXPECT_EQ(r.exit_code, 2) << name << "\n" << r.err;
    EXPECT_TRUE(matches(r.err, "^fatal error: ")) << name << "\n" << r.err;
    EXPECT_FALSE(matches(r.err, "ThreadSanitizer")) << name << "\n" << r.err;
  }
}

TEST_P(Race, SEED_33_the_racy_counter_is_reported) { expect_race("racy_counter"); }

TEST_P(Race, places_that_pass_from_one_goroutine_to_the_next_are_no_race) {
  expect_silence("nothing_but_reuse");
}

}  // namespace
