// Floating-point control words belong to the goroutine: the rounding mode, and on x86-64, where there are two
// such words, what only one of them has.
#include <gtest/gtest.h>

#include <cfenv>
#include <string>

#if defined(__x86_64__)
#  include <xmmintrin.h>
#endif

#include <goro/goro.hpp>

#include "support/fixture.hpp"

namespace {

using goro_test::in_goroutine;
using namespace std::chrono_literals;

struct Float : goro_test::procs_test {};
INSTANTIATE_TEST_SUITE_P(Procs, Float, goro_test::all_procs());

// How this thread computes, by its results: the mode that it was told, SSE (or FPR) arithmetic, x87.
std::string way_of_rounding() {
  volatile double one = 1;
  volatile double tiny = 1e-30;
  volatile long double long_one = 1;
  volatile long double long_tiny = 1e-40L;
  const bool up = one + tiny > 1;
  const bool long_up = long_one + long_tiny > 1;
  const std::string mode = std::fegetround() == FE_UPWARD      ? "up"
                           : std::fegetround() == FE_TONEAREST ? "nearest"
                                                               : "other";
  return mode + (up ? " +" : " =") + (long_up ? " +" : " =");
}
const std::string k_nearest = "nearest = =";
const std::string k_up = "up + +";

TEST_P(Float, the_rounding_mode_survives_parks_and_is_nobody_elses) {
  in_goroutine([] {
    goro::wait_group ended;
    goro::chan<int> c;
    for (int g = 0; g < 20; ++g) {
      ended.go([c, up = g % 2 == 0] {
        if (up) std::fesetround(FE_UPWARD);
        for (int i = 0; i < 50; ++i) {
          EXPECT_EQ(way_of_rounding(), up ? k_up : k_nearest);
          if (i % 10 == 9) {
            goro::sleep_for(20us);
          } else if (up) {
            c.send(i);
          } else {
            c.recv();
          }
          goro::this_goroutine::yield();
        }
        EXPECT_EQ(way_of_rounding(), up ? k_up : k_nearest);
      });
    }
    ended.wait();
    EXPECT_EQ(way_of_rounding(), k_nearest);
  });
}

// However the one before it has ended, on whose stack it may run.
TEST_P(Float, a_goroutine_starts_with_the_defaults) {
  in_goroutine([] {
    for (int i = 0; i < 50; ++i) {
      goro::wait_group ended;
      for (int g = 0; g < 4; ++g) {
        ended.go([&ended, g] {
          EXPECT_EQ(way_of_rounding(), k_nearest);
          std::fesetround(FE_UPWARD);
          ended.go([] { EXPECT_EQ(way_of_rounding(), k_nearest); });
          if (g % 2 == 0) goro::this_goroutine::yield();
          if (g == 3) goro::this_goroutine::exit();
        });
      }
      ended.wait();
      EXPECT_EQ(way_of_rounding(), k_nearest);
    }
  });
}

#if defined(__x86_64__)
TEST_P(Float, the_word_of_sse_alone_is_kept_too) {
  in_goroutine([] {
    goro::chan<int> c;
    goro::wait_group ended;
    ended.go([c] {
      _MM_SET_FLUSH_ZERO_MODE(_MM_FLUSH_ZERO_ON);
      for (int i = 0; i < 20; ++i) {
        c.send(i);
        EXPECT_EQ(_MM_GET_FLUSH_ZERO_MODE(), unsigned{_MM_FLUSH_ZERO_ON});
      }
      c.close();
    });
    while (c.recv()) EXPECT_EQ(_MM_GET_FLUSH_ZERO_MODE(), unsigned{_MM_FLUSH_ZERO_OFF});
    ended.wait();
    EXPECT_EQ(_MM_GET_FLUSH_ZERO_MODE(), unsigned{_MM_FLUSH_ZERO_OFF});
  });
}

// Of the two units the older one traps late, at the next instruction, whoever that belongs to.
TEST_P(Float, who_asks_for_traps_gets_only_his_own) {
  in_goroutine([] {
    for (const bool trapping_first : {true, false}) {
      goro::wait_group ended;
      const auto traps = [&] {
        feenableexcept(FE_DIVBYZERO);
        for (int i = 0; i < 5; ++i) goro::this_goroutine::yield();
        EXPECT_EQ(fegetexcept(), FE_DIVBYZERO);
      };
      const auto divides = [] {
        volatile long double zero = 0;
        volatile long double infinite = 1 / zero;
        goro::this_goroutine::yield();
        EXPECT_GT(infinite, 1);
      };
      if (trapping_first) ended.go(traps);
      for (int g = 0; g < 4; ++g) ended.go(divides);
      if (!trapping_first) ended.go(traps);
      ended.wait();
    }
    std::feclearexcept(FE_ALL_EXCEPT);
  });
}
#endif

}  // namespace
