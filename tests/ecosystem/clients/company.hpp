// What two hundred clients do at once, and who must not notice.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>

#include <goro/goro.hpp>

#include "support/ping_pong.hpp"
#include "support/process_state.hpp"

namespace goro_test {

inline constexpr int k_clients = 200;

// Each client has the server make it wait for so long altogether.
inline constexpr std::chrono::milliseconds k_waits_of_each{400};

// One after another the waits of all take 80 s, on the threads of two Ps 40 s; at once, less than one. What
// is between that and the limit is the work of two hundred server processes on a busy machine.
inline constexpr std::chrono::seconds k_limit{20};

// Until all are connected and wait at the gate, on a machine that has other things to do.
inline constexpr std::chrono::seconds k_time_to_gather{60};

// How late a sleep of 1 ms may be. Blocked threads that kept their Ps would make each of them late by
// seconds, the time that it takes two hundred to wait for 50 ms two by two. Less than that may be the
// kernel's doing, which has hundreds of threads and server processes to share a core among: a plain thread's
// worst sleeps are as late.
inline constexpr std::chrono::milliseconds k_late_on_average{200};
inline constexpr std::chrono::seconds k_late_once = k_limit;

// What the runtime needs when nobody blocks: a thread for each P, the watcher, the main thread and the one of
// the tests' watchdog. On a busy machine some more stand in for those that have a goroutine to run and do not
// get a core.
inline constexpr std::size_t k_few_threads = 32;

// Goroutines beside the clients: two that talk over channels, and one that sleeps a millisecond again and
// again.
class company {
 public:
  company() {
    ended_.go([this] { beat(); });
  }
  ~company() { stop(); }
  company(const company&) = delete;
  company& operator=(const company&) = delete;

  // The clients were let off at that moment, and have come to their end.
  void expect_undisturbed(goro::time_point let_off) {
    const auto took = goro::clock::now() - let_off;
    stop();
    EXPECT_LT(took, k_limit) << "the clients held each other up";
    ASSERT_GE(beats_, 20);
    EXPECT_LT(late_ / beats_, k_late_on_average);
    EXPECT_LT(worst_, k_late_once);
    EXPECT_GE(talk_.stop(), 100);
    testing::Test::RecordProperty("took_ms", static_cast<int>(took / std::chrono::milliseconds(1)));
    testing::Test::RecordProperty("late_us", static_cast<int>(late_ / beats_ / std::chrono::microseconds(1)));
    testing::Test::RecordProperty("worst_us", static_cast<int>(worst_ / std::chrono::microseconds(1)));
    testing::Test::RecordProperty("threads", static_cast<int>(most_threads_));
  }

  // How many threads the process has had, as far as the heartbeat looked; to be asked when all has ended.
  std::size_t most_threads() const { return most_threads_; }

 private:
  void beat() {
    while (!stop_) {
      const goro::time_point due = goro::clock::now() + std::chrono::milliseconds(1);
      goro::sleep_until(due);
      const goro::clock::duration late = goro::clock::now() - due;
      late_ += late;
      worst_ = std::max(worst_, late);
      if (beats_++ % 8 == 0) most_threads_ = std::max(most_threads_, count_threads());
    }
  }

  void stop() {
    stop_ = true;
    ended_.wait();
  }

  std::atomic<bool> stop_{false};
  goro::clock::duration late_{};  // all together
  goro::clock::duration worst_{};
  int beats_ = 0;
  std::size_t most_threads_ = 0;
  ping_pong talk_;
  goro::wait_group ended_;
};

}  // namespace goro_test
