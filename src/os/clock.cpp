#include "os/clock.hpp"

#include <ctime>

namespace goro::detail {

constinit std::atomic<clock_source> g_clock_source{nullptr};

time_point now() noexcept {
  const clock_source source = g_clock_source.load(std::memory_order_relaxed);
  return source ? source() : clock::now();
}

std::int64_t coarse_now_ns() noexcept {
  if (g_clock_source.load(std::memory_order_relaxed)) return now_ns();
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
  return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace goro::detail
