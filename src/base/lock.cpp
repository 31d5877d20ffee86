// The rare cases of the inner lock; its essay is in goro/detail/lock.hpp.
#include <goro/detail/lock.hpp>

#include <sched.h>

#include "os/clock.hpp"
#include "os/futex.hpp"

namespace goro::detail {

constinit std::atomic<std::uint32_t> lock::s_attention{k_no_asymmetric_fences};
constinit std::atomic<std::uint16_t> lock::s_bias_price{k_usual_bias_price};

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

void lock::acquire_by_word(lock_places* me) noexcept {
  take_word();
  if (bias_.stands()) {
    revoke_bias();
    if (me) me->ended_bias.store(now_ns(), std::memory_order_relaxed);
    return;
  }
  if (!me || !bias_.earned(me, [] { return s_bias_price.load(std::memory_order_relaxed); })) return;
  // No bias without asymmetric fences: who enters by it relies on them.
  if (asymmetric_fences && bias_.give(me)) release_word();
}

void lock::revoke_bias() noexcept { bias_.revoke(); }

void lock::release_slow(std::atomic<std::uint32_t>* word) noexcept {
  light_fence();
  if ((s_attention.load(std::memory_order_relaxed) & ~k_no_asymmetric_fences) != 0) futex_wake(word, 1);
}

}  // namespace goro::detail
