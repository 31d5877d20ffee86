// The clock of deadlines: never before the present moment, and little after it, whatever the counter does.
#include "os/deadline_clock.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro::time_point;
using std::chrono::nanoseconds;

// Two clocks of a world whose time the test sets.
struct played_clocks {
  static inline double real;           // ns
  static inline double counted_ahead;  // ns that the counter has and the clock has not
  static inline double rate;           // ticks per ns
  static inline double lost_between;   // ns that pass between two readings of an anchor
  static inline bool same;
  static inline int looks;

  static void begin() {
    real = 1e15;
    counted_ahead = 7e9;
    rate = 2.6;
    lost_between = 20;
    same = true;
    looks = 0;
  }
  static time_point present() { return time_point(nanoseconds(std::llround(real))); }
  // Early by up to 99 ns, as out of order, but in the order of the readings.
  static std::uint64_t ticks() noexcept {
    static std::minstd_rand random;
    static double last;
    const double read_at = real - static_cast<double>(random() % 100);
    last = last > real ? read_at : std::max(last, read_at);
    return static_cast<std::uint64_t>((last + counted_ahead) * rate);
  }
  static time_point now() noexcept {
    ++looks;
    real += lost_between;
    return present();
  }
  static bool alike() noexcept { return same; }
};
using played_clock = goro::detail::basic_deadline_clock<played_clocks>;

class DeadlineClock : public testing::Test {
 protected:
  DeadlineClock() { played_clocks::begin(); }

  // How far ahead of the present moment it is, in ns.
  double ahead() {
    const time_point told = clock.not_before_now();
    EXPECT_GE(told, last_) << "backwards";
    last_ = told;
    return static_cast<double>((told - played_clocks::present()).count());
  }
  void expect_right() {
    const double ns = ahead();
    EXPECT_GE(ns, 0) << "early";
    EXPECT_LE(ns, most_ahead) << "late";
  }
  void use_for(double ms, double step_ns = 700) {
    const double end = played_clocks::real + ms * 1e6;
    while (played_clocks::real < end) {
      played_clocks::real += step_ns;
      expect_right();
    }
  }

  double most_ahead = 100 + 0.25 * 2000 + 20 + 99;  // the last: an anchor that is read early
  played_clock clock;

 private:
  time_point last_{};
};

TEST_F(DeadlineClock, is_never_early_and_little_late) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> steps(1 / 1000.0);
  for (int i = 0; i != 300'000; ++i) {
    played_clocks::real += steps(random);
    expect_right();
  }
}

TEST_F(DeadlineClock, looks_at_the_system_s_clock_once_in_a_while) {
  use_for(1);
  const int before = played_clocks::looks;
  use_for(2, 150);
  EXPECT_GE(played_clocks::looks - before, 850);
  EXPECT_LE(played_clocks::looks - before, 1050) << "2 us each";
}

// As the kernel steers its clock: by a tenth to and fro.
TEST_F(DeadlineClock, follows_a_clock_that_is_steered) {
  use_for(1);
  most_ahead += 2000 * 1.25 * (1.1 / 0.9 - 1);
  for (int i = 0; i != 100; ++i) {
    const double ticks = (played_clocks::real + played_clocks::counted_ahead) * played_clocks::rate;
    played_clocks::rate = 2.6 * (i % 2 ? 1.1 : 0.9);
    played_clocks::counted_ahead = ticks / played_clocks::rate - played_clocks::real;  // no jump
    use_for(1, 130);
  }
}

TEST_F(DeadlineClock, a_counter_that_jumps_makes_it_look) {
  use_for(1);
  for (const double jump : {3e6, -3e6, 4e12, -4e12, 10'000.0, -10'000.0}) {
    played_clocks::counted_ahead += jump;
    expect_right();
    use_for(3);
  }
}

// As while a machine sleeps: the counter goes on.
TEST_F(DeadlineClock, a_pace_that_cannot_be_is_not_believed) {
  use_for(1);
  played_clocks::counted_ahead += 50e6;
  played_clocks::real += 150'000;
  expect_right();
  const int before = played_clocks::looks;
  use_for(0.15, 130);  // from an anchor to which 50 ms of ticks have led
  EXPECT_GT(played_clocks::looks - before, 600) << "it believes that a tick is 150 times shorter";
  use_for(1);
  const int after = played_clocks::looks;
  use_for(1, 150);
  EXPECT_LT(played_clocks::looks - after, 550) << "and is never fast again";
}

// What a virtual machine that is set back may show.
TEST_F(DeadlineClock, a_counter_that_stands_still) {
  use_for(1);
  const double rate = played_clocks::rate;
  played_clocks::rate = 0;
  for (int i = 0; i != 1000; ++i) {
    played_clocks::real += 1'000'000;
    static_cast<void>(clock.not_before_now());  // it cannot know
  }
  played_clocks::rate = rate;
  use_for(3);
}

// It is late then, by no more than an anchor is good for.
TEST_F(DeadlineClock, a_core_that_is_lost_within_an_anchor) {
  use_for(1);
  for (int i = 0; i != 10'000; ++i) {
    played_clocks::lost_between = i % 3 == 0 ? 1500.0 * (i % 7) : 20;
    played_clocks::real += 3000;
    EXPECT_GE(ahead(), 0);
    played_clocks::real += 300;
    const double ns = ahead();
    EXPECT_GE(ns, 0);
    EXPECT_LE(ns, 2000 + most_ahead);
  }
}

TEST_F(DeadlineClock, without_a_counter_it_looks_each_time) {
  played_clocks::same = false;
  for (int i = 1; i != 10'000; ++i) {
    played_clocks::real += 1000;
    ASSERT_EQ(ahead(), 0);
    ASSERT_EQ(played_clocks::looks, i);
  }
}

TEST(StartOfWait, lies_between_two_looks_at_the_clock) {
  goro_test::in_goroutine([] {
    const time_point end = goro::clock::now() + std::chrono::milliseconds(50);
    time_point last{};
    for (time_point before = goro::clock::now(); before < end;) {
      const time_point start = goro::detail::start_of_wait();
      const time_point after = goro::clock::now();
      ASSERT_GE(start, before);
      ASSERT_GE(start, last);
      ASSERT_LE(start, after + std::chrono::microseconds(3));
      before = after;
      last = start;
    }
  });
}

}  // namespace
