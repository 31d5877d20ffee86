// The one place where time comes from.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/clock.hpp>

namespace goro::detail {

// A test may put another clock here before the scheduler starts: virtual time.
using clock_source = time_point (*)() noexcept;
extern std::atomic<clock_source> g_clock_source;

inline std::int64_t now_ns() noexcept { return now().time_since_epoch().count(); }

// The same clock, up to some milliseconds late (a tick of the kernel), for a third of the price.
std::int64_t coarse_now_ns() noexcept;

// Is the clock the core's counter (arch/ticks.hpp), scaled? The kernel says so of one that it trusts: all
// cores count alike, at one rate.
bool clock_counts_ticks() noexcept;

static_assert(clock::period::den == 1'000'000'000, "steady_clock counts nanoseconds");

}  // namespace goro::detail
