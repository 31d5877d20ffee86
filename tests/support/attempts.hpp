// For what others may spoil at any time, because the machine runs them meanwhile.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

namespace goro_test {

// Shown, if one of some attempts shows it. A test that uses this is about what goro makes possible: without
// what it tests each attempt must fail.
template <class Attempt>
bool shown_once(Attempt attempt) {
  constexpr int k_attempts = 5;
  for (int i = 0; i != k_attempts; ++i) {
    if (attempt()) return true;
  }
  return false;
}

// Of something that was timed many times.
struct spread {
  std::chrono::nanoseconds median, longest;
};

// Says it, too: one reads it where no attempt has shown what it should.
inline spread spread_of(std::vector<std::chrono::nanoseconds> all) {
  std::sort(all.begin(), all.end());
  const spread s{.median = all[all.size() / 2], .longest = all.back()};
  std::printf("median %.1f us, longest %.1f us\n", static_cast<double>(s.median.count()) / 1e3,
              static_cast<double>(s.longest.count()) / 1e3);
  return s;
}

}  // namespace goro_test
