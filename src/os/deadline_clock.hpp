// The present moment for the deadline of a wait, at half the price. One clock belongs to one thread.
//
// Most timeouts never happen, and what one costs is mainly a look at the clock: 22 of the 75 ns of a select
// beside a new timer. The system's clock is the core's counter, read in order with the instructions around
// it, and scaled. Who has read both a short while ago knows the time from the counter alone, without that
// order.
//
//   anchor   a reading of the counter, and right after it one of the clock
//   pace     ns per tick, from two anchors k_base apart or more; measured anew whenever the next one is so
//            far away, and believed once two in a row agree within 2^-11
//   moment   the anchor's time + ticks since then * pace * (1 + 2^-9) + k_under_way, for k_good_for after it
//
// The moment is never before the present one, so no wait ends early, and 400 ns after it at most, apart from
// the time that an anchor takes (20 ns; with up to k_most_ticks it counts). 2^-9 is for how the kernel may
// have steered its clock since the pace was measured, from -500 to 500 millionths, and for what the pace may
// be wrong by, k_most_ticks in k_base: 250 millionths. k_under_way is for a counter that is read early: a
// core has hundreds of instructions under way, in no order.
//
// A counter that jumps, as when a virtual machine is moved, lands outside of k_good_for, before or after, and
// a clock that stands still while the counter goes on changes the pace: both end in a new anchor. Where the
// kernel does not use the counter as its clock, and where a test has put another clock, each moment is read
// there.
#pragma once

#include <cstdint>
#include <cstdlib>

#include <goro/clock.hpp>

#include "arch/ticks.hpp"
#include "os/clock.hpp"

namespace goro::detail {

struct system_clocks {
  static std::uint64_t ticks() noexcept { return read_ticks(); }
  static time_point now() noexcept { return detail::now(); }
  static bool alike() noexcept { return clock_counts_ticks(); }
};

template <class Clocks>
class basic_deadline_clock {
 public:
  time_point not_before_now() noexcept {
    const std::uint64_t since = Clocks::ticks() - anchor_ticks_;
    if (since < good_for_) [[likely]]
      return anchor_time_ + clock::duration(static_cast<clock::rep>(since * pace_ >> k_fraction));
    return drop_anchor();
  }

 private:
  static constexpr unsigned k_fraction = 32;           // bits of a pace
  static constexpr clock::rep k_base = 4'000'000;      // ns
  static constexpr std::uint64_t k_most_ticks = 4096;  // that an anchor may take: 1 us, or a core was lost
  static constexpr double k_good_for = 50'000;         // ns
  static constexpr clock::duration k_under_way{100};

  // Reads the clock itself.
  [[gnu::noinline]] time_point drop_anchor() noexcept {
    if (!Clocks::alike()) return Clocks::now();
    const std::uint64_t ticks = Clocks::ticks();
    const time_point time = Clocks::now();
    if (Clocks::ticks() - ticks > k_most_ticks) return time;
    anchor_ticks_ = ticks;
    anchor_time_ = time + k_under_way;
    const clock::rep ns = (time - base_time_).count();
    if (ns >= k_base) {
      measure_pace(static_cast<double>(ns) / static_cast<double>(ticks - base_ticks_));
      base_ticks_ = ticks;
      base_time_ = time;
    }
    return time;
  }

  void measure_pace(double ns_per_tick) noexcept {
    const bool agrees = std::abs(ns_per_tick - measured_) <= measured_ / 2048;
    measured_ = ns_per_tick;
    good_for_ = agrees ? static_cast<std::uint64_t>(k_good_for / ns_per_tick) : 0;
    pace_ = static_cast<std::uint64_t>(ns_per_tick * (1 + 1.0 / 512) * (std::uint64_t{1} << k_fraction));
  }

  std::uint64_t anchor_ticks_ = 0;
  std::uint64_t good_for_ = 0;  // ticks after the anchor
  std::uint64_t pace_ = 0;      // rounded up, as above
  time_point anchor_time_{};
  // The anchor that the pace was measured with.
  std::uint64_t base_ticks_ = 0;
  time_point base_time_{};
  double measured_ = 0;
};

using deadline_clock = basic_deadline_clock<system_clocks>;

}  // namespace goro::detail
