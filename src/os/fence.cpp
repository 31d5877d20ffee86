#include <goro/detail/fence.hpp>
#include <goro/detail/lock.hpp>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/futex.hpp"

namespace goro::detail {

bool asymmetric_fences = false;

namespace {

// Before main and before any other constructor of the program may take a lock.
[[gnu::constructor(101)]] void choose_fences() {
  asymmetric_fences = ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

}  // namespace

void heavy_fence() noexcept {
  if (asymmetric_fences) {
    ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  } else {
    __sync_synchronize();
  }
}

// Critical sections last some nanoseconds, so the holder is either about to release or has lost its core: spin
// for about a microsecond, offer the core once, then sleep.
void lock::acquire_slow() noexcept {
  for (int spin = 0; spin != 40; ++spin) {
    if (word_.load(std::memory_order_relaxed) == k_free && try_acquire()) return;
    pause();
  }
  ::sched_yield();
  while (word_.exchange(k_contended, std::memory_order_acquire) != k_free) {  // pairs with release()
    futex_wait(word_, k_contended);
  }
}

void lock::wake_one(std::atomic<std::uint32_t>* word) noexcept { futex_wake(word, 1); }

}  // namespace goro::detail
