#include "os/clock.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <ctime>
#include <string_view>

#include "base/valgrind.hpp"

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

namespace {

bool kernel_counts_ticks() noexcept {
  const int error = errno;
  const int fd =
      ::open("/sys/devices/system/clocksource/clocksource0/current_clocksource", O_RDONLY | O_CLOEXEC);
  std::array<char, 32> text{};
  const ssize_t n = fd < 0 ? -1 : ::read(fd, text.data(), text.size());
  if (fd >= 0) ::close(fd);
  errno = error;
  const std::string_view name(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  return name == "tsc\n" || name == "arch_sys_counter\n";
}

}  // namespace

bool clock_counts_ticks() noexcept {
  static const bool counts = kernel_counts_ticks() && !under_valgrind();  // where a moment lasts for too long
  return counts && !g_clock_source.load(std::memory_order_relaxed);
}

}  // namespace goro::detail
