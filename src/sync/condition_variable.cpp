// Condition variables.
//
// A waiter must be in the queue before it gives up the mutex, or a notification in between would be lost; but
// it cannot park before that, because whoever gets the mutex may be needed to go on. So it waits in two
// steps:
//
//   1. under `guard`: queue the node, which names nobody yet;  2. unlock the mutex;
//   3. under `guard` again: if the node has been taken out, it was notified meanwhile; else park.
//
// Who notifies takes out the first node under `guard`, marks it, and makes its owner ready if there is one; a
// node without an owner may be gone as soon as the guard is released. So nobody is notified twice, and the
// order is that of step 1.
#include <goro/condition_variable.hpp>

#include <goro/error.hpp>

#include "sched/turn.hpp"
#include "sched/woken_list.hpp"

namespace goro {

namespace {

// Takes out who has waited longest; true if it is to be made ready.
bool take_first(detail::wait_queue& q, detail::wait_node*& n) noexcept {
  n = detail::dequeue(q);
  if (!n) return false;
  n->delivered = true;
  detail::race_release(n);
  return n->who.is_set();
}

}  // namespace

bool condition_variable::wait_until_notified(std::unique_lock<mutex>& held, const time_point* deadline) {
  if (!held.owns_lock()) throw panic("goro: wait on a condition_variable without the lock");
  detail::wait_node node;
  {
    const detail::race_hidden hidden;
    const detail::lock_guard guard(guard_);
    detail::enqueue(waiters_, node);
  }
  held.unlock();
  bool notified = true;
  {
    detail::runtime_entry entry;
    guard_.acquire();
    if (node.queued) {
      notified = detail::wait(entry, node, waiters_, guard_, detail::place::present, deadline,
                              detail::wait_reason::cond_wait);
    } else {
      guard_.release();
      detail::race_acquire(&node);
    }
  }
  held.lock();
  return notified;
}

void condition_variable::notify_one() noexcept {
  const detail::runtime_entry entry;
  detail::resumable who;
  {
    const detail::lock_guard guard(guard_);
    detail::wait_node* n = nullptr;
    if (take_first(waiters_, n)) who = n->who;
  }
  if (who.is_set()) detail::ready(entry.mp(), who);
}

void condition_variable::notify_all() noexcept {
  const detail::runtime_entry entry;
  detail::woken_list woken;
  {
    const detail::lock_guard guard(guard_);
    detail::wait_node* n = nullptr;
    do {
      if (take_first(waiters_, n)) woken.add(*n);
    } while (n);
  }
  woken.ready_all(entry.mp());
}

}  // namespace goro
