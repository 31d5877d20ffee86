// How often an idle machine wakes up for timers.
//
// A sleep that ends in two microseconds costs as much CPU time as any (16 us on the reference machine, mostly
// to set the clock that ends it), and among many timers the next one is always that near: half a million of
// them in a second kept a core busy with sleeping alone. So between the end of one sleep for a timer and that
// of the next there is at least k_timer_gap: timers that come thick are fired together, up to 50 us late,
// which is what Linux grants itself for each sleep of a thread that does not ask for better. A timer that
// comes alone is on time. (A million sleepers at one P: 2.25 s of CPU time, 2.5 without.)
//
// The second core, which for work of a few microseconds is not worth its wake-up, stands by meanwhile: see
// k_stand_by and idle.cpp. (At two Ps: 2.8 s, 3.1 without.)
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <goro/clock.hpp>

namespace goro::detail {

inline constexpr std::chrono::microseconds k_timer_gap{50};

// Who falls asleep beside such timers wakes up once after so long, and is there until then if it is needed.
inline constexpr std::chrono::microseconds k_stand_by{400};

class timer_pace {
 public:
  // When to wake up for a timer that is due then. time_point::max() stays that.
  time_point wake_for(time_point due) const noexcept {
    return std::max(due, time_point(clock::duration(last_.load(std::memory_order_relaxed))) + k_timer_gap);
  }
  void woke(time_point now) noexcept {
    last_.store(now.time_since_epoch().count(), std::memory_order_relaxed);
    wakes_.fetch_add(1, std::memory_order_relaxed);
  }
  std::uint64_t wakes() const noexcept { return wakes_.load(std::memory_order_relaxed); }

 private:
  std::atomic<clock::rep> last_{0};
  std::atomic<std::uint64_t> wakes_{0};
};

}  // namespace goro::detail
