// The slow paths of shared_mutex.
//
// Readers count themselves in the word, whether they may enter or not; a writer sets its mark there and so
// learns how many are inside. From then on who comes waits, and who leaves counts down for the writer
// (leaving_). When the writer goes it takes the mark back, and with it learns how many have come meanwhile:
// those it lets in, all at once, before the next writer can set its mark.
//
// Both kinds of waiting are permits under `guard`: an admission that comes before its waiter is kept for it.
// Hence a reader that has been counted, but has not queued yet, is not forgotten, and one that comes after
// the writer's unlock needs none.
//
// A writer adds the number of readers to leaving_, readers take one away: whoever brings it to zero lets the
// writer in. Before the writer has added it is below zero, which nobody takes for zero.
#include <goro/shared_mutex.hpp>

#include "diag/fatal.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro {

// The writer's mark, and what the word was before.
std::uint64_t shared_mutex::enter_alone() noexcept {
  const detail::race_hidden hidden;
  return state_.fetch_or(k_writer, std::memory_order_acquire);
}

std::uint64_t shared_mutex::leave_alone() noexcept {
  const detail::race_hidden hidden;
  detail::race_release(&state_);
  return state_.fetch_and(~k_writer, std::memory_order_release);
}

void shared_mutex::race_acquire_all() const noexcept {
  const detail::race_hidden hidden;
  detail::race_acquire(&state_);
  detail::race_acquire(&leaving_);
}

void shared_mutex::lock() {
  writers_.lock();
  const std::uint64_t before = enter_alone();
  if (const auto readers = static_cast<std::int64_t>(before / k_reader); readers != 0)
    wait_for_readers(readers);
  race_acquire_all();
}

bool shared_mutex::try_lock() {
  if (!writers_.try_lock()) return false;
  std::uint64_t nobody = 0;
  if (state_.compare_exchange_strong(nobody, k_writer, std::memory_order_acquire,
                                     std::memory_order_relaxed)) {
    race_acquire_all();
    return true;
  }
  writers_.unlock();
  return false;
}

void shared_mutex::wait_for_readers(std::int64_t readers) {
  detail::runtime_entry entry;
  if (leaving_.fetch_add(readers, std::memory_order_acq_rel) + readers == 0) return;
  guard_.acquire();
  if (admitted_writer_) {
    admitted_writer_ = false;
    guard_.release();
    return;
  }
  detail::wait_node node;
  detail::wait(entry, node, waiting_writer_, guard_, detail::place::last, nullptr,
               detail::wait_reason::rwmutex_lock);
}

void shared_mutex::unlock() {
  const std::uint64_t before = leave_alone();
  if ((before & k_writer) == 0) detail::fatal("sync: Unlock of unlocked RWMutex");
  if (const auto readers = static_cast<std::int64_t>(before / k_reader); readers != 0)
    let_readers_in(readers);
  writers_.unlock();
}

void shared_mutex::let_readers_in(std::int64_t readers) {
  const detail::runtime_entry entry;
  detail::woken_list woken;
  {
    const detail::lock_guard guard(guard_);
    for (; readers != 0; --readers) {
      detail::wait_node* n = detail::dequeue(waiting_readers_);
      if (!n) break;
      woken.add(*n);
    }
    admitted_readers_ += readers;
  }
  woken.ready_all(entry.mp());
}

void shared_mutex::lock_shared_slow() {
  detail::runtime_entry entry;
  guard_.acquire();
  if (admitted_readers_ != 0) {
    --admitted_readers_;
    guard_.release();
    detail::race_acquire(&state_);
    return;
  }
  detail::wait_node node;
  detail::wait(entry, node, waiting_readers_, guard_, detail::place::last, nullptr,
               detail::wait_reason::rwmutex_rlock);
  detail::race_acquire(&state_);
}

void shared_mutex::unlock_shared_slow(std::uint64_t before) {
  if (before < k_reader) detail::fatal("sync: RUnlock of unlocked RWMutex");
  const detail::runtime_entry entry;
  if (leaving_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  detail::resumable writer;
  {
    const detail::lock_guard guard(guard_);
    if (const detail::wait_node* n = detail::dequeue(waiting_writer_)) {
      writer = n->who;
    } else {
      admitted_writer_ = true;
    }
  }
  if (writer.is_set()) detail::ready(entry.mp(), writer);
}

}  // namespace goro
