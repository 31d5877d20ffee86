// SCHED-17, SCHED-22, TIME-17: the slice of goroutines that never wait, but call goro again and again.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <thread>
#include <vector>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using namespace std::chrono_literals;
using duration = goro::clock::duration;

struct TimeSlice : goro_test::procs_test {
  // Four for each P look into a channel in which there is never anything, while `body` runs in a goroutine.
  template <class Body>
  void beside_pollers(Body body) {
    goro_test::in_goroutine([&] {
      const goro::chan<int> never;
      std::atomic<bool> stop{false};
      goro::wait_group ended;
      for (int i = 0; i != 4 * procs(); ++i) {
        ended.go([&] {
          while (!stop) {
            goro::recv_case value{never};
            EXPECT_FALSE(goro::try_select(value));
          }
        });
      }
      body();
      stop = true;
      ended.wait();
    });
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, TimeSlice, testing::Values(1, 2, 4));

duration median(std::vector<duration> all) {
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

// Had it to let each of them have a slice first, it would take 40 ms and more.
TEST_P(TimeSlice, SCHED_22_who_sleeps_goes_on_after_one_slice_of_those_who_poll) {
  std::vector<duration> late;
  beside_pollers([&] {
    for (int i = 0; i != 21; ++i) {
      const auto due = goro::clock::now() + 5ms;
      goro::sleep_until(due);
      late.push_back(goro::clock::now() - due);
    }
  });
  EXPECT_LT(median(late), 25ms);
}

TEST_P(TimeSlice, SCHED_17_what_a_thread_sends_is_received_after_one_slice_of_those_who_poll) {
  std::vector<duration> late;
  const goro::chan<goro::time_point> sent{1};
  beside_pollers([&] {
    std::jthread sender([&] {
      for (int i = 0; i != 21; ++i) {
        std::this_thread::sleep_for(5ms);
        sent.send(goro::clock::now());
      }
      sent.close();
    });
    while (const auto at = sent.recv()) late.push_back(goro::clock::now() - *at);
  });
  EXPECT_LT(median(late), 25ms);
}

// The one that wakes it never waits either. When is taken after the call, in which it may lose its turn
// first.
TEST_P(TimeSlice, SCHED_17_who_is_woken_by_one_that_polls_goes_on_after_its_slice) {
  std::vector<duration> late;
  const goro::chan<goro::unit> sent;
  beside_pollers([&] {
    goro::wait_group ended;
    std::atomic<bool> stop{false};
    std::atomic<goro::time_point> at{};
    ended.go([&] {
      const goro::chan<int> never;
      while (!stop) {
        if (sent.try_send({})) at = goro::clock::now();
        goro::recv_case value{never};
        EXPECT_FALSE(goro::try_select(value));
      }
    });
    for (int i = 0; i != 21; ++i) {
      sent.recv();
      while (at.load() == goro::time_point()) {
      }
      late.push_back(goro::clock::now() - at.exchange({}));
    }
    stop = true;
    ended.wait();
  });
  EXPECT_LT(median(late), 25ms);
}

// One by one, behind those who wait. (While those kept the ready queue full it took 64 slices.)
TEST_P(TimeSlice, SCHED_17_who_is_started_beside_those_who_poll_begins_after_a_round) {
  std::vector<duration> late;
  beside_pollers([&] {
    goro::sleep_for(100ms);
    for (int i = 0; i != 5; ++i) {
      const goro::chan<goro::time_point> begun{2};
      const auto start = goro::clock::now();
      for (int k = 0; k != 2; ++k) goro::go([=] { begun.send(goro::clock::now()); });
      for (int k = 0; k != 2; ++k) late.push_back(*begun.recv() - start);
    }
  });
  EXPECT_LT(median(late), 400ms);
}

}  // namespace
