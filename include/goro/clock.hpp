// The clock of all waits, and conversions that saturate instead of overflowing.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>
#include <type_traits>

namespace goro {

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;

namespace detail {

// The runtime's present moment: std::chrono::steady_clock, unless a test has put another clock in its place.
time_point now() noexcept;

// The same, or some hundred ns later: from when a wait lasts. On one thread it does not go backwards. It
// costs less to read (src/os/deadline_clock.hpp).
time_point start_of_wait() noexcept;

// Is d, which is positive, more than there is room for? Whole nanoseconds are compared as integers: by way of
// floating-point numbers the making of a timer took 6 ns more.
template <class Rep, class Period>
constexpr bool exceeds(const std::chrono::duration<Rep, Period>& d, clock::duration room) noexcept {
  if constexpr (std::integral<Rep> && sizeof(Rep) <= sizeof(std::intmax_t) &&
                std::ratio_divide<Period, clock::period>::den == 1) {
    using same_unit = std::chrono::duration<std::intmax_t, Period>;
    return static_cast<std::uintmax_t>(d.count()) >
           static_cast<std::uintmax_t>(std::chrono::duration_cast<same_unit>(room).count());
  } else {
    return std::chrono::duration<double>(d) >= room;
  }
}

// The moment d, which is positive, from start. Durations too large for the clock mean "never"
// (time_point::max()). Rounds up, so that a wait lasts at least d.
template <class Rep, class Period>
time_point deadline_from(time_point start, const std::chrono::duration<Rep, Period>& d) {
  if (exceeds(d, time_point::max() - start)) return time_point::max();
  return start + std::chrono::ceil<clock::duration>(d);
}

// The end of a wait that lasts d from now.
template <class Rep, class Period>
time_point deadline_after(const std::chrono::duration<Rep, Period>& d) {
  return d > d.zero() ? deadline_from(start_of_wait(), d) : now();
}

// A point of any clock as a point of goro's clock; of another clock by how far away it is now, so later steps
// of that clock change nothing.
template <class Clock, class Duration>
time_point to_steady(const std::chrono::time_point<Clock, Duration>& tp) {
  if constexpr (std::is_same_v<Clock, clock>) {
    using std::chrono::duration;
    const auto since = tp.time_since_epoch();
    if (since > since.zero() && exceeds(since, clock::duration::max())) return time_point::max();
    if (duration<double>(since) <= duration<double>(clock::duration::min())) {
      return time_point::min();
    }
    return std::chrono::ceil<clock::duration>(tp);
  } else {
    using std::chrono::duration;
    const auto there = Clock::now();
    const duration<double> away =
        duration<double>(tp.time_since_epoch()) - duration<double>(there.time_since_epoch());
    if (away <= away.zero()) return now();
    if (exceeds(away, clock::duration::max())) return time_point::max();
    // A point so far from its clock's epoch that the exact difference cannot be computed.
    using exact = std::common_type_t<Duration, typename Clock::duration>;
    if (duration<double>(tp.time_since_epoch()) >= duration<double>(exact::max()))
      return deadline_after(away);
    return deadline_after(tp - there);
  }
}

}  // namespace detail
}  // namespace goro
