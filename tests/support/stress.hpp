// The base of stress tests: seeded, bounded in time, with 1, 2, 4 and 32 Ps.
//
//   GORO_STRESS_SECONDS  how long each test runs (3)
//   GORO_TEST_SEED       the seed, to repeat a run; printed at the start of each test
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>

#include "support/fixture.hpp"
#include "support/seed.hpp"

namespace goro_test {

std::chrono::seconds stress_time();

class stress_test : public procs_test {
 protected:
  void SetUp() override;

  // Calls round(rng) with a generator of its own again and again until the time is over or an assertion
  // fails. Each round must leave nothing: a leaked goroutine fails the test at once. In every second round
  // the locks inside channels are biased after few uses already (goro/detail/lock_bias.hpp).
  void rounds(const std::function<void(std::mt19937_64& rng)>& round);
};

}  // namespace goro_test
