// Many readers or one writer.
#pragma once

#include <cstdint>

#include <goro/detail/lock.hpp>
#include <goro/detail/race.hpp>
#include <goro/detail/wait_queue.hpp>
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
    if (detail::race_checks_program() || !enter_shared()) lock_shared_slow();
  }
  // Fails only if a writer holds it, or waits for it. Does not block.
  [[nodiscard]] bool try_lock_shared() noexcept {
    return detail::race_checks_program() ? try_lock_shared_told() : enter_shared();
  }
  // Does not block. Fatal "sync: RUnlock of unlocked RWMutex" if no reader holds it.
  void unlock_shared() {
    if (detail::race_checks_program() || !leave_shared()) unlock_shared_slow();
  }

 private:
  // One more reader, unless there is a writer.
  bool enter_shared() noexcept {
    const detail::lock_guard guard(guard_, detail::current_lock_places());
    if (writer_) return false;
    ++readers_;
    return true;
  }
  // One less, unless a writer may wait for that, or it is a mistake.
  bool leave_shared() noexcept {
    const detail::lock_guard guard(guard_, detail::current_lock_places());
    if (writer_ || readers_ == 0) return false;
    --readers_;
    return true;
  }

  bool try_lock_shared_told() noexcept;
  void lock_shared_slow();
  void unlock_shared_slow();
  void race_acquire_all() const noexcept;

  mutex writers_;  // one of them at a time
  // It guards all but writers_. A word that readers count themselves in takes two locked instructions, 10.6
  // ns for an entry and an exit; this lock is biased towards who uses it alone.
  detail::lock guard_;
  bool writer_ = false;
  std::uint64_t readers_ = 0;  // inside
  detail::wait_queue waiting_readers_;
  detail::wait_queue waiting_writer_;
};

}  // namespace goro
