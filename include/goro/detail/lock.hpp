// The lock inside channels and inside the runtime: held for some nanoseconds, never across a park of its
// holder's own making, except that a park may pass it to the scheduler, which releases it once the goroutine
// is off its stack.
//
// A word that is free (0) or held (1). Acquiring costs one compare-and-swap, releasing one plain store:
// whether anybody sleeps on any lock of the process is looked up afterwards, in a count that belongs to no
// lock, and the StoreLoad barrier between the two is paid by the sleeper (fence.hpp).
//
//   release:  word = 0;    light_fence;  if (sleepers != 0) futex_wake(address)
//   sleeper:  ++sleepers;  heavy_fence;  until the word is taken: futex_wait(word, 1);  --sleepers
//
// [MO-1] Either the releaser sees the sleeper's count and wakes it, or the sleeper sees the word free; the
// kernel's own check in futex_wait covers the rest. Test that fails without it: model.lock_*.
//
// After the store, release() touches only the lock's address, never its memory, so the lock may be destroyed
// by whoever gets it next: a receiver may free a channel whose sender has not yet returned. That is why the
// count is common to all. While somebody sleeps on one lock, releases of the others make needless system
// calls; that is rare: a sleeper waits for a thread that has lost its core within some nanoseconds. Rejected:
// a futex mutex whose release is an exchange; it costs 2 ns more, four times in a round trip over channels.
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
    if (!try_acquire()) [[unlikely]]
      acquire_slow();
  }

  bool try_acquire() noexcept {
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,  // pairs with release()
                                         std::memory_order_relaxed);
  }

  // Returns when whoever holds the lock has released it.
  void wait_until_free() noexcept {
    if (word_.load(std::memory_order_acquire) == 0) return;  // pairs with release()
    acquire();
    release();
  }

  void release() noexcept {
    std::atomic<std::uint32_t>* const address = &word_;
    word_.store(0, std::memory_order_release);  // pairs with try_acquire()
    std::atomic_signal_fence(
        std::memory_order_seq_cst);  // [MO-1]: light_fence(), whose other case is in s_attention
    if (s_attention.load(std::memory_order_relaxed) != 0) [[unlikely]]
      release_slow(address);
  }

 private:
  friend void choose_fences() noexcept;

  // The number of sleepers, plus k_no_asymmetric_fences where light fences must be full ones: one look for
  // both.
  static std::atomic<std::uint32_t> s_attention;
  static constexpr std::uint32_t k_no_asymmetric_fences = 1U << 31;

  void acquire_slow() noexcept;
  static void release_slow(std::atomic<std::uint32_t>* word) noexcept;

  std::atomic<std::uint32_t> word_{0};
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
