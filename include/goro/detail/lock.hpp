// The lock inside channels and inside the runtime: held for some nanoseconds, never across a park of its holder's
// own making, except that a park may pass it to the scheduler, which releases it once the goroutine is off its stack.
//
// The word: free, held, or contended (held, and somebody may be asleep on it). A sleeper marks the word contended
// before it sleeps; whoever frees a contended word wakes one sleeper, which takes the lock as contended, because it
// cannot know whether there are others. (Drepper's futex mutex.)
//
// release() touches the word once and afterwards only its address, so the lock may be destroyed by whoever gets it
// next: a receiver may free a channel whose sender has not yet returned.
// Rejected: a plain store and an asymmetric fence, 2 ns cheaper, but it must look at the lock after having freed it.
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
    if (!try_acquire()) [[unlikely]] acquire_slow();
  }

  bool try_acquire() noexcept {
    std::uint32_t free = k_free;
    return word_.compare_exchange_strong(free, k_held, std::memory_order_acquire,  // pairs with release()
                                         std::memory_order_relaxed);
  }

  void release() noexcept {
    std::atomic<std::uint32_t>* const address = &word_;
    // pairs with try_acquire() and acquire_slow()
    if (word_.exchange(k_free, std::memory_order_release) == k_contended) [[unlikely]] wake_one(address);
  }

 private:
  static constexpr std::uint32_t k_free = 0;
  static constexpr std::uint32_t k_held = 1;
  static constexpr std::uint32_t k_contended = 2;

  void acquire_slow() noexcept;
  static void wake_one(std::atomic<std::uint32_t>* word) noexcept;

  std::atomic<std::uint32_t> word_{k_free};
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
