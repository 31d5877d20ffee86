// The main function of every test executable.
#include <gtest/gtest.h>

#include <cstdio>
#include <string>

#include "support/seed.hpp"
#include "support/watchdog.hpp"

namespace {

// Arms the watchdog for each test and prints the seed of one that failed.
class each_test : public testing::EmptyTestEventListener {
  void OnTestStart(const testing::TestInfo& test) override {
    goro_test::arm_watchdog(std::string(test.test_suite_name()) + "." + test.name());
  }
  void OnTestEnd(const testing::TestInfo& test) override {
    goro_test::disarm_watchdog();
    if (test.result()->Failed()) {
      std::fprintf(stderr, "to repeat: GORO_TEST_SEED=%llu\n",
                   static_cast<unsigned long long>(goro_test::seed()));
    }
  }
};

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new each_test);
  return RUN_ALL_TESTS();
}
