// diag.hpp: write_metrics, read by a strict parser of Prometheus' text format 0.0.4.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <iomanip>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <goro/diag.hpp>
#include <goro/goro.hpp>
#include <goro/net.hpp>

#include "support/fixture.hpp"
#include "support/net.hpp"

namespace {

using namespace std::chrono_literals;

struct Metrics : goro_test::procs_test {
  void SetUp() override {
    goro_test::warm_up_poller();
    procs_test::SetUp();
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, Metrics, goro_test::all_procs());

struct family {
  std::string type;
  std::map<std::string, std::uint64_t> samples;  // by the labels as they are written
};
using families = std::map<std::string, family>;

// One line after another; anything that a strict reader could refuse is a failure.
class reader {
 public:
  families read(const std::string& text) {
    EXPECT_TRUE(text.ends_with('\n')) << "the last line must end, too";
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) take(line);
    for (const auto& [name, f] : all_) EXPECT_FALSE(f.samples.empty()) << name;
    return all_;
  }

 private:
  void take(const std::string& line) {
    static const std::regex help(R"(# HELP ([a-z][a-z0-9_]*) ([^\\]+[.]))");
    static const std::regex type(R"(# TYPE ([a-z][a-z0-9_]*) (counter|gauge))");
    static const std::regex sample(
        R"re(([a-z][a-z0-9_]*)(\{[a-z]+="[a-z0-9]+"(?:,[a-z]+="[a-z0-9]+")*\})? ([0-9]+))re");
    std::smatch part;
    if (std::regex_match(line, part, help)) return begin(part.str(1));
    if (std::regex_match(line, part, type)) return set_type(part.str(1), part.str(2));
    if (std::regex_match(line, part, sample)) return add(part.str(1), part.str(2), std::stoull(part.str(3)));
    ADD_FAILURE() << "no line of the format: " << line;
  }

  void begin(const std::string& name) {
    EXPECT_TRUE(all_.emplace(name, family{}).second) << name << " stands in two places";
    EXPECT_TRUE(name.starts_with("goro_")) << name;
    now_ = name;
  }

  void set_type(const std::string& name, const std::string& type) {
    EXPECT_EQ(name, now_);
    EXPECT_EQ(all_[name].type, "") << name;
    EXPECT_EQ(name.ends_with("_total"), type == "counter") << name;
    all_[name].type = type;
  }

  void add(const std::string& name, const std::string& labels, std::uint64_t value) {
    EXPECT_EQ(name, now_) << "a family's samples stand together";
    EXPECT_NE(all_[name].type, "") << name << ": the type comes first";
    EXPECT_TRUE(all_[name].samples.emplace(labels, value).second) << name << labels << " twice";
  }

