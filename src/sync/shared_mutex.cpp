// The slow paths of shared_mutex.
//
// A writer first takes `writers_`, which is a mutex with its fairness, and so is alone with the readers. It
// sets its mark; from then on who comes to read waits. If there are readers inside it waits for the last of
// them to leave. When it goes it takes the mark back and lets those in who have come meanwhile, all at once,
// before the next writer can set its mark.
//
// Everything but `writers_` is guarded by `guard_`, and who is let in is counted by whoever lets it in: a
// reader that has waited is inside when it is woken. A writer that has its mark, and is not in the queue,
// holds the lock.
//
// ThreadSanitizer (detail/race.hpp) is told what is promised: writers release `writer_` and readers
// `readers_`, because readers are not ordered among each other (MM-11).
#include <goro/shared_mutex.hpp>

#include "diag/fatal.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro {

void shared_mutex::race_acquire_all() const noexcept {
  detail::race_acquire(&writer_);
  detail::race_acquire(&readers_);
}

void shared_mutex::lock() {
  writers_.lock();
  detail::runtime_entry entry;
  guard_.acquire(entry.places());
  writer_ = true;
  if (readers_ != 0) {
    detail::note_lock_wait(entry.mp(), this);
    detail::wait_node node;
    detail::wait(entry, node, waiting_writer_, guard_, detail::place::last, nullptr,
                 detail::wait_reason::rwmutex_lock);
  } else {
    guard_.release();
  }
  race_acquire_all();
}

bool shared_mutex::try_lock() {
  if (!writers_.try_lock()) return false;
  {
    const detail::runtime_entry entry;
    const detail::lock_guard guard(guard_, entry.places());
    if (readers_ == 0) {
      writer_ = true;
      race_acquire_all();
      return true;
    }
  }
  writers_.unlock();
  return false;
}

void shared_mutex::unlock() {
  {
    const detail::runtime_entry entry;
    detail::woken_list woken;
    {
      const detail::lock_guard guard(guard_, entry.places());
      if (!writer_ || readers_ != 0) detail::fatal("sync: Unlock of unlocked RWMutex");
      detail::race_release(&writer_);
      writer_ = false;
      while (detail::wait_node* n = detail::dequeue(waiting_readers_)) {
        ++readers_;
        woken.add(*n);
      }
    }
    woken.ready_all(entry.mp());
  }
  writers_.unlock();
}

bool shared_mutex::try_lock_shared_told() noexcept {
  const detail::runtime_entry entry;
  if (!enter_shared()) return false;
  detail::race_acquire(&writer_);
  return true;
}

void shared_mutex::lock_shared_slow() {
  detail::runtime_entry entry;
  guard_.acquire(entry.places());
  if (!writer_) {
    ++readers_;
    guard_.release();
  } else {
    detail::note_lock_wait(entry.mp(), this);
    detail::wait_node node;
    detail::wait(entry, node, waiting_readers_, guard_, detail::place::last, nullptr,
                 detail::wait_reason::rwmutex_rlock);
  }
  detail::race_acquire(&writer_);
}

void shared_mutex::unlock_shared_slow() {
  const detail::runtime_entry entry;
  detail::resumable writer;
  {
    const detail::lock_guard guard(guard_, entry.places());
    if (readers_ == 0) detail::fatal("sync: RUnlock of unlocked RWMutex");
    detail::race_release(&readers_);
    if (--readers_ == 0 && writer_) writer = detail::dequeue(waiting_writer_)->who;
  }
  if (!writer.is_set()) return;
  detail::ready(entry.mp(), writer);
  detail::note_lock_wake(entry.mp(), writer, this);
}

}  // namespace goro
