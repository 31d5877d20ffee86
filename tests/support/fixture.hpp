// The base of most test suites: every test runs with 1, 2, 4 and 32 Ps and must leave nothing behind.
//
//   struct Chan : goro_test::procs_test {};
//   INSTANTIATE_TEST_SUITE_P(Procs, Chan, goro_test::all_procs());
//   TEST_P(Chan, CHAN_07_…) { goro_test::in_goroutine([&] { … EXPECT_… }); }
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <functional>

#include <goro/runtime.hpp>

#include "support/build.hpp"
#include "support/process_state.hpp"
#include "support/wait.hpp"

namespace goro_test {

// Runs body as a goroutine and blocks the calling thread until it has returned. Assertions work inside; a std
// exception that leaves body is rethrown here.
void in_goroutine(const std::function<void()>& body);

inline auto all_procs() { return testing::Values(1, 2, 4, 32); }

class procs_test : public testing::TestWithParam<int> {
 protected:
  // Sets the number of Ps, wakes the runtime up and notes what the process holds.
  void SetUp() override;

  // Fails unless goroutines, stacks and descriptors are back at the figures of SetUp within 2 s.
  void TearDown() override;

  int procs() const { return GetParam(); }

  // How many goroutines there are that were not there before the test.
  std::size_t alive() const { return goro::goroutine_count() - before_.goroutines; }

  // The test leaves n goroutines that are blocked for ever, by intent.
  void leaves_blocked(std::size_t n) { left_by_intent_ += n; }

 private:
  bool nothing_left() const;

  process_state before_;
  std::size_t left_by_intent_ = 0;
};

}  // namespace goro_test
