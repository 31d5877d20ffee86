#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <ctime>
#include <goro/detail/atomics.hpp>
#include <goro/detail/fence.hpp>
#include <goro/detail/lock.hpp>

#include "diag/fatal.hpp"
#include "os/futex.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

constinit bool asymmetric_fences = false;
constinit std::atomic<std::uint32_t> lock::s_attention{k_no_asymmetric_fences};

constinit std::atomic<std::uint16_t> lock::s_bias_price{4096};

// Before main and before any other constructor of the program may take a lock.
[[gnu::constructor(101)]] void choose_fences() noexcept {
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) != 0) return;
  asymmetric_fences = true;
  lock::s_attention.store(0, std::memory_order_relaxed);
}

void heavy_fence() noexcept {
  if (asymmetric_fences) {
    const int saved = errno;
    // It may be taken away later, by a filter of system calls: without it wake-ups would be lost.
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
      fatal_errno("membarrier is refused after it was granted", errno);
    }
    errno = saved;
  } else {
    __sync_synchronize();
  }
}

// Critical sections last some nanoseconds, so the holder is either about to release or has lost its core:
// spin for about a microsecond, offer the core once, then sleep.
void lock::take_word_slowly() noexcept {
  for (int spin = 0; spin != 40; ++spin) {
    if (bias_.word().load(std::memory_order_relaxed) == 0 && try_word()) return;
    pause();
  }
  ::sched_yield();
  if (try_word()) return;
  s_attention.fetch_add(1, std::memory_order_relaxed);
  heavy_fence();  // [MO-1], pairs with the light_fence in release_word()
  while (!try_word()) futex_wait(bias_.word(), 1);
  s_attention.fetch_sub(1, std::memory_order_relaxed);
}

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

void lock::revoke_bias() noexcept { bias_.revoke(); }

void lock::release_slow(std::atomic<std::uint32_t>* word) noexcept {
  light_fence();
  if ((s_attention.load(std::memory_order_relaxed) & ~k_no_asymmetric_fences) != 0) futex_wake(word, 1);
}

}  // namespace goro::detail
