// A mutual exclusion lock that blocks the goroutine, not its thread. Works from plain threads as well.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include <goro/clock.hpp>
#include <goro/detail/lock.hpp>
#include <goro/detail/race.hpp>
#include <goro/detail/wait_queue.hpp>

namespace goro {

namespace detail {

class runtime_entry;

// The bits of a mutex's state, and what the fast paths expect to find there, with k_woken added: whether a
// waiter is on its way makes no difference to them. While GORO_DEBUG=deadlocks=1 has every lock and unlock
// noted (src/diag/lock_graph.cpp) they expect what no mutex is ever in, and go the slow way.
struct mutex_states {
  static constexpr std::uint32_t k_locked = 1;
  static constexpr std::uint32_t k_woken = 2;
  static constexpr std::uint32_t k_never = 8;

  std::atomic<std::uint32_t> free{k_woken};
  std::atomic<std::uint32_t> locked{k_locked | k_woken};
};
extern constinit mutex_states g_mutex_states;

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
    if (detail::race_checks_program() || !take_free()) [[unlikely]]
      lock_slow(nullptr);
  }

  // Takes the lock if that needs no waiting. Fails while the mutex is locked, or passes from owner to owner
  // in starvation mode. Does not block.
  [[nodiscard]] bool try_lock() noexcept {
    if (detail::race_checks_program()) return try_lock_slow();
    return !is_locked() && (take_free() || try_lock_slow());
  }

  // Blocks until the lock is held or the time is over; true if it is held. A duration <= 0 only tries.
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& d) {
    if (try_lock()) return true;
    const time_point deadline = detail::deadline_after(d);
    return lock_slow(&deadline);
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
    if (detail::race_checks_program() || !free_alone()) [[unlikely]]
      unlock_slow();
  }

 private:
  static constexpr std::uint32_t k_locked = detail::mutex_states::k_locked;
  static constexpr std::uint32_t k_woken = detail::mutex_states::k_woken;

  // Under the guard.
  std::uint32_t state() const noexcept { return state_.load(std::memory_order_relaxed); }
  static bool is(std::uint32_t state, const std::atomic<std::uint32_t>& expected) noexcept {
    return (state | k_woken) == expected.load(std::memory_order_relaxed);
  }
  bool is_locked() const noexcept { return (state() & k_locked) != 0; }
  bool is_woken() const noexcept { return (state() & k_woken) != 0; }
  void set(std::uint32_t state) noexcept { state_.store(state, std::memory_order_relaxed); }
  void add(std::uint32_t bits) noexcept { set(state() | bits); }
  void remove(std::uint32_t bits) noexcept { set(state() & ~bits); }

  bool take_free() noexcept {
    const detail::lock_guard guard(guard_, detail::current_lock_places());
    const std::uint32_t now = state();
    if (!is(now, detail::g_mutex_states.free)) [[unlikely]]
      return false;
    set(now | k_locked);
    return true;
  }
  // False: somebody is to be woken, or it is a mistake.
  bool free_alone() noexcept {
    const detail::lock_guard guard(guard_, detail::current_lock_places());
    const std::uint32_t now = state();
    if (!is(now, detail::g_mutex_states.locked)) [[unlikely]]
      return false;
    if (waiters_.first.load(std::memory_order_relaxed) && (now & k_woken) == 0) [[unlikely]]
      return false;
    set(now & ~k_locked);
    return true;
  }

  bool lock_slow(const time_point* deadline);
  bool lock_unnoted(const time_point* deadline);
  bool lock_noted(const time_point* deadline, std::uintptr_t where);
  bool try_lock_slow() noexcept;
  bool try_unnoted() noexcept;
  void unlock_slow();

  // A word of its own takes two compare-and-swaps, 9.8 ns for a lock and an unlock; this lock, which guards
  // the rest, is biased towards who uses it alone.
  detail::lock guard_;
  std::atomic<std::uint32_t> state_{0};  // written under the guard; a try that fails looks without it
  detail::wait_queue waiters_;
};

}  // namespace goro
