#include "os/clock.hpp"

#include <ctime>

namespace goro::detail {

constinit std::atomic<clock_source> g_clock_source{nullptr};

namespace {

std::int64_t read(clockid_t which) noexcept {
  timespec ts{};
  ::clock_gettime(which, &ts);
  return std::int64_t{ts.tv_sec} * 1'000'000'000 + ts.tv_nsec;
}

}  // namespace

// What std::chrono::steady_clock::now() is here, without a call.
time_point now() noexcept {
  const clock_source source = g_clock_source.load(std::memory_order_relaxed);
  return source ? source() : time_point(clock::duration(read(CLOCK_MONOTONIC)));
}

std::int64_t coarse_now_ns() noexcept {
  if (g_clock_source.load(std::memory_order_relaxed)) return now_ns();
  return read(CLOCK_MONOTONIC_COARSE);
}

}  // namespace goro::detail
