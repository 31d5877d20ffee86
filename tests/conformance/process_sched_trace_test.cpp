// DIAG-07, SEED-12: the lines of GORO_DEBUG=schedtrace.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;
using namespace std::chrono_literals;

struct trace_line {
  long ms = 0;
  long procs = 0;
  long idle_procs = 0;
  long threads = 0;
  long spinning = 0;
  long idle_threads = 0;
  long global = 0;
  std::vector<long> local;

  long queued() const { return std::accumulate(local.begin(), local.end(), global); }
};

// Every line on stderr must be one of the trace.
std::vector<trace_line> parse(const std::string& text) {
  static const std::regex shape(
      R"(SCHED (\d+)ms: gomaxprocs=(\d+) idleprocs=(\d+) threads=(\d+) spinningthreads=(\d+) )"
      R"(idlethreads=(\d+) runqueue=(\d+) \[(\d+(?: \d+)*)\])");
  std::vector<trace_line> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::smatch part;
    if (!std::regex_match(line, part, shape)) {
      ADD_FAILURE() << line;
      continue;
    }
    const auto number = [&part](std::size_t i) { return std::strtol(part.str(i).c_str(), nullptr, 10); };
    all.push_back({number(1), number(2), number(3), number(4), number(5), number(6), number(7), {}});
    std::istringstream lengths(part.str(8));
    for (long n = 0; lengths >> n;) all.back().local.push_back(n);
  }
  return all;
}

struct SchedTrace : testing::TestWithParam<int> {
  static program_result run(const std::string& which, const std::string& setting) {
    return goro_test::run_program("sched_trace", {which},
                                  {"GORO_MAXPROCS=" + std::to_string(GetParam()), "GORO_DEBUG=" + setting},
                                  60s);
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, SchedTrace, testing::Values(1, 2, 4, 32));

void expect_sound(const std::vector<trace_line>& all, int procs) {
  for (std::size_t i = 0; i != all.size(); ++i) {
    const trace_line& at = all[i];
    EXPECT_EQ(at.procs, procs);
    EXPECT_EQ(at.local.size(), static_cast<std::size_t>(procs));
    EXPECT_LE(at.idle_procs, at.procs);
    EXPECT_LE(at.spinning, 1);
    EXPECT_LE(at.spinning + at.idle_procs, at.procs);
    EXPECT_LE(at.spinning + at.idle_threads, at.threads);
    if (i != 0) {
      EXPECT_GT(at.ms, all[i - 1].ms);
    }
  }
}

TEST_P(SchedTrace, DIAG_07_lines_come_when_nothing_happens) {
  const program_result r = run("sleeps", "schedtrace=20");
  EXPECT_EQ(r.exit_code, 0) << r.err;
  const auto all = parse(r.err);
  expect_sound(all, GetParam());
  ASSERT_GE(all.size(), 5U) << r.err;  // 20, but for a busy machine
  EXPECT_LT(all.front().ms, 200);      // the first one comes at once
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const trace_line& l) {
    return l.idle_procs == l.procs && l.spinning == 0 && l.idle_threads >= 1 && l.queued() == 0;
  })) << r.err;
}

TEST_P(SchedTrace, DIAG_07_lines_come_when_every_p_runs_an_endless_loop) {
  const program_result r = run("loops", "schedtrace=20");
  EXPECT_EQ(r.exit_code, 0) << r.err;
  const auto all = parse(r.err);
  expect_sound(all, GetParam());
  ASSERT_GE(all.size(), 5U) << r.err;
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const trace_line& l) { return l.idle_procs == 0; }))
      << r.err;
}

TEST_P(SchedTrace, DIAG_07_the_setting_is_milliseconds_and_zero_is_off) {
  const program_result slow = run("sleeps", "schedtrace=100000");
  EXPECT_EQ(parse(slow.err).size(), 1U) << slow.err;
  EXPECT_EQ(run("sleeps", "schedtrace=0").err, "");
  for (const char* nonsense : {"schedtrace=", "schedtrace=x", "schedtrace=-1", "schedtrace=1s"}) {
    const program_result r = run("counts_threads", nonsense);
    EXPECT_TRUE(goro_test::matches(r.err, "ignored")) << nonsense << r.err;
  }
}

TEST(SchedTraceOneProc, SEED_12_goroutines_threads_and_ps_are_told_apart) {
  const program_result r =
      goro_test::run_program("sched_trace", {"queues"}, {"GORO_MAXPROCS=1", "GORO_DEBUG=schedtrace=5"}, 60s);
  EXPECT_EQ(r.exit_code, 0) << r.err;
  const auto all = parse(r.err);
  expect_sound(all, 1);
  // Many goroutines wait for the only P, more than one thread runs or blocks, and the P is not idle.
  EXPECT_TRUE(std::any_of(all.begin(), all.end(), [](const trace_line& l) {
    return l.procs == 1 && l.idle_procs == 0 && l.threads > 2 && l.queued() >= 5;
  })) << r.err;
}

TEST(SchedTraceOneProc, DIAG_07_costs_no_thread_when_it_is_off) {
  const auto threads = [](const char* setting) {
    return std::atoi(
        goro_test::run_program("sched_trace", {"counts_threads"}, {"GORO_MAXPROCS=1", setting}).out.c_str());
  };
  EXPECT_EQ(threads("GORO_DEBUG=schedtrace=100000"), threads("GORO_DEBUG=") + 1);
}

}  // namespace
