// What a model test expects of an exploration, for GoogleTest; prints how much was explored.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "model/explorer.hpp"

namespace goro::model {

inline void print(const char* what, const outcome& o) {
  std::printf("[  model   ] %-34s %8llu executions, %8llu states, %5lld ms%s%s\n", what,
              static_cast<unsigned long long>(o.executions), static_cast<unsigned long long>(o.states),
              static_cast<long long>(o.time.count()),
              o.violation.empty() ? "" : "; found: ", o.violation.c_str());
}

// Every execution went well, and the number of them shows that there was something to explore.
inline void expect_holds(const char* what, const outcome& o) {
  print(what, o);
  constexpr std::size_t k_most = 8'000;  // of a livelock the end is enough
  const std::size_t skip = o.trace.size() > k_most ? o.trace.size() - k_most : 0;
  EXPECT_TRUE(o.violation.empty()) << what << ": " << o.violation << "\n" << o.trace.substr(skip);
  EXPECT_GT(o.completed, 1u) << what << ": nothing was interleaved";
}

// The protocol lacks something, and the explorer notices what that leads to.
inline void expect_violated(const char* what, const outcome& o, std::string_view how) {
  print(what, o);
  EXPECT_FALSE(o.violation.empty());
  EXPECT_NE(o.violation.find(how), std::string::npos)
      << what << ": expected \"" << how << "\", found \"" << o.violation << "\" in " << o.executions
      << " executions";
}

// In both memories. The weak one can do all that the other can, so what is large need not be explored twice.
template <class Explore>
void expect_holds_in_both(const std::string& what, Explore explore_with) {
  expect_holds((what + ", tso").c_str(), explore_with(options{.rules = ordering::tso}));
  expect_holds((what + ", weak").c_str(), explore_with(options{.rules = ordering::weak}));
}

template <class Explore>
void expect_violated_in_both(const char* what, Explore explore_with, std::string_view how) {
  for (const ordering rules : {ordering::tso, ordering::weak})
    expect_violated(what, explore_with(options{.rules = rules}), how);
}

}  // namespace goro::model
