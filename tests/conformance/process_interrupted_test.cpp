// Programs whose system calls are interrupted again and again, by strace. Skipped where that cannot be had.
//
// A call that waits is interrupted by a real signal, just before the kernel begins to wait: to have it fail
// without being made would also strike FUTEX_WAKE, which no kernel interrupts, and lose a wake-up by that.
// Calls that may fail, because there is another way or nothing depends on them, are made to fail by EINTR.
// The rest (mmap, membarrier, clone, sched_yield) does not know EINTR.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::matches;
using goro_test::program_result;
using strings = std::vector<std::string>;
using namespace std::chrono_literals;

// Empty if strace can do what is asked of it here.
std::string why_not() {
  if (goro_test::k_sanitized) return "a sanitizer does not work under ptrace";
  if (std::getenv("GORO_TEST_EMULATOR")) return "strace would see the calls of the emulator";
  try {
    const program_result r = goro_test::run_command({"strace", "-f", "-o", "/dev/null", "true"});
    return r.exit_code == 0 ? "" : "strace does not work here: " + r.err;
  } catch (const std::system_error& e) {
    return e.what();
  }
}

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = text.find(what); at != text.npos; at = text.find(what, at + 1)) ++n;
  return n;
}

struct ProcessInterrupted : goro_test::process_test {
  void SetUp() override {
    if (const std::string reason = why_not(); !reason.empty()) GTEST_SKIP() << reason;
  }

  // What strace has seen of the calls that it was told to interrupt.
  struct traced_result : program_result {
    std::string trace;
  };

  static traced_result run(const strings& interruptions, const std::string& program,
                           const strings& arguments = {}, strings environment = {}) {
    const std::string path = testing::TempDir() + "goro_trace_" + std::to_string(::getpid());
    strings command{"strace", "-f", "-o", path};
    std::string traced = "trace=";
    for (const std::string& i : interruptions) {
      command.insert(command.end(), {"-e", "inject=" + i});
      traced += i.substr(0, i.find(':')) + ',';
    }
    traced.pop_back();
    command.insert(command.end(), {"-e", traced, goro_test::program_path(program)});
    command.insert(command.end(), arguments.begin(), arguments.end());
    environment.push_back("GORO_MAXPROCS=" + std::to_string(GetParam()));
    traced_result r{goro_test::run_command(command, environment, 100s), {}};
    std::stringstream trace;
    trace << std::ifstream(path).rdbuf();
    r.trace = trace.str();
    ::unlink(path.c_str());
    return r;
  }

  static void expect_all_totals(const program_result& r) {
    EXPECT_EQ(r.exit_code, 0) << "signal " << r.signal;
    EXPECT_EQ(r.err, "");
    EXPECT_EQ(r.out,
              "channels 39600\n"
              "locks 160\n"
              "deadlines 80\n"
              "timers 110\n"
              "blocked threads 80\n"
              "locked to threads 100\n"
              "too early 0\n"
              "errno touched 0\n");
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessInterrupted, goro_test::process_procs());

TEST_P(ProcessInterrupted, waits_that_signals_interrupt_lose_no_wake_up_and_end_no_sooner) {
  const traced_result r = run({"futex:signal=SIGURG:when=3+5"}, "interrupted");
  expect_all_totals(r);
  // strace sees them return so when a signal has ended them; the program sees EINTR.
  EXPECT_GE(occurrences(r.trace, "ERESTARTSYS"), 20U);           // without a deadline
  EXPECT_GE(occurrences(r.trace, "ERESTART_RESTARTBLOCK"), 3U);  // with one
}

// Beginning with the 13th for files: the loader opens some, and the main thread looks at quotas.
TEST_P(ProcessInterrupted, calls_that_fail_are_done_without) {
  const traced_result r =
      run({"openat,read:error=EINTR:when=13+2", "madvise,process_madvise,mincore:error=EINTR:when=1+2",
           "sched_getattr,sched_setattr,prctl:error=EINTR:when=1+2"},
          "interrupted");
  expect_all_totals(r);
  EXPECT_GE(occurrences(r.trace, "(INJECTED"), 20U);
}

// Nobody's report is cut short: neither the one by write, nor by those who wait for its end.
TEST_P(ProcessInterrupted, STACK_06_a_report_is_complete) {
  const traced_result r = run(
      {"write:error=EINTR:delay_enter=50000:when=1+3", "nanosleep,clock_nanosleep:signal=SIGURG:when=1..3"},
      "overflow", {"several"}, {"GORO_STACK=64K"});
  EXPECT_EQ(r.exit_code, 2);
  EXPECT_EQ(occurrences(r.err, "goroutine stack exceeds"), 1U) << r.err;
  EXPECT_FALSE(matches(r.err, "while a report is being made")) << r.err;
  EXPECT_EQ(occurrences(r.err, "\n\t"), 32U) << r.err;
  EXPECT_GE(occurrences(r.trace, "(INJECTED"), 5U) << r.trace;
  EXPECT_GE(occurrences(r.trace, "ERESTART_RESTARTBLOCK"), 1U) << r.trace;
}

}  // namespace
