// A mutual exclusion lock that blocks the goroutine, not its thread. Works from plain threads as well.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <goro/clock.hpp>

namespace goro {

namespace detail {

class runtime_entry;

// What the fast paths expect of a mutex's word. While GORO_DEBUG=deadlocks=1 has every lock and unlock noted
// (src/diag/lock_graph.cpp) it is what the word never is, and they go the slow way.
struct mutex_words {
  static constexpr std::uint32_t k_never = 8;  // a bit that no word has

  std::atomic<std::uint32_t> free{0};
  std::atomic<std::uint32_t> locked{1};
};
extern constinit mutex_words g_mutex_words;

}  // namespace detail

// Models Lockable and TimedLockable: use it with std::lock_guard, std::unique_lock, std::scoped_lock.
// It has no owner: another goroutine may unlock it; locking it twice in one goroutine blocks for ever
// (GORO_DEBUG=deadlocks=1 reports that, and cycles of several).
// Fairness is Go's: normally a newcomer may overtake the woken waiter; once a waiter has waited for more than
// 1 ms, ownership passes straight to the longest waiter until the queue is short again. unlock() happens
// before the return of any later lock() and of a try_lock() that succeeds; one that fails orders nothing.
// Waiting ignores cancellation.
class mutex {
 public:
  constexpr mutex() noexcept = default;
  mutex(const mutex&) = delete;
  mutex& operator=(const mutex&) = delete;

  // Blocks until the lock is held. Throws nothing.
  void lock() {
    std::uint32_t unlocked = detail::g_mutex_words.free.load(std::memory_order_relaxed);
    if (!state_.compare_exchange_strong(unlocked, k_locked, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      lock_slow(nullptr);
    }
  }

  // Takes the lock if that needs no waiting. Fails while the mutex is locked, or passes from owner to owner
  // in starvation mode.
  [[nodiscard]] bool try_lock() noexcept {
    const std::uint32_t state = state_.load(std::memory_order_relaxed);
    if ((state & k_locked) != 0) return false;
    std::uint32_t unlocked = state | detail::g_mutex_words.free.load(std::memory_order_relaxed);
    return state_.compare_exchange_strong(unlocked, state | k_locked, std::memory_order_acquire,
                                          std::memory_order_relaxed) ||
           try_lock_slow();
  }

  // Blocks until the lock is held or the time is over; true if it is held. A duration <= 0 only tries.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    return try_lock() || try_lock_until(detail::deadline_after(d));
  }
  template <class Clock, class Duration>
  [[nodiscard]] bool try_lock_until(const std::chrono::time_point<Clock, Duration>& tp) {
    const time_point deadline = detail::to_steady(tp);
    return try_lock() || lock_slow(&deadline);
  }

  // Releases the lock and wakes a waiter, if any. Does not block, but hands a starving waiter the caller's
  // turn as well, so the goroutine may go on on another thread. Fatal "sync: unlock of unlocked mutex" if it
  // is not locked.
  void unlock() {
    std::uint32_t locked_only = detail::g_mutex_words.locked.load(std::memory_order_relaxed);
    if (!state_.compare_exchange_strong(locked_only, 0, std::memory_order_release,
                                        std::memory_order_relaxed)) {
      unlock_slow();
    }
  }

 private:
  static constexpr std::uint32_t k_locked = 1;
  static constexpr std::uint32_t k_woken = 2;
  static constexpr std::uint32_t k_waiters = 4;

  bool lock_slow(const time_point* deadline);
  bool lock_unnoted(const time_point* deadline);
  bool lock_noted(const time_point* deadline, std::uintptr_t where);
  bool try_lock_slow() noexcept;
  bool lock_waiting(detail::runtime_entry& entry, const time_point* deadline);
  bool try_once(bool woken);
  bool announce_waiter();
  void unlock_slow();
  void unlock_to_waiter(detail::runtime_entry& entry);

  std::atomic<std::uint32_t> state_{0};
};

}  // namespace goro
