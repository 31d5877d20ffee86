// STACK-05 and 06: how large a stack may become, and the report of the goroutine that needs more. The
// programs are the cases of programs/overflow.cpp. What an overflow must not be taken for is here, too.
#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "stack/stack_pool.hpp"
#include "support/build.hpp"
#include "support/dive.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::k_mb;
using goro_test::k_sanitized;
using goro_test::k_tsan;
using goro_test::matches;
using goro_test::program_result;
using goro_test::run_program;
using strings = std::vector<std::string>;

constexpr std::size_t k_default_limit = k_sanitized ? k_mb / 4 : 1024 * k_mb;

// The tools reserve terabytes, the emulator what it emulates.
bool address_space_is_ours() { return !k_sanitized && std::getenv("GORO_TEST_EMULATOR") == nullptr; }

std::size_t occurrences(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t i = text.find(part); i != std::string::npos; i = text.find(part, i + 1)) ++n;
  return n;
}

// One report, which must be all of stderr.
struct report {
  std::size_t limit = 0;
  std::string hint;
  std::size_t sp = 0;
  std::size_t bottom = 0;
  std::size_t top = 0;
  std::string goroutine;  // id and name
  std::string place;
  std::string frames;

  explicit report(const std::string& text) {
    static const std::regex form(
        "^runtime: goroutine stack exceeds ([0-9]+)-byte limit\n"
        "(\\(the first [^\n]*\n[^\n]*\n)?"
        "sp=0x([0-9a-f]+) stack=\\[0x([0-9a-f]+), 0x([0-9a-f]+)\\]\n"
        "fatal error: stack overflow\n\n"
        "(goroutine [0-9]+[^\n]*) \\[running\\]:\n");
    static const std::regex last_line("created at ([^\n]*)\n$");
    std::smatch parts;
    std::smatch end;
    if (!std::regex_search(text, parts, form) || !std::regex_search(text, end, last_line)) return;
    const auto number = [&](std::size_t i, int base) { return std::stoull(parts.str(i), nullptr, base); };
    limit = number(1, 10);
    hint = parts.str(2);
    sp = number(3, 16);
    bottom = number(4, 16);
    top = number(5, 16);
    goroutine = parts.str(6);
    place = end.str(1);
    const std::string rest = parts.suffix();
    frames = rest.substr(0, rest.size() - static_cast<std::size_t>(end.length()));
  }
};

// The stack that somebody who asked for so much gets, and where its last push has failed.
void expect_bounds(const report& r, std::size_t limit) {
  constexpr std::size_t k_red_zone = 128;
  const goro::detail::stack_pool* pool = goro::detail::pool_for(limit);
  EXPECT_GE(r.top - r.bottom, pool->size());
  EXPECT_LE(r.top - r.bottom, pool->room());
  EXPECT_LE(r.sp, r.bottom + k_red_zone);
  EXPECT_GE(r.sp, r.bottom - pool->guard());
}

// Functions, and the place of each in the line below.
void expect_frames(const std::string& frames) {
  EXPECT_TRUE(matches(
      frames,
      "^([^\t\n]+\n\t[^\t\n]+(:|\\+0x)[0-9a-f]+\n){1,32}(\\.\\.\\.additional frames elided\\.\\.\\.\n)?$"))
      << frames;
  EXPECT_TRUE(matches(frames, "overflow\\.cpp:[0-9]+\n|/overflow\\+0x[0-9a-f]+\n")) << frames;
}

struct ProcessStack : goro_test::process_test {
  // Without GORO_STACK unless `environment` has another.
  static program_result run(const strings& arguments, strings environment = {"GORO_STACK"}) {
    environment.push_back("GORO_MAXPROCS=" + std::to_string(GetParam()));
    return run_program("overflow", arguments, environment);
  }

