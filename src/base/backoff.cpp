#include <sched.h>

#include <cerrno>
#include <ctime>
#include <goro/detail/atomics.hpp>

#include "sched/scheduler.hpp"

namespace goro::detail {

// The other side may have lost its core in the middle, or be slow with somebody's element: after a short spin
// give ours away, then sleep, so that also a thread of lower priority comes to its end.
void real_atomics::backoff(unsigned& spins) noexcept {
  constexpr unsigned k_pauses = 64;
  constexpr unsigned k_yields = 256;
  if (++spins < k_pauses) return pause();
  if (spins < k_pauses + k_yields) return void(::sched_yield());
  if (sched.forked.load(std::memory_order_relaxed))
    used_after_fork();  // who is waited for is not in this process
  const timespec nap{.tv_sec = 0, .tv_nsec = 50'000};
  const int saved = errno;
  ::nanosleep(&nap, nullptr);
  errno = saved;
}

}  // namespace goro::detail
