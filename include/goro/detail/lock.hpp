// The lock inside channels and inside the runtime: held for some nanoseconds, never across a park of its holder's
// own making, except that a park may pass it to the scheduler, which releases it once the goroutine is off its stack.
//
// A word that is free (0) or held (1). Acquiring costs one compare-and-swap, releasing one plain store: whether
// anybody sleeps on the word is looked up afterwards, in a small table of counts that belongs to no lock, and the
// StoreLoad barrier between the two is paid by the sleeper (fence.hpp).
//
//   release:  word = 0;         light_fence;  if (sleepers[address] != 0) futex_wake(address)
//   sleeper:  ++sleepers[...];  heavy_fence;  until the word is taken: futex_wait(word, 1);  --sleepers[...]
//
// [MO-1] Either the releaser sees the sleeper's count and wakes it, or the sleeper sees the word free; the kernel's
// own check in futex_wait covers the rest. Test that fails without it: model.lock_*.
//
// After the store, release() touches only the lock's address, never its memory, so the lock may be destroyed by
// whoever gets it next: a receiver may free a channel whose sender has not yet returned. That is why the counts are in
// a table. Two locks that share an entry cost each other needless wake-ups while somebody sleeps, which is rare.
// Rejected: a futex mutex whose release is an exchange; it costs 2 ns more, four times in a round trip over channels.
#pragma once

#include <array>
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
    std::uint32_t free = 0;
    return word_.compare_exchange_strong(free, 1, std::memory_order_acquire,  // pairs with release()
                                         std::memory_order_relaxed);
  }

  void release() noexcept {
    std::atomic<std::uint32_t>* const address = &word_;
    word_.store(0, std::memory_order_release);  // pairs with try_acquire()
    light_fence();                              // [MO-1], pairs with the heavy_fence in acquire_slow()
    if (sleepers_of(address).load(std::memory_order_relaxed) != 0) [[unlikely]] wake_one(address);
  }

 private:
  static constexpr std::size_t k_counts = 64;
  static std::array<std::atomic<std::uint32_t>, k_counts> s_sleepers;

  static std::atomic<std::uint32_t>& sleepers_of(const void* address) noexcept {
    return s_sleepers[(reinterpret_cast<std::uintptr_t>(address) >> 6) % k_counts];
  }

  void acquire_slow() noexcept;
  static void wake_one(std::atomic<std::uint32_t>* word) noexcept;

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
