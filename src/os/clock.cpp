#include "os/clock.hpp"

namespace goro::detail {

constinit std::atomic<clock_source> g_clock_source{nullptr};

time_point now() noexcept {
  const clock_source source = g_clock_source.load(std::memory_order_relaxed);
  return source ? source() : clock::now();
}

}  // namespace goro::detail
