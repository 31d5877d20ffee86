#include "sched/helper_thread.hpp"

#include "os/thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

bool start_helper(void* (*body)(void*)) noexcept {
  sched.helper_count.fetch_add(1, std::memory_order_relaxed);
  if (start_thread(body, nullptr) == 0) return true;
  sched.helper_count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

}  // namespace goro::detail
