// Asking for memory before it is needed.
#pragma once

#include <cstddef>

#include "sched/goroutine.hpp"

namespace goro::detail {

// What a goroutine touches first when it gets its turn, and if it ends in it: the frames through which a
// return from a wait goes, and what stands for its stack. For one that has waited for long, among many: then
// each line of that is in nobody's cache, and comes while others run. It is parked. (A million wake-ups from
// a closed channel at one P: 340 ms instead of 365.)
inline void fetch_frames(const goroutine* gp) noexcept {
  constexpr std::size_t k_line = 64;
  constexpr std::size_t k_frames = 6;  // in lines
  const auto* const sp = static_cast<const std::byte*>(gp->sp.load(std::memory_order_relaxed));
  if (!sp) return;  // it has not begun, or somebody may still stand on it
  for (std::size_t i = 0; i != k_frames; ++i) __builtin_prefetch(sp + i * k_line);
  __builtin_prefetch(gp->stack());
}

}  // namespace goro::detail