  families all_;
  std::string now_;
};

families read_metrics() {
  std::ostringstream out;
  goro::diag::write_metrics(out);
  return reader().read(out.str());
}

std::uint64_t sum(const families& all, const std::string& name) {
  const auto at = all.find(name);
  if (at == all.end()) return ADD_FAILURE() << name << " is missing", 0;
  std::uint64_t total = 0;
  for (const auto& [labels, value] : at->second.samples) total += value;
  return total;
}

// Between two looks a counter is what it was at the first one, or more.
void expect_between(const families& m, const std::string& name, std::uint64_t low, std::uint64_t high) {
  EXPECT_GE(sum(m, name), low) << name;
  EXPECT_LE(sum(m, name), high) << name;
}

void expect_agreement(const goro::runtime_stats& a, const families& m, const goro::runtime_stats& b) {
  expect_between(m, "goro_goroutines_started_total", a.goroutines_started, b.goroutines_started);
  expect_between(m, "goro_goroutines_finished_total", a.goroutines_finished, b.goroutines_finished);
  expect_between(m, "goro_turns_total", a.switches, b.switches);
  expect_between(m, "goro_yields_total", a.yields, b.yields);
  expect_between(m, "goro_preemptions_total", a.preemptions, b.preemptions);
  expect_between(m, "goro_steals_total", a.steals, b.steals);
  expect_between(m, "goro_stolen_goroutines_total", a.stolen, b.stolen);
  expect_between(m, "goro_queue_overflows_total", a.overflows, b.overflows);
  expect_between(m, "goro_global_queue_runs_total", a.global_runs, b.global_runs);
  expect_between(m, "goro_timers_fired_total", a.timers_fired, b.timers_fired);
  expect_between(m, "goro_thread_wakeups_total", a.machine_wakeups, b.machine_wakeups);
  expect_between(m, "goro_stalls_total", a.stalls, b.stalls);
  expect_between(m, "goro_handoffs_total", a.handoffs_blocked + a.handoffs_busy,
                 b.handoffs_blocked + b.handoffs_busy);
  expect_between(m, "goro_poller_looks_total", a.poller_looks, b.poller_looks);
  expect_between(m, "goro_poller_sleeps_total", a.poller_sleeps, b.poller_sleeps);
  expect_between(m, "goro_poller_events_total", a.poller_events, b.poller_events);
}

TEST_P(Metrics, agree_with_stats_while_goroutines_run) {
  goro_test::in_goroutine([] {
    std::atomic<bool> stop{false};
    goro::wait_group ended;
    for (int i = 0; i < 4; ++i) {
      ended.go([&] {
        const goro::chan<int> c;
        while (!stop) {
          goro::go([c] { c.send(1); });
          c.recv();
          goro::this_goroutine::yield();
        }
      });
    }
    for (int i = 0; i < 20; ++i) {
      const auto before = goro::stats();
      const families m = read_metrics();
      expect_agreement(before, m, goro::stats());
      goro::sleep_for(1ms);
    }
    stop = true;
    ended.wait();
  });
}

TEST_P(Metrics, say_what_is_there_now) {
  goro_test::in_goroutine([this] {
    const goro::chan<int> gate;
    goro::wait_group ended;
    const std::size_t before = goro::goroutine_count();
    for (int i = 0; i < 10; ++i) ended.go([gate] { gate.recv(); });
    for (int i = 0; i < 5; ++i) ended.go([gate] { (void)gate.try_recv_for(1h); });
    EXPECT_TRUE(goro_test::eventually([] {  // all have begun
      const auto now = goro::stats();
      return now.timers_armed == 5 && now.stacks_in_use >= 15;
    }));
    const families m = read_metrics();
    EXPECT_EQ(sum(m, "goro_goroutines"), before + 15);
    EXPECT_EQ(sum(m, "goro_timers_armed"), 5U);
    EXPECT_EQ(sum(m, "goro_max_procs"), static_cast<std::uint64_t>(procs()));
    EXPECT_GE(sum(m, "goro_threads"), 1U);
    EXPECT_LT(sum(m, "goro_threads_idle"), sum(m, "goro_threads"));  // this one runs
    EXPECT_GE(sum(m, "goro_processor_held"), 1U);
    EXPECT_GE(sum(m, "goro_stacks_in_use"), 15U);
    EXPECT_GT(sum(m, "goro_stack_reserved_bytes"), 0U);
    gate.close();
    ended.wait();
  });
}

// A P that was taken away keeps its counters, else they would fall.
TEST_P(Metrics, have_a_sample_for_each_p_that_ever_was) {
  goro::set_max_procs(procs() + 3);
  const families more = read_metrics();
  goro::set_max_procs(procs());
  const families less = read_metrics();
  EXPECT_EQ(sum(less, "goro_max_procs"), static_cast<std::uint64_t>(procs()));
  for (const char* name : {"goro_turns_total", "goro_run_queue_goroutines", "goro_processor_held"}) {
    for (int p = 0; p < procs() + 3; ++p) {
      const std::string label = "{p=\"" + std::to_string(p) + "\"}";
      EXPECT_TRUE(more.at(name).samples.contains(label)) << name << label;
      EXPECT_TRUE(less.at(name).samples.contains(label)) << name << label;
    }
  }
}

TEST_P(Metrics, poller_is_counted) {
  const auto before = goro::stats();
  goro_test::in_goroutine([] {
    auto listener = goro::net::listen("127.0.0.1:0").value();
    goro::go([at = listener.local()] {
      goro::sleep_for(20ms);  // so that the other one waits in the poller
      (void)goro::net::dial(goro::background(), to_string(at));
    });
    EXPECT_TRUE(listener.accept());
  });
  const auto after = goro::stats();
  EXPECT_GT(after.poller_looks + after.poller_sleeps, before.poller_looks + before.poller_sleeps);
  EXPECT_GT(after.poller_events, before.poller_events);
  EXPECT_EQ(after.poller_waiters, before.poller_waiters);
}

TEST(MetricsText, does_not_depend_on_how_the_stream_writes_numbers) {
  std::ostringstream out;
  out << std::hex << std::showbase << std::setfill('*');
  goro::diag::write_metrics(out);
  const families m = reader().read(out.str());
  EXPECT_EQ(sum(m, "goro_max_procs"), static_cast<std::uint64_t>(goro::max_procs()));
}

}  // namespace
