#include "sched/helper_thread.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "os/thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::size_t k_most_helpers = 8;  // they never end, and there are four of them
constinit std::array<std::atomic<pid_t>, k_most_helpers> g_numbers;

using helper_body = void* (*)(void*);

void* helper(void* body) {
  for (std::atomic<pid_t>& number : g_numbers) {
    pid_t none = 0;
    if (number.compare_exchange_strong(none, ::gettid(), std::memory_order_relaxed)) break;
  }
  return reinterpret_cast<helper_body>(body)(nullptr);
}

}  // namespace

bool is_helper(pid_t number) noexcept {
  const auto is_it = [number](const std::atomic<pid_t>& n) {
    return n.load(std::memory_order_relaxed) == number;
  };
  return std::any_of(g_numbers.begin(), g_numbers.end(), is_it);
}

bool start_helper(void* (*body)(void*)) noexcept {
  sched.helper_count.fetch_add(1, std::memory_order_relaxed);
  if (start_thread(helper, reinterpret_cast<void*>(body)) == 0) return true;
  sched.helper_count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace goro::detail
