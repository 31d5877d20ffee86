// STACK-07 under load: goroutines go deep, park and return in every order while the unused parts of stacks
// are taken away without a pause, a thousand times as often as the keeper does it. Whatever is taken from a
// stack that is in use reads as zeros, where a pattern was.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include <goro/detail/fence.hpp>
#include <goro/detail/race.hpp>
#include <goro/goro.hpp>

#include "stack/shrink.hpp"
#include "support/dive.hpp"
#include "support/stress.hpp"

namespace {

using goro_test::dive;
using goro_test::expect_intact;
using goro_test::k_sanitized;
using goro_test::pick;
using namespace std::chrono_literals;

constexpr int k_deepest_kb = k_sanitized ? 60 : 200;

// Takes what it may, again and again.
class trimmer {
 public:
  ~trimmer() {
    over_ = true;
    thread_.join();
  }

 private:
  void trim() const {
    const goro::detail::race_hidden hidden;
    while (!over_) goro::detail::trim_parked_stacks();
  }

  std::atomic<bool> over_{false};
  std::thread thread_{[this] { trim(); }};
};

struct StackStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, StackStress, testing::Values(1, 4));

// The ways to park, and to be resumed.
struct meeting_point {
  goro::chan<int> values;
  goro::mutex guard;

  void park(std::mt19937_64& rng) {
    switch (pick(rng, 0, 4)) {
      case 0:
        goro::this_goroutine::yield();
        break;
      case 1:
        goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 300)));
        break;
      case 2:
        (void)values.try_send_for(1, std::chrono::microseconds(pick(rng, 0, 100)));
        break;
      case 3:
        values.try_recv_for(std::chrono::microseconds(pick(rng, 0, 100))).has_value();
        break;
      default:
        const std::lock_guard held(guard);
        goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 5)));
    }
  }
};

// Parks deep, then shallow; as soon as it goes on it uses what was not in use.
void go_up_and_down(meeting_point& m, std::mt19937_64& rng) {
  const auto depth = [&] { return static_cast<std::size_t>(pick(rng, 1, k_deepest_kb)) << 10; };
  const auto wait_deep = [&] {
    m.park(rng);
    expect_intact(dive<64>(depth() / 4, [] {}));
    m.park(rng);
  };
  expect_intact(dive<256>(depth(), wait_deep));
  m.park(rng);
  expect_intact(dive<1024>(depth() / 2, [] {}));
}

TEST_P(StackStress, STACK_07_nothing_is_taken_from_stacks_in_use) {
  const trimmer all_the_time;
  rounds([](std::mt19937_64& rng) {
    meeting_point m;
    goro::wait_group ended;
    for (int g = pick(rng, 1, 40); g > 0; --g) {
      ended.go([&m, seed = rng()] {
        std::mt19937_64 own(seed);
        for (int i = 0; i < 10; ++i) go_up_and_down(m, own);
      });
    }
    ended.wait();
  });
}

// Calls wait() above so many pages, in each of which there is something to be lost.
[[gnu::noinline]] bool keeps_its_frame(const auto& wait) {
  constexpr std::size_t k_pages = 4;
  constexpr std::size_t k_step = 4096 / sizeof(std::uint64_t);
  volatile std::uint64_t frame[k_pages * k_step];
  for (std::size_t i = 0; i != k_pages; ++i) frame[i * k_step] = i + 1;
  wait();
  bool intact = true;
  for (std::size_t i = 0; i != k_pages; ++i) intact &= frame[i * k_step] == i + 1;
  return intact;
}

// Most of the time goes into parking, in turns in a shallow and in a deep frame: where the one was left must
// not be taken for where the other stands.
TEST_P(StackStress, STACK_07_nor_from_those_that_are_about_to_park) {
  const trimmer all_the_time;
  rounds([](std::mt19937_64& rng) {
    goro::wait_group ended;
    for (int pair = pick(rng, 1, 8); pair > 0; --pair) {
      const goro::chan<int> there;
      const goro::chan<int> back;
      const int n = goro_test::repetitions(5000);
      ended.go([=] {
        for (int i = 0; i < n; ++i) {
          there.recv();
          ASSERT_TRUE(keeps_its_frame([&] { back.send(i); }));
        }
      });
      ended.go([=] {
        for (int i = 0; i < n; ++i) {
          ASSERT_TRUE(keeps_its_frame([&] { there.send(i); }));
          back.recv();
        }
      });
    }
    ended.wait();
  });
}

}  // namespace
