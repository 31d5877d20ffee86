// What the fork-join workloads have in common, whatever forks and joins.
#pragma once

#include <cstdint>
#include <utility>

#include "bench.hpp"

namespace bench {

// How many tasks fib(n) starts: F(n+1) - 1.
inline std::int64_t forks(std::int64_t n) {
  std::int64_t a = 0;
  std::int64_t b = 1;
  for (std::int64_t i = 0; i < n; ++i) a = std::exchange(b, a + b);
  return b - 1;
}

// Reports the time of a fork of f(n), which starts a task for one of the two calls of itself.
inline void time_fib(std::int64_t (*f)(std::int64_t)) {
  const std::int64_t n = size_or(27);
  check(n <= 45, "-n above 45 would start more than a billion tasks");
  const auto start = clock::now();
  const std::int64_t value = f(n);
  report_per_op(start, forks(n));
  check(n != 27 || value == 196'418, "wrong value");
}

}  // namespace bench
