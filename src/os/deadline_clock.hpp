// The present moment for the deadline of a wait, at half the price. One clock belongs to one thread.
//
// Most timeouts never happen, and what one costs is mainly a look at the clock: 22 of the 75 ns of a select
// beside a new timer. The system's clock is the core's counter, read in order with the instructions around
// it, and scaled. Who has read both a moment ago knows the time from the counter alone, without that order.
//
//   anchor   a reading of the counter, and right after it one of the clock
//   pace     ns per tick, from two anchors k_base apart or more; measured anew whenever the next one is so
//            far away, and believed once two in a row agree within k_agreement
//   moment   the anchor's time + ticks since then * pace * k_margin + k_under_way, for k_good_for after it,
//            or the last one that was told, if that is later
//
// The moment is never before the present one, so no wait ends early; it does not go backwards; and it is late
// by some 600 ns at most, or by k_good_for more where the thread lost its core in the middle of an anchor.
// k_margin is for the kernel, which may steer its clock by a tenth to either side after the pace was measured
// (and then makes the moment later by up to another 600 ns). k_under_way is for a counter that is read early:
// a core has hundreds of instructions under way, in no order.
//
// A counter that jumps, as when a virtual machine is moved, lands outside of k_good_for, before or after, and
// a clock that stands still while the counter goes on changes the pace: both end in a new anchor. Where the
// kernel's clock is not the counter (asked once, at the first wait), and where a test has put another clock,
// each moment is read there.
#pragma once

#include <algorithm>
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
    if (good_for_ == 0) [[unlikely]]
      return drop_anchor();
    const std::uint64_t since = Clocks::ticks() - anchor_ticks_;
    if (since >= good_for_) [[unlikely]]
      return drop_anchor();
    return tell(anchor_time_ + clock::duration(static_cast<clock::rep>(since * pace_ >> k_fraction)));
  }

 private:
  static constexpr unsigned k_fraction = 32;  // bits of a pace
  static constexpr double k_good_for = 2000;  // ns
  static constexpr double k_margin = 1.25;
  static constexpr clock::duration k_under_way{100};
  static constexpr clock::rep k_base = 200'000;  // ns
  static constexpr double k_agreement = 1.0 / 16;

  time_point tell(time_point moment) noexcept { return told_ = std::max(told_, moment); }

  // Reads the clock itself.
  [[gnu::noinline]] time_point drop_anchor() noexcept {
    if (!Clocks::alike()) return Clocks::now();
    const std::uint64_t ticks = Clocks::ticks();
    const time_point time = Clocks::now();
    anchor_ticks_ = ticks;
    anchor_time_ = time + k_under_way;
    const clock::rep ns = (time - base_time_).count();
    if (ns >= k_base) {
      measure_pace(static_cast<double>(ns) / static_cast<double>(ticks - base_ticks_));
      base_ticks_ = ticks;
      base_time_ = time;
    }
    return tell(time);
  }

  // One that no counter has makes the next one not agree.
  void measure_pace(double ns_per_tick) noexcept {
    const bool agrees = ns_per_tick > 0.01 && ns_per_tick < 1000 &&
                        std::abs(ns_per_tick - measured_) <= measured_ * k_agreement;
    measured_ = ns_per_tick < 1000 ? ns_per_tick : 0;
    good_for_ = agrees ? static_cast<std::uint64_t>(k_good_for / ns_per_tick) : 0;
    pace_ =
        agrees ? static_cast<std::uint64_t>(ns_per_tick * k_margin * (std::uint64_t{1} << k_fraction)) : 0;
  }

  std::uint64_t good_for_ = 0;  // ticks after the anchor; 0: no pace is known
  std::uint64_t anchor_ticks_ = 0;
  std::uint64_t pace_ = 0;  // with the margin
  time_point anchor_time_{};
  time_point told_{};  // the last one
  // The anchor that the pace was measured with.
  std::uint64_t base_ticks_ = 0;
  time_point base_time_{};
  double measured_ = 0;
};

using deadline_clock = basic_deadline_clock<system_clocks>;

}  // namespace goro::detail
