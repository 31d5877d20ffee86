// diag.hpp: start_trace and stop_trace. read_trace() checks each file as a whole.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <string>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/fixture.hpp"
#include "support/trace_file.hpp"

namespace {

using goro_test::eventually;
using goro_test::in_goroutine;
using goro_test::read_trace;
using goro_test::trace_file;
using namespace std::chrono_literals;

void block_thread(std::chrono::milliseconds d) {
  const timespec rest{.tv_sec = 0, .tv_nsec = d.count() * 1'000'000};
  ::nanosleep(&rest, nullptr);
}

void compute(std::chrono::milliseconds d) {
  for (const auto end = std::chrono::steady_clock::now() + d; std::chrono::steady_clock::now() < end;) {
  }
}

struct Trace : goro_test::procs_test {
  Trace() : path_(std::filesystem::temp_directory_path() / ("goro-trace-" + std::to_string(::getpid()))) {}
  ~Trace() override { std::filesystem::remove(path_); }

  // What happens in body, and in the goroutines that it waits for.
  template <class F>
  trace_file record(F body, goro::diag::trace_limits limits = {}) {
    EXPECT_EQ(goro::diag::start_trace(path_, limits), std::error_code());
    body();
    EXPECT_TRUE(eventually([this] { return alive() == 0; }));
    EXPECT_EQ(goro::diag::stop_trace(), std::error_code());
    return read_trace(path_);
  }

