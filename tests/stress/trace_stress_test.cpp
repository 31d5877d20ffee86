// Traces that begin and end while goroutines do what they do: each file is whole.
#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <thread>

#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "support/stress.hpp"
#include "support/trace_file.hpp"

namespace {

using namespace std::chrono_literals;

struct TraceStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, TraceStress, goro_test::all_procs());

void compute(std::chrono::microseconds d) {
  for (const auto end = std::chrono::steady_clock::now() + d; std::chrono::steady_clock::now() < end;) {
  }
}

void act(std::uint64_t die, const goro::chan<int>& c) {
  switch (die % 8) {
    case 0:
      return goro::this_goroutine::yield();
    case 1:
      return goro::sleep_for(100us);
    case 2:
      return compute(200us);
    case 3:
      return std::this_thread::sleep_for(200us);  // blocks the thread
    case 4:
      return goro::blocking([] { std::this_thread::sleep_for(50us); });
    case 5:
      goro::set_max_procs(goro::max_procs());
      return;
    case 6:
      return goro::go([c] { (void)c.try_send_for(1, 1ms); });
    default:
      (void)c.try_recv_for(200us);
  }
}

TEST_P(TraceStress, start_and_stop_beside_random_work) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("goro-trace-stress-" + std::to_string(::getpid()));
  std::atomic<bool> stop{false};
  goro::wait_group ended;
  goro::chan<int> c{4};
  std::mt19937_64 dice = goro_test::make_rng();
  for (int i = 0; i < 16; ++i) {
    ended.go([&, own = std::mt19937_64(dice())]() mutable {
      while (!stop) act(own(), c);
    });
  }
  ended.go([&, own = std::mt19937_64(dice()), n = procs()]() mutable {
    while (!stop) {
      goro::set_max_procs(1 + static_cast<int>(own() % static_cast<std::uint64_t>(2 * n)));
      goro::sleep_for(3ms);
    }
    goro::set_max_procs(n);
  });
  for (int i = 0; i < (goro_test::k_sanitized ? 6 : 15); ++i) {
    const bool small = dice() % 4 == 0;
    ASSERT_EQ(goro::diag::start_trace(path, {.file_bytes = small ? 50'000U : 10'000'000U}),
              std::error_code());
    std::this_thread::sleep_for(std::chrono::milliseconds(dice() % 30));
    ASSERT_EQ(goro::diag::stop_trace(), std::error_code());
    goro_test::read_trace(path);
  }
  stop = true;
  ended.wait();
  EXPECT_TRUE(goro_test::eventually([this] { return alive() == 0; }));
  std::filesystem::remove(path);
}

}  // namespace
