// Asks for a cache line before it is needed.
//
// Not __builtin_prefetch: g++ 12 takes a function that does nothing but prefetch for one without effects, and
// drops the calls to it.
#pragma once

namespace goro::detail {

// p may be any address.
inline void prefetch(const void* p) noexcept {
  const char& line = *static_cast<const char*>(p);
#if defined(__x86_64__)
  asm volatile("prefetcht0 %0" : : "m"(line));
#else
  asm volatile("prfm pldl1keep, %0" : : "Q"(line));
#endif
}

}  // namespace goro::detail
