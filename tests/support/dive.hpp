// Recursion that fills the stack, and looks at every frame again on the way back.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace goro_test {

inline constexpr std::size_t k_kb = 1 << 10;
inline constexpr std::size_t k_mb = 1 << 20;

// Comes back through every frame, and is too large for registers.
struct dive_result {
  std::size_t bytes = 0;     // how deep it went
  std::size_t calls = 0;     // within each other
  std::size_t intact = 0;    // how many found their arguments and locals as they had left them
  double sum_of_halves = 0;  // of an argument
};

namespace dive_detail {

inline std::uintptr_t here() { return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)); }

// Has the compiler believe that somebody else reads and writes it.
inline void expose(void* memory) { asm volatile("" : : "r"(memory) : "memory"); }

template <std::size_t Bytes, class F>
[[gnu::noinline]] dive_result go_down(std::uintptr_t top, std::size_t depth, std::uint64_t call, double half,
                                      F& at_bottom) {
  std::array<std::uint64_t, Bytes / sizeof(std::uint64_t)> frame;
  const auto value = [=](std::size_t i) { return (top + call) * 0x9e3779b97f4a7c15U + i; };
  for (std::size_t i = 0; i != frame.size(); ++i) frame[i] = value(i);
  expose(frame.data());
  dive_result r;
  if (top - here() < depth) {
    r = go_down<Bytes>(top, depth, call + 1, half + 0.5, at_bottom);
  } else {
    at_bottom();
    r = {.bytes = top - here(), .calls = call + 1};
  }
  expose(frame.data());
  bool intact = true;
  for (std::size_t i = 0; i != frame.size(); ++i) intact &= frame[i] == value(i);
  r.intact += intact && half == 0.5 * static_cast<double>(call);
  r.sum_of_halves += half;
  return r;
}

}  // namespace dive_detail

// Goes so many bytes deep, with frames of about `Bytes` that are full of a pattern, calls at_bottom() and
// returns.
template <std::size_t Bytes, class F>
[[gnu::noinline]] dive_result dive(std::size_t depth, F at_bottom) {
  return dive_detail::go_down<Bytes>(dive_detail::here(), depth, 0, 0, at_bottom);
}

// Nothing may have happened to any of the frames.
inline void expect_intact(const dive_result& r) {
  EXPECT_EQ(r.intact, r.calls) << "frames are damaged";
  const auto calls = static_cast<double>(r.calls);
  EXPECT_EQ(r.sum_of_halves, calls * (calls - 1) / 4);
}

template <std::size_t Bytes>
void expect_depth(std::size_t depth) {
  const dive_result r = dive<Bytes>(depth, [] {});
  EXPECT_GE(r.bytes, depth);
  expect_intact(r);
}

}  // namespace goro_test
