// The base of tests that look at sub-processes, which run with 1 and with 4 Ps.
#pragma once

#include <gtest/gtest.h>

#include <regex>
#include <string>
#include <utility>
#include <vector>

#include "support/subprocess.hpp"

namespace goro_test {

class process_test : public testing::TestWithParam<int> {
 protected:
  // Runs a program of tests/programs with this test's number of Ps.
  static program_result run(const std::string& program, std::vector<std::string> arguments = {}) {
    return run_program(program, std::move(arguments), {"GORO_MAXPROCS=" + std::to_string(GetParam())});
  }
};

inline auto process_procs() { return testing::Values(1, 4); }

// True if the ECMAScript expression matches somewhere in the text.
inline bool matches(const std::string& text, const std::string& expression) {
  return std::regex_search(text, std::regex(expression));
}

}  // namespace goro_test