  const std::string path_;
};
INSTANTIATE_TEST_SUITE_P(Procs, Trace, goro_test::all_procs());

TEST_P(Trace, counts_what_the_program_did) {
  const trace_file t = record([] {
    in_goroutine([] {
      goro::wait_group ended;
      const goro::chan<int> c;
      for (int i = 0; i < 100; ++i) {
        ended.go([c] {
          c.recv();
          goro::this_goroutine::yield();
        });
      }
      for (int i = 0; i < 100; ++i) c.send(i);
      ended.wait();
      goro::sleep_for(1ms);
    });
  });
  EXPECT_EQ(t.left_out, 0U);
  EXPECT_EQ(t.ended_by, "stop_trace");
  EXPECT_EQ(t.spawned, 101U);  // and the test's body
  EXPECT_EQ(t.ended, 101U);
  EXPECT_GE(t.slices, 102U);
  EXPECT_GE(t.arrows, 101U);  // at least one to each, from who started it
  EXPECT_TRUE(t.until.contains("sleep"));
  EXPECT_TRUE(t.until.contains("chan receive") || t.until.contains("chan send"));
  EXPECT_TRUE(t.counters.contains("goroutines") && t.counters.contains("global queue"));
  EXPECT_TRUE(t.counters.contains("queue of P " + std::to_string(procs() - 1)));
}

TEST_P(Trace, names_are_whole_and_quoted) {
  const std::string odd = "a \"name\"\\ with\n\x01, and\xff \xc3\xa9 of more than eight letters";
  const trace_file t = record([&] {
    in_goroutine([&] {
      goro::wait_group ended;
      ended.add();
      goro::go(goro::go_options{}.name(odd), [&] { ended.done(); });
      ended.add();
      goro::go(goro::go_options{}.name("12345678"), [&] { ended.done(); });
      ended.wait();
    });
  });
  EXPECT_TRUE(
      t.names.contains("a \"name\"\\ with\n\x01, and\xef\xbf\xbd \xc3\xa9 of more than eight letters"));
  EXPECT_TRUE(t.names.contains("12345678"));
  EXPECT_TRUE(t.names.contains("test body"));
}

// Slices that were open at the beginning, and are at the end; one computes all the time, one is parked.
TEST_P(Trace, begins_and_ends_in_the_middle) {
  std::atomic<int> begun{0};
  std::atomic<bool> stop{false};
  goro::wait_group ended;
  const goro::chan<int> gate;
  for (const char* name : {"computes", "waits"}) {
    ended.add();
    goro::go(goro::go_options{}.name(name), [&, waits = name[0] == 'w'] {
      ++begun;
      if (waits) gate.recv();
      while (!stop) {
      }
      ended.done();
    });
  }
  EXPECT_TRUE(eventually([&] { return begun == 2; }));
  EXPECT_TRUE(goro_test::all_park("waits"));
  EXPECT_EQ(goro::diag::start_trace(path_), std::error_code());
  std::this_thread::sleep_for(5ms);
  EXPECT_EQ(goro::diag::stop_trace(), std::error_code());
  const trace_file t = read_trace(path_);
  EXPECT_TRUE(t.names.contains("computes"));
  EXPECT_FALSE(t.names.contains("waits"));  // it has had no turn
  EXPECT_EQ(t.spawned, 0U);
  EXPECT_EQ(t.ended, 0U);
  EXPECT_GE(t.until.at("the trace ends"), 1U);
  stop = true;
  gate.close();
  ended.wait();
}

// A goroutine that has lost its P goes on, on the track of its thread.
TEST_P(Trace, who_loses_its_p_moves_to_its_thread) {
  const trace_file t = record([&] {
    in_goroutine([&] {
      goro::wait_group ended;
      const auto start = [&](const char* name, auto body) {
        ended.add();
        goro::go(goro::go_options{}.name(name), [&ended, body] {
          body();
          goro::this_goroutine::yield();
          ended.done();
        });
      };
      start("blocks", [] { block_thread(100ms); });
      start("announces", [] { goro::blocking([] { block_thread(5ms); }); });
      for (int i = 0; i < procs() + 1; ++i) start("computes", [] { compute(100ms); });
      ended.wait();
    });
  });
  std::set<std::string> away;
  for (const auto& [track, names] : t.names_on) {
    if (track.starts_with("thread ")) away.insert(names.begin(), names.end());
  }
  EXPECT_TRUE(away.contains("blocks"));
  EXPECT_TRUE(away.contains("announces"));
  EXPECT_TRUE(t.until.contains("handed off: blocks its thread"));
  EXPECT_TRUE(t.until.contains("handed off: goro::blocking"));
  EXPECT_TRUE(t.until.contains("has a P again") || t.until.contains("waits for a P"));
  EXPECT_TRUE(t.instants.contains("hand-off"));
}

TEST_P(Trace, ps_may_come_and_go) {
  const trace_file t = record([&] {
    in_goroutine([&] {
      goro::wait_group ended;
      for (int n : {procs() + 5, 1, procs() + 7, procs()}) {
        goro::set_max_procs(n);
        for (int i = 0; i < 50; ++i) ended.go([] { goro::this_goroutine::yield(); });
        ended.wait();
      }
    });
  });
  EXPECT_EQ(t.spawned, 201U);
  EXPECT_EQ(t.ended, 201U);
  EXPECT_TRUE(t.counters.contains("queue of P " + std::to_string(procs() + 6)));
}

TEST_P(Trace, from_plain_threads_and_beside_them) {
  const trace_file t = record([] {
    const goro::chan<int> c;
    goro::wait_group ended;
    for (int i = 0; i < 20; ++i) ended.go([c] { c.recv(); });
    for (int i = 0; i < 20; ++i) c.send(i);
    ended.wait();
  });
  EXPECT_EQ(t.spawned, 20U);
  EXPECT_EQ(t.ended, 20U);
  EXPECT_GE(t.arrows, 20U);
}

TEST_P(Trace, a_file_has_a_limit_and_says_so) {
  constexpr std::uint64_t k_limit = 100'000;
  const trace_file t = record(
      [] {
        in_goroutine([] {
          for (int i = 0; i < goro_test::repetitions(20'000); ++i) {
            goro::wait_group one;
            one.go([] {});
            one.wait();
            if (i % 100 == 0) goro::sleep_for(1ms);
          }
        });
      },
      {.file_bytes = k_limit});
  EXPECT_LE(std::filesystem::file_size(path_), k_limit);
  EXPECT_EQ(t.ended_by, "the file has reached its limit");
  EXPECT_TRUE(t.instants.contains("the file has reached its limit"));
}

TEST_P(Trace, what_does_not_fit_is_left_out_and_counted) {
  const trace_file t = record([] {
    in_goroutine([] {
      goro::wait_group ended;
      for (int k = 0; k < 2; ++k) {
        ended.go([] {
          for (int i = 0; i < 200'000; ++i) goro::this_goroutine::yield();
        });
      }
      ended.wait();
    });
  });
  // On two Ps each may yield alone; whatever was left out is counted and does no harm to the rest.
  if (procs() == 1 && !goro_test::k_sanitized) {
    EXPECT_GT(t.left_out, 0U);
  }
  EXPECT_EQ(t.left_out != 0, t.instants.contains("events left out of the whole trace"));
}

TEST_P(Trace, errors_are_values_and_misuse_is_a_panic) {
  EXPECT_THROW(goro::diag::stop_trace(), goro::panic);
  EXPECT_EQ(goro::diag::start_trace("/nowhere/at/all"), std::errc::no_such_file_or_directory);
  EXPECT_EQ(goro::diag::start_trace("/"), std::errc::is_a_directory);
  EXPECT_THROW(goro::diag::stop_trace(), goro::panic);
  EXPECT_EQ(goro::diag::start_trace(path_), std::error_code());
  EXPECT_EQ(goro::diag::start_trace(path_), std::errc::device_or_resource_busy);
  EXPECT_EQ(goro::diag::stop_trace(), std::error_code());
  EXPECT_THROW(goro::diag::stop_trace(), goro::panic);
  read_trace(path_);
  EXPECT_EQ(goro::diag::start_trace("/dev/full"), std::error_code());
  EXPECT_EQ(goro::diag::stop_trace(), std::errc::no_space_on_device);
}

}  // namespace
