// Sleeping, and a channel that fires once.
#pragma once

#include <chrono>

#include <goro/chan.hpp>
#include <goro/clock.hpp>

namespace goro {

namespace detail {
void sleep_until(time_point deadline);
recv_chan<time_point> after_at(time_point deadline);
}  // namespace detail

// Blocks for at least d on the monotonic clock; d <= 0 returns at once. A duration too long to add to the
// present means for ever. Cannot be cancelled: to wait for a cancellation as well, receive from after(d).
// (time.Sleep)
template <class Rep, class Period>
void sleep_for(const std::chrono::duration<Rep, Period>& d) {
  if (d > d.zero()) detail::sleep_until(detail::deadline_after(d));
}

// Blocks until tp; returns at once if that is past.
template <class Clock, class Duration>
void sleep_until(const std::chrono::time_point<Clock, Duration>& tp) {
  detail::sleep_until(detail::to_steady(tp));
}

// A channel of capacity 1 that receives one value, not before d: the moment at which it was due. Does not
// block. Dropping the channel does not stop its timer, which costs about 150 bytes until it fires.
// (time.After)
template <class Rep, class Period>
[[nodiscard]] recv_chan<time_point> after(const std::chrono::duration<Rep, Period>& d) {
  return detail::after_at(detail::deadline_after(d));
}

}  // namespace goro
