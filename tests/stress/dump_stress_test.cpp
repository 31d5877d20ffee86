// DIAG-04 under load: goroutines park, wake, yield, start and end while their stacks are walked over and
// trimmed without a pause. A walk over a stack that somebody runs on comes to no end, or to a wrong one: so
// each stack that is shown must lead to the function that its goroutine has begun with.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <goro/detail/race.hpp>
#include <goro/diag.hpp>
#include <goro/goro.hpp>

#include "stack/shrink.hpp"
#include "support/stress.hpp"

namespace dump_stress {

using goro_test::k_sanitized;
using goro_test::pick;

struct meeting_point {
  goro::chan<int> values;
  goro::mutex guard;
};

void park(meeting_point& m, std::mt19937_64& rng) {
  switch (pick(rng, 0, 4)) {
    case 0:
      return goro::this_goroutine::yield();
    case 1:
      return goro::sleep_for(std::chrono::microseconds(pick(rng, 0, 300)));
    case 2:
      return void(m.values.try_send_for(1, std::chrono::microseconds(pick(rng, 0, 100))));
    case 3:
      return void(m.values.try_recv_for(std::chrono::microseconds(pick(rng, 0, 100))));
    default:
      const std::lock_guard held(m.guard);
      goro::this_goroutine::yield();
  }
}

// Goes up and down in its stack, so that what one walk has seen is overwritten before the next.
[[gnu::noinline]] int wander(meeting_point& m, std::mt19937_64& rng, int depth) {
  park(m, rng);
  int visited = 1;
  if (depth > 0) visited += wander(m, rng, depth - 1);
  if (depth > 3) park(m, rng);
  asm volatile("" ::: "memory");
  return visited;
}

[[gnu::noinline]] void outermost(meeting_point& m, std::uint64_t seed) {
  std::mt19937_64 rng(seed);
  for (int i = 0; i != 10; ++i) {
    const int depth = pick(rng, 0, 20);
    EXPECT_EQ(wander(m, rng, depth), depth + 1);
  }
}

struct findings {
  std::atomic<std::size_t> stacks{0};
  std::string wrong;
};

// Of the goroutines that this test has named.
void check(const std::string& dump, findings& f) {
  for (std::size_t at = 0; at < dump.size();) {
    const std::size_t end = std::min(dump.find("\n\n", at), dump.size());
    const std::string block = dump.substr(at, end - at);
    at = end + 2;
    if (block.find("\"wanders\"") == block.npos || block.find("stack unavailable") != block.npos) continue;
    if (block.find("(it has not begun)") != block.npos) continue;
    ++f.stacks;
    if (block.find("dump_stress::outermost(") == block.npos) f.wrong = block;
  }
}

// What the others do all the time.
class disturber {
 public:
  template <class F>
  explicit disturber(F f)
      : thread_([this, f] {
          while (!over_) f();
        }) {}
  ~disturber() {
    over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> over_{false};
  std::thread thread_;
};

struct DumpStress : goro_test::stress_test {};
INSTANTIATE_TEST_SUITE_P(Procs, DumpStress, goro_test::all_procs());

TEST_P(DumpStress, DIAG_04_each_stack_is_whole_while_goroutines_park_and_wake) {
  constexpr std::size_t k_enough = 10;
  findings f;
  {
    const disturber trims([] {
      const goro::detail::race_hidden hidden;
      goro::detail::trim_parked_stacks();
    });
    const disturber dumps([&f] {
      std::ostringstream out;
      goro::diag::dump_goroutines(out);
      check(out.str(), f);
    });
    static constexpr int k_most = goro_test::goroutines_at_once(k_sanitized ? 100 : 2000);
    const auto round = [](std::mt19937_64& rng) {
      meeting_point m;
      goro::wait_group ended;
      for (int g = pick(rng, 1, k_most); g > 0; --g) {
        ended.add();
        goro::go(goro::go_options{}.name("wanders"), [&m, &ended, seed = rng()] {
          const goro::scope_exit deferred([&] { ended.done(); });
          outermost(m, seed);
        });
      }
      ended.wait();
    };
    rounds(round);
    // Under a sanitizer the first dump may take longer than all of that: it reads the debug information.
    for (auto rng = goro_test::make_rng(); f.stacks <= k_enough && !HasFailure();) round(rng);
  }
  EXPECT_EQ(f.wrong, "");
  EXPECT_GT(f.stacks, k_enough);
}

// By the goroutines themselves: each may be held while it looks at others.
TEST_P(DumpStress, DIAG_04_goroutines_look_at_each_other) {
  rounds([](std::mt19937_64& rng) {
    meeting_point m;
    goro::wait_group ended;
    std::vector<std::uint64_t> seeds(static_cast<std::size_t>(pick(rng, 2, 10)));
    std::atomic<goro::goroutine_id> newest{0};
    for (std::uint64_t& seed : seeds) {
      seed = rng();
      ended.go([&m, &newest, seed] {
        std::mt19937_64 own(seed);
        for (int i = 0; i != 10; ++i) {
          newest = goro::this_goroutine::id();
          park(m, own);
          const goro::goroutine_id other = newest;
          const std::string stack = goro::diag::stack_of(other);
          if (other == goro::this_goroutine::id()) {
            EXPECT_NE(stack.find("dump_stress_test.cpp:"), stack.npos);
          }
        }
      });
    }
    ended.wait();
  });
}

}  // namespace dump_stress
