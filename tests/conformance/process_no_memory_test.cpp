// CTX-01: contexts when there is no memory. The cases are those of programs/no_memory.cpp.
#include <gtest/gtest.h>

#include <string>

#include "support/build.hpp"
#include "support/process_fixture.hpp"

namespace {

using goro_test::program_result;

struct ProcessNoMemory : goro_test::process_test {
  void SetUp() override {
    if (goro_test::k_sanitized) GTEST_SKIP() << "operator new is the tool's own";
  }

  // Each of the first `most` allocations fails once; how many of these runs threw.
  static int failures(const std::string& which, int most) {
    int thrown = 0;
    for (int k = 1; k <= most; ++k) {
      const program_result r = run("no_memory", {which, std::to_string(k)});
      EXPECT_FALSE(r.timed_out) << which << " " << k;
      EXPECT_EQ(r.exit_code, 0) << which << " " << k << ": " << r.err;
      EXPECT_EQ(r.err, "");
      if (r.out == "bad_alloc\n1\n") {
        ++thrown;
      } else {
        EXPECT_EQ(r.out, "done\n1\n") << which << " " << k;
      }
    }
    return thrown;
  }
};
INSTANTIATE_TEST_SUITE_P(Procs, ProcessNoMemory, testing::Values(1));

TEST_P(ProcessNoMemory, CTX_01_a_derivation_that_fails_leaves_nothing_in_its_parent) {
  EXPECT_GE(failures("derive_cancel", 8), 3);
  EXPECT_GE(failures("derive_timeout", 10), 5);
}

TEST_P(ProcessNoMemory, CTX_01_a_cancel_needs_no_memory) { EXPECT_EQ(failures("cancel", 3), 0); }

}  // namespace
