#include "base/tls.hpp"

#include <goro/detail/lock_bias.hpp>

#include "base/locals.hpp"
#include "sched/machine.hpp"

namespace goro::detail {

// Used by assembly, of which an optimiser of the whole program knows nothing.
[[gnu::used]] constinit thread_local machine* goro_current_machine = nullptr;
[[gnu::used]] constinit thread_local lock_places* goro_lock_places = nullptr;  // of that machine

#if !defined(GORO_READ_THREAD_LOCAL)
machine* current_machine() noexcept {
  asm volatile("");
  return goro_current_machine;
}

lock_places* current_lock_places() noexcept {
  asm volatile("");
  return goro_lock_places;
}
#endif

void set_current_machine(machine* mp) noexcept {
  goro_current_machine = mp;
  goro_lock_places = mp ? &mp->places : nullptr;
  asm volatile("" ::: "memory");  // both stand there before anybody reads them
}

goroutine_locals& thread_locals() {
  thread_local goroutine_locals objects;
  return objects;
}

}  // namespace goro::detail
