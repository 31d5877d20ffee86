// The core's own clock: some nanoseconds to read, where asking the system takes twenty and more.
#pragma once

#include <cstdint>

#if defined(__x86_64__)
#  include <cpuid.h>
#endif

namespace goro::detail {

// Counts up, at a rate that has to be measured. The reading is not ordered with other instructions around it:
// it may be early or late by as many as the core has under way.
inline std::uint64_t read_ticks() noexcept {
#if defined(__x86_64__)
  return __builtin_ia32_rdtsc();
#else
  std::uint64_t now = 0;
  asm volatile("mrs %0, cntvct_el0" : "=r"(now));
  return now;
#endif
}

// Is it one clock for all cores, at one rate, whatever they do?
inline bool ticks_are_steady() noexcept {
#if defined(__x86_64__)
  constexpr unsigned k_power_leaf = 0x80000007;
  constexpr unsigned k_invariant = 1U << 8;
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(k_power_leaf, &a, &b, &c, &d) != 0 && (d & k_invariant) != 0;
#else
  return true;
#endif
}

}  // namespace goro::detail
