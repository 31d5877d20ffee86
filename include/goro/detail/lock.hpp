// The lock inside channels and inside the runtime: held for some nanoseconds, never across a park of its holder's
// own making, except that a park may pass it to the scheduler, which releases it once the goroutine is off its stack.
//
// A word that is free (0) or held (1), and a count of threads that may be asleep on the word. Acquiring costs one
// compare-and-swap, releasing one plain store: the check for sleepers after it needs a StoreLoad barrier, which the
// sleeper pays for both (detail/fence.hpp).
//
//   release:  word = 0;   light_fence;  if (sleepers != 0) futex_wake(word)
//   sleeper:  ++sleepers; heavy_fence;  while word == 1: futex_wait(word, 1);  ...; --sleepers
//
// [MO-1] Either the releaser sees the sleeper's count and wakes it, or the sleeper sees the word free; the kernel's
// own check in futex_wait covers the rest. Test that fails without it: model.lock_*.
// The releaser reads `sleepers` after the word is free, so the lock must outlive its releaser: it is for objects that
// are counted or never freed. What may be destroyed by whoever gets the lock next uses the sema table instead.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/fence.hpp>

namespace goro::detail {

class lock {
 public:
  constexpr lock() noexcept = default;
  lock(const lock&) = delete;
  lock& operator=(const lock&) = delete;

  void acquire() noexcept {
    if (!try_acquire()) acquire_slow();
  }

  bool try_acquire() noexcept {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,  // pairs with release()
                                         std::memory_order_relaxed);
  }

  void release() noexcept {
    word_.store(0, std::memory_order_release);  // pairs with try_acquire()
    light_fence();                              // [MO-1], pairs with the heavy_fence in acquire_slow()
    if (sleepers_.load(std::memory_order_relaxed) != 0) [[unlikely]] release_slow();
  }

 private:
  void acquire_slow() noexcept;
  void release_slow() noexcept;

  std::atomic<std::uint32_t> word_{0};
  std::atomic<std::uint32_t> sleepers_{0};
};

class [[nodiscard]] lock_guard {
 public:
  explicit lock_guard(lock& l) noexcept : lock_(l) { lock_.acquire(); }
  ~lock_guard() { lock_.release(); }
  lock_guard(const lock_guard&) = delete;
  lock_guard& operator=(const lock_guard&) = delete;

 private:
  lock& lock_;
};

}  // namespace goro::detail
