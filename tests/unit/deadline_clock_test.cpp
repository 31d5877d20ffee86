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
    return static_cast<double>((told - played_clocks::present()).count());
  }
  void expect_right() {
    const double ns = ahead();
    EXPECT_GE(ns, 0) << "early";
    EXPECT_LE(ns, 400) << "late";
  }
  void use_for(double ms, double step_ns = 5000) {
    const double end = played_clocks::real + ms * 1e6;
    while (played_clocks::real < end) {
      played_clocks::real += step_ns;
      expect_right();
    }
  }

  played_clock clock;
};

TEST_F(DeadlineClock, is_never_early_and_little_late) {
  std::mt19937_64 random(1);
  std::exponential_distribution<double> steps(1 / 20'000.0);
  for (int i = 0; i != 200'000; ++i) {
    played_clocks::real += steps(random);
    expect_right();
  }
}

TEST_F(DeadlineClock, looks_at_the_system_s_clock_once_in_a_while) {
  use_for(20);
  const int before = played_clocks::looks;
  use_for(100, 500);
  EXPECT_GE(played_clocks::looks - before, 1900);
  EXPECT_LE(played_clocks::looks - before, 2100) << "50 us each";
}

// As the kernel steers its clock: by 500 millionths to and fro.
TEST_F(DeadlineClock, follows_a_clock_that_is_steered) {
  use_for(20);
  for (int i = 0; i != 20; ++i) {
    const double ticks = (played_clocks::real + played_clocks::counted_ahead) * played_clocks::rate;
    played_clocks::rate = 2.6 * (i % 2 ? 1.0005 : 0.9995);
    played_clocks::counted_ahead = ticks / played_clocks::rate - played_clocks::real;  // no jump
    use_for(10);
  }
}

TEST_F(DeadlineClock, a_counter_that_jumps_makes_it_look) {
  use_for(20);
  for (const double jump : {3e6, -3e6, 4e12, -4e12, 150'000.0, -150'000.0}) {
    played_clocks::counted_ahead += jump;
    expect_right();
    use_for(30);
  }
}

// As while a machine sleeps: the counter goes on.
TEST_F(DeadlineClock, a_pace_that_cannot_be_is_not_believed) {
  use_for(20);
  played_clocks::counted_ahead += 50e6;
  played_clocks::real += 1e6;
  use_for(3);
  const int before = played_clocks::looks;
  use_for(1.5, 500);  // an anchor after 4 ms is 50 ms of ticks away
  EXPECT_GT(played_clocks::looks - before, 2000) << "it believes that a tick is 12 times shorter";
  use_for(20);
  const int after = played_clocks::looks;
  use_for(1, 500);
  EXPECT_LT(played_clocks::looks - after, 22) << "and is never fast again";
}

TEST_F(DeadlineClock, a_core_that_is_lost_within_an_anchor) {
  use_for(20);
  for (int i = 0; i != 1000; ++i) {
    played_clocks::lost_between = i % 3 == 0 ? 20'000 : 20;
    played_clocks::real += 150'000;
    expect_right();
    played_clocks::real += 10'000;
    expect_right();
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
    for (time_point before = goro::clock::now(); before < end;) {
      const time_point start = goro::detail::start_of_wait();
      const time_point after = goro::clock::now();
      ASSERT_GE(start, before);
      ASSERT_LE(start, after + std::chrono::microseconds(5));  // an anchor may have taken 4096 ticks
      before = after;
    }
  });
}

}  // namespace