  // The whole report, and that nothing of the program runs any more.
  static report expect_overflow(const program_result& r, std::size_t limit,
                                const std::string& printed_before = "") {
    EXPECT_FALSE(r.timed_out);
    EXPECT_EQ(r.exit_code, 2);
    EXPECT_EQ(r.signal, 0);
    const report said(r.err);
    EXPECT_EQ(said.limit, limit) << r.err;
    if (said.limit == 0) return said;
    std::smatch line;
    EXPECT_TRUE(std::regex_match(r.out, line, std::regex(printed_before + "line ([0-9]+)\n"))) << r.out;
    EXPECT_TRUE(matches(said.goroutine, "^goroutine [0-9]+ \"diver\"$")) << r.err;
    EXPECT_TRUE(matches(said.place, "overflow\\.cpp:" + line.str(1) + " \\([^\n]+ in goroutine 1$")) << r.err;
    expect_bounds(said, limit);
    expect_frames(said.frames);
    return said;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessStack, testing::Values(1, 2));

TEST_P(ProcessStack, STACK_06_an_overflow_is_reported_and_ends_the_process) {
  for (const auto& [size, limit] : {std::pair{"64K", 65'536U}, {"1M", 1U << 20}, {"3000000", 3'000'000U}}) {
    for (const char* frames : {"plain", "kilobytes", "frames", "leaps"}) {
      if (k_tsan && limit > k_mb && frames == std::string("plain")) continue;  // it knows 64 K calls at once
      SCOPED_TRACE(std::string(frames) + " " + size);
      const report r = expect_overflow(run({frames}, {std::string("GORO_STACK=") + size}), limit);
      EXPECT_EQ(r.hint, "");
    }
  }
}

TEST_P(ProcessStack, STACK_06_also_with_guards_that_are_mappings) {
  const char* present = std::getenv("GORO_DEBUG");
  const std::string debug =
      "GORO_DEBUG=" + (present && *present ? std::string(present) + "," : "") + "mprotectguards=1";
  for (const auto& [size, limit] : {std::pair{"64K", 65'536U}, {"1M", 1U << 20}}) {
    expect_overflow(run({"plain"}, {debug, std::string("GORO_STACK=") + size}), limit);
    expect_overflow(run({"leaps"}, {debug, std::string("GORO_STACK=") + size}), limit);
  }
}

TEST_P(ProcessStack, STACK_06_the_report_names_what_was_asked_for) {
  expect_overflow(run({"plain", "100000"}), 100'000);
  expect_overflow(run({"kilobytes", "3000000"}, {"GORO_STACK=64K"}), 3'000'000);
  expect_overflow(run({"set", "70000"}), 70'000);
  expect_overflow(run({"set", "70000"}, {"GORO_STACK=8M"}), 70'000);
  expect_overflow(run({"set", "2000000"}, {"GORO_STACK=64K"}), 2'000'000);
}

TEST_P(ProcessStack, STACK_06_the_report_names_the_limit_that_the_goroutine_has_begun_with) {
  expect_overflow(run({"set_later"}, {"GORO_STACK=8M"}), 8U << 20);
}

TEST_P(ProcessStack, STACK_06_the_main_goroutine_is_number_1) {
  const program_result r = run({"main"}, {"GORO_STACK=64K"});
  EXPECT_EQ(r.exit_code, 2);
  const report said(r.err);
  EXPECT_EQ(said.limit, 65'536U) << r.err;
  EXPECT_EQ(said.goroutine, "goroutine 1");
  EXPECT_TRUE(matches(said.place, "overflow\\.cpp:[0-9]+ \\([^\n]+\\)$")) << said.place;
}

TEST_P(ProcessStack, STACK_06_in_destructors_and_deferred_calls_that_an_exception_or_exit_runs) {
  for (const char* test_case : {"unwinding", "deferred", "exit"}) {
    SCOPED_TRACE(test_case);
    expect_overflow(run({test_case}, {"GORO_STACK=64K"}), 65'536);
  }
}

// ThreadSanitizer blocks all signals in a handler.
TEST_P(ProcessStack, STACK_06_in_a_signal_handler_on_the_goroutines_stack) {
  if (k_tsan) GTEST_SKIP();
  expect_overflow(run({"handler"}, {"GORO_STACK=64K"}), 65'536);
}

// Not with ThreadSanitizer, as it is its own code that then overflows.
TEST_P(ProcessStack, STACK_06_in_malloc_whose_lock_is_then_held) {
  if (k_tsan) GTEST_SKIP();
  expect_overflow(run({"allocating"}, {"GORO_STACK=1M"}), 1U << 20);
}

TEST_P(ProcessStack, STACK_06_in_the_middle_of_the_runtime) {
  if (k_tsan) GTEST_SKIP();
  for (const char* test_case : {"yielding", "receiving", "sleeping", "starting"}) {
    SCOPED_TRACE(test_case);
    expect_overflow(run({test_case}, {"GORO_STACK=64K"}), 65'536);
  }
}

TEST_P(ProcessStack, STACK_06_while_a_panic_is_reported) {
  const program_result r = run({"text_of_a_panic"}, {"GORO_STACK=64K"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "fatal error: stack overflow")) << r.err;
}

TEST_P(ProcessStack, STACK_06_of_several_at_once_one_is_reported) {
  const program_result r = run({"several"}, {"GORO_STACK=64K"});
  EXPECT_FALSE(r.timed_out);
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(occurrences(r.err, "goroutine stack exceeds"), 1U) << r.err;
  expect_frames(report(r.err).frames);
  EXPECT_FALSE(matches(r.out, "caught|deferred|went on")) << r.out;
}

TEST_P(ProcessStack, STACK_06_no_neighbour_is_damaged_also_by_frames_larger_than_the_guard) {
  const char* present = std::getenv("GORO_DEBUG");
  const std::string debug = std::string("GORO_DEBUG=") + (present ? present : "");
  for (const std::string& guards : {debug, debug + (debug.ends_with("=") ? "" : ",") + "mprotectguards=1"}) {
    for (const auto& [size, limit] : {std::pair{"64K", 65'536U}, {"256K", 262'144U}, {"1M", 1U << 20}}) {
      SCOPED_TRACE(guards + " " + size);
      const program_result r = run({"neighbours"}, {guards, std::string("GORO_STACK=") + size});
      EXPECT_EQ(r.exit_code, 2);
      EXPECT_EQ(r.out, "the neighbours are intact\n");
      EXPECT_EQ(report(r.err).limit, limit) << r.err;
    }
  }
}

// Where address space is short there are stacks that are smaller than any that can be asked for.
TEST_P(ProcessStack, STACK_06_in_the_smallest_stacks) {
  if (!address_space_is_ours()) GTEST_SKIP();
  expect_overflow(run({"little_space_overflow"}), 32'768);
  const program_result r = run({"little_space_neighbours"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(r.out, "the neighbours are intact\n");
  EXPECT_EQ(report(r.err).limit, 32'768U) << r.err;
}

// What the tools do with a fault is their own business, as long as it is no overflow to us.
void expect_death_by_fault(const program_result& r) {
  EXPECT_FALSE(r.timed_out);
  EXPECT_FALSE(matches(r.err, "goroutine stack exceeds|fatal error")) << r.err;
  EXPECT_FALSE(matches(r.out, "caught|deferred|went on")) << r.out;
  if (k_sanitized) {
    EXPECT_NE(r.exit_code, 0);
  } else {
    EXPECT_EQ(r.signal, SIGSEGV);
    EXPECT_EQ(r.err, "");
  }
}

TEST_P(ProcessStack, STACK_06_a_wild_pointer_is_no_overflow) { expect_death_by_fault(run({"null"})); }

TEST_P(ProcessStack, STACK_06_nor_is_a_signal_that_somebody_sends) {
  if (!k_sanitized) expect_death_by_fault(run({"sent"}));  // the tools report it, or not
  const program_result ignored = run({"ignored"});
  EXPECT_EQ(ignored.exit_code, 0);
  EXPECT_EQ(ignored.out, "went on\n");
}

TEST_P(ProcessStack, STACK_06_nor_what_happens_to_a_plain_thread) { expect_death_by_fault(run({"thread"})); }

TEST_P(ProcessStack, STACK_06_other_faults_go_to_the_handler_that_was_there_before) {
  const auto expect_handler = [](const program_result& r, const std::string& last_words) {
    EXPECT_EQ(r.exit_code, 7);
    EXPECT_TRUE(matches(r.out, "^line [0-9]+\n" + last_words + "\n$")) << r.out;
    EXPECT_EQ(r.err, "");
  };
  expect_handler(run({"chained"}), "the user's handler, 1");
  expect_handler(run({"chained_plain"}), "the user's handler");
  const program_result once = run({"chained_once"});
  EXPECT_EQ(once.signal, SIGSEGV);
  EXPECT_EQ(occurrences(once.out, "the user's handler"), 1U) << once.out;
  expect_overflow(run({"chained_overflow"}, {"GORO_STACK=64K"}), 65'536);
}

// --- the limit ---

TEST_P(ProcessStack, STACK_05_the_limit_is_one_gigabyte) {
  EXPECT_EQ(run({"limit"}).out, std::to_string(k_default_limit) + "\n");
  if (GetParam() == 1) expect_overflow(run({"kilobytes"}), k_default_limit);  // a second, and a gigabyte
}

TEST_P(ProcessStack, STACK_05_the_environment_sets_the_limit) {
  using expected = std::pair<const char*, std::size_t>;
  for (const auto& [text, limit] : {expected{"65536", 65'536},
                                    {"100000", 100'000},
                                    {"64K", 65'536},
                                    {"8M", 8U << 20},
                                    {"2G", std::size_t{2} << 30},
                                    {"1024G", std::size_t{1} << 40},
                                    {"", k_default_limit}}) {
    const program_result r = run({"limit"}, {std::string("GORO_STACK=") + text});
    EXPECT_EQ(r.out, std::to_string(limit) + "\n") << text;
    EXPECT_EQ(r.err, "") << text;
  }
}

TEST_P(ProcessStack, STACK_05_nonsense_in_the_environment_is_ignored_with_one_line) {
  for (const char* text : {"abc", "0", "-3", "64k", "64KB", "64 K", "1.5M", "1T", "2000G", " ",
                           "99999999999999999999", "K", "18446744073709551615G"}) {
    const program_result r = run({"limit"}, {std::string("GORO_STACK=") + text});
    EXPECT_EQ(r.exit_code, 0);
    EXPECT_EQ(r.out, std::to_string(k_default_limit) + "\n") << text;
    EXPECT_EQ(r.err, std::string("goro: GORO_STACK=") + text +
                         " ignored: it must be a number of bytes, or of K, M or G, up to 1024G\n");
  }
}

TEST_P(ProcessStack, STACK_05_the_first_256_at_once_have_that_much) {
  if (!address_space_is_ours()) GTEST_SKIP() << "the limit is lower here";
  const program_result r = run({"crowd", "254"});  // and the main goroutine, and the one that goes deep
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(r.out, "depth 2000\n");
}

TEST_P(ProcessStack, STACK_05_a_limit_that_was_set_holds_for_thousands) {
  if (!address_space_is_ours()) GTEST_SKIP() << "the tools clear their shadow of every stack";
  const program_result r = run({"crowd", "5000"}, {"GORO_STACK=64M"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(r.out, "depth 2000\n");
}

TEST_P(ProcessStack, STACK_06_when_there_are_more_the_report_says_how_to_get_more) {
  if (!address_space_is_ours()) GTEST_SKIP() << "all are of the same kind here";
  const report r = expect_overflow(run({"crowd_overflow", "5000"}), 262'144);
  EXPECT_TRUE(matches(r.hint,
                      "^\\(the first 256 goroutines that run at once may have 1073741824 bytes, further ones "
                      "262144:\n go_options\\{\\}\\.stack\\(n\\) asks for more for one, GORO_STACK or "
                      "set_max_stack\\(n\\) for all\\)\n$"))
      << r.hint;
  const report asked = expect_overflow(run({"crowd_overflow", "5000"}, {"GORO_STACK=256K"}), 262'144);
  EXPECT_EQ(asked.hint, "");
}

TEST_P(ProcessStack, STACK_05_where_address_space_is_short_the_limit_is_lower_and_goroutines_are_as_many) {
  if (!address_space_is_ours()) GTEST_SKIP();
  const program_result r = run({"little_space"});
  EXPECT_EQ(r.exit_code, 0) << r.err;
  EXPECT_EQ(r.out, std::to_string(128 * k_mb) + "\ndepth 2000\n100001\n");
  EXPECT_TRUE(matches(r.err, "^(goro: too many stacks [^\n]*\n)?$")) << r.err;  // before Linux 6.13
}

TEST_P(ProcessStack, STACK_05_a_stack_for_which_there_is_no_address_space_is_fatal) {
  if (!address_space_is_ours()) GTEST_SKIP();
  const program_result r = run({"no_space"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_TRUE(matches(r.err, "fatal error: [^\n]*cannot get a goroutine's stack of 17179869184 bytes: "))
      << r.err;
}

}  // namespace
