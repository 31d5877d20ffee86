// How the tests were built, and what that costs: sanitizers are slow and ThreadSanitizer has room for some
// 8000 fibers, threads and goroutines together, each of which takes it up to some milliseconds to make.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/sanitizers.hpp"

namespace goro_test {

#if defined(GORO_TSAN)
inline constexpr bool k_tsan = true;
#else
inline constexpr bool k_tsan = false;
#endif
#if defined(GORO_ASAN)
inline constexpr bool k_asan = true;
#else
inline constexpr bool k_asan = false;
#endif
inline constexpr bool k_sanitized = k_tsan || k_asan;

// A number of repetitions: full in ordinary builds, a part of it under a sanitizer.
constexpr int repetitions(int full) { return std::max(k_tsan ? full / 40 : k_asan ? full / 10 : full, 1); }

// A number of goroutines that exist at once.
constexpr int goroutines_at_once(int full) { return k_tsan ? std::min(full, 500) : full; }

}  // namespace goro_test
