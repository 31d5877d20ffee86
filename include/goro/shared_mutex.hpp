// Many readers or one writer.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/detail/chan_core.hpp>
#include <goro/detail/lock.hpp>
#include <goro/detail/race.hpp>
#include <goro/mutex.hpp>

namespace goro {

// A mutex that is held by one writer (lock) or any number of readers (lock_shared; use std::shared_lock). It
// blocks goroutines, not their threads; plain threads may use it too. A writer that waits holds back new
// readers, so writers do not starve; the readers that have queued behind it run before the next writer. No
// owner: another goroutine may unlock it. Not recursive: a second lock_shared by one goroutine deadlocks with
// a writer in between. unlock happens before a later lock or lock_shared returns, unlock_shared before the
// next lock returns. Waiting ignores cancellation. Misuse is fatal. (sync.RWMutex)
class shared_mutex {
 public:
  constexpr shared_mutex() noexcept = default;
  shared_mutex(const shared_mutex&) = delete;
  shared_mutex& operator=(const shared_mutex&) = delete;

  // Blocks until it is held by the caller alone.
  void lock();
  // Takes it if nobody holds it, nor waits to write. Does not block.
  [[nodiscard]] bool try_lock();
  // Lets the readers in who have waited, then the next writer. Does not block. Fatal
  // "sync: Unlock of unlocked RWMutex" if no writer holds it.
  void unlock();

  // Blocks while a writer holds it, or waits for it.
  void lock_shared() {
    if (!enter_shared()) lock_shared_slow();
  }
  // Fails only if a writer holds it, or waits for it. Does not block.
  [[nodiscard]] bool try_lock_shared() noexcept {
    const detail::race_hidden hidden;
    std::uint64_t state = state_.load(std::memory_order_relaxed);
    do {
      if ((state & k_writer) != 0) return false;
    } while (!state_.compare_exchange_weak(state, state + k_reader, std::memory_order_acquire,
                                           std::memory_order_relaxed));
    detail::race_acquire(&state_);
    return true;
  }
  // Does not block. Fatal "sync: RUnlock of unlocked RWMutex" if no reader holds it.
  void unlock_shared() {
    const std::uint64_t before = leave_shared();
    if (before < k_reader || (before & k_writer) != 0) unlock_shared_slow(before);
  }

 private:
  // For ThreadSanitizer (detail/race.hpp) writers release state_ and readers leaving_: readers are not
  // ordered among each other (MM-11), so it must not see how they count themselves.

  // The word: does a writer hold it, or wait for the readers to leave? And how many readers hold it, or have
  // come since.
  static constexpr std::uint64_t k_writer = 1;
  static constexpr std::uint64_t k_reader = 2;

  bool enter_shared() noexcept {
    const detail::race_hidden hidden;
    const bool held = (state_.fetch_add(k_reader, std::memory_order_acquire) & k_writer) == 0;
    if (held) detail::race_acquire(&state_);
    return held;
  }
  std::uint64_t leave_shared() noexcept {
    const detail::race_hidden hidden;
    detail::race_release(&leaving_);
    return state_.fetch_sub(k_reader, std::memory_order_release);
  }
  std::uint64_t enter_alone() noexcept;
  std::uint64_t leave_alone() noexcept;
  void lock_shared_slow();
  void unlock_shared_slow(std::uint64_t before);
  void wait_for_readers(std::int64_t readers);
  void race_acquire_all() const noexcept;
  void let_readers_in(std::int64_t readers);

  mutex writers_;  // one of them at a time
  std::atomic<std::uint64_t> state_{0};
  std::atomic<std::int64_t> leaving_{0};  // readers for whom the writer waits; below zero for a moment
  detail::lock guard_;
  // The rest is guarded by it.
  detail::wait_queue waiting_readers_;
  detail::wait_queue waiting_writer_;
  std::int64_t admitted_readers_ = 0;  // let in, but not here yet
  bool admitted_writer_ = false;
};

}  // namespace goro
