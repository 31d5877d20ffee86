#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>
#include <goro/detail/fence.hpp>
#include <goro/detail/lock.hpp>

#include "diag/fatal.hpp"

namespace goro::detail {

constinit bool asymmetric_fences = false;

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

}  // namespace goro::detail
