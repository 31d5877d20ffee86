#include "stack/parked.hpp"

#include <chrono>
#include <cstdint>

#include <goro/detail/atomics.hpp>
#include "sched/turn.hpp"
#include "stack/stack.hpp"

namespace goro::detail {

void come_back(goroutine* gp) noexcept {
  unsigned spins = 0;
  for (;;) {
    parked_state now = gp->parked.load(std::memory_order_relaxed);
    if (now == parked_state::held) {
      real_atomics::backoff(spins);
    } else if (gp->parked.compare_exchange_strong(now, parked_state::untouched,
                                                  std::memory_order_acquire,  // pairs with let_go()
                                                  std::memory_order_relaxed)) {
      return;
    }
  }
}

lock& pass_lock() noexcept {
  static constinit lock one_at_a_time;
  return one_at_a_time;
}

bool claim_parked(goroutine& g, parked_state from) noexcept {
  return g.parked.compare_exchange_strong(from, parked_state::claimed, std::memory_order_relaxed);
}

void* saved_context(const goroutine& g) noexcept {
  // In this order: who parks says so before its stack pointer is saved.
  const g_status status = usual(g.status.load(std::memory_order_acquire));  // pairs with transition()
  if (status != g_status::waiting && status != g_status::runnable) return nullptr;
  auto* const sp = static_cast<std::byte*>(g.sp.load(std::memory_order_acquire));  // pairs with the fences
  const stack_slot* s = g.bound_stack.load(std::memory_order_acquire);             // pairs with bind()
  return sp && s && sp > s->bottom && sp < s->top ? sp : nullptr;
}

bool hold_parked(goroutine& g) noexcept {
  parked_state claim = parked_state::claimed;
  return g.parked.compare_exchange_strong(claim, parked_state::held, std::memory_order_relaxed);
}

void let_go(goroutine& g, parked_state next) noexcept {
  g.parked.store(next, std::memory_order_release);  // pairs with come_back()
}

void withdraw_claim(goroutine& g, parked_state former) noexcept {
  parked_state claim = parked_state::claimed;
  g.parked.compare_exchange_strong(claim, former, std::memory_order_relaxed);
}

std::uint32_t now_in_seconds() noexcept {
  return static_cast<std::uint32_t>(
      std::chrono::duration_cast<std::chrono::seconds>(clock::now().time_since_epoch()).count());
}

void notice(goroutine& g, std::uint32_t now) noexcept { g.noticed.store(now, std::memory_order_relaxed); }

std::uint32_t seconds_parked(const goroutine& g) noexcept {
  // Pairs with trimming::visit() and let_go().
  if (g.parked.load(std::memory_order_acquire) == parked_state::untouched) return 0;
  return now_in_seconds() - g.noticed.load(std::memory_order_relaxed);
}

}  // namespace goro::detail
