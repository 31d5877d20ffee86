// How often an idle machine wakes up for timers.
//
// A sleep that ends in two microseconds costs as much CPU time as any (16 us on the reference machine, mostly
// to set the clock that ends it), and among many timers the next one is always that near: half a million of
// them in a second kept a core busy with sleeping alone. So between the end of one sleep for a timer and that
// of the next there is at least k_timer_gap: timers that come thick are fired together, up to 50 us late,
// which is what Linux grants itself for each sleep of a thread that does not ask for better. A timer that
// comes alone is on time. (A million sleepers at one P, before fetch.hpp: 2.25 s of CPU time, 2.5 without.)
//
// A second core, which for work of a few microseconds is not worth its wake-up, stands by meanwhile: see
// idle.cpp. (At two Ps: 2.8 s, 3.1 without.)
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

#include <goro/clock.hpp>

namespace goro::detail {

inline constexpr std::chrono::microseconds k_timer_gap{50};

// Who stands by wakes up by itself after so long.
inline constexpr std::chrono::microseconds k_stand_by{400};

// One machine at a time writes, mostly; what a race between two of them loses is one gap.
class timer_pace {
  // A gap, the time that a wake-up takes, and some turns.
  static constexpr auto k_thick = 4 * k_timer_gap;

 public:
  // When to wake up for a timer that is due then. time_point::max() stays that.
  time_point wake_for(time_point due) const noexcept { return std::max(due, last() + k_timer_gap); }

  // A sleep for a timer has ended.
  void woke(time_point now) noexcept {
    last_.store(count(now), std::memory_order_relaxed);
    wakes_.store(wakes() + 1, std::memory_order_relaxed);
  }

  // Whoever has the watch has fired some.
  void fired(time_point now) noexcept {
    const auto before = time_point(clock::duration(fired_.load(std::memory_order_relaxed)));
    if (now - before < k_thick) thick_until_.store(count(now + k_stand_by), std::memory_order_relaxed);
    fired_.store(count(now), std::memory_order_relaxed);
  }

  // Do they come thick? That is, were there two firings within k_thick, and not long ago?
  bool is_thick(time_point now) const noexcept {
    return count(now) < thick_until_.load(std::memory_order_relaxed);
  }

  // How often: for tests.
  std::uint64_t wakes() const noexcept { return wakes_.load(std::memory_order_relaxed); }

 private:
  static clock::rep count(time_point t) noexcept { return t.time_since_epoch().count(); }
  time_point last() const noexcept {
    return time_point(clock::duration(last_.load(std::memory_order_relaxed)));
  }

  std::atomic<clock::rep> last_{0};
  std::atomic<clock::rep> fired_{0};
  std::atomic<clock::rep> thick_until_{0};
  std::atomic<std::uint64_t> wakes_{0};
};

}  // namespace goro::detail
