// The slow paths of wait_group: releasing waiters, and waiting.
//
// The word: the counter in the upper half, a mark that somebody waits in the lower. A waiter sets the mark
// under the bucket's lock, and only while the counter is not zero; the add() that brings the counter to zero
// with the mark set takes all waiters out, clears the word and then lets them go. While the counter is zero
// and the mark is set, that add() is on its way and will still touch the word: who comes then queues like the
// others and is let go by it, unless the counter has grown again by then. A mark that a waiter whose time ran
// out has left behind does no harm: whether somebody waits is looked up in the bucket.
#include <goro/error.hpp>
#include <goro/wait_group.hpp>

#include "diag/fatal.hpp"
#include "sched/turn.hpp"
#include "sched/woken_list.hpp"
#include "sync/wait_table.hpp"

namespace goro {

wait_group::~wait_group() {
  if (count(state_.load(std::memory_order_acquire)) != 0) {
    detail::fatal("goro: wait_group destroyed while its counter is not zero");
  }
}

void wait_group::throw_out_of_range() { throw panic("goro: wait_group counter out of range"); }

void wait_group::add_slow(std::uint64_t state, std::int64_t n) {
  if (count(state) < 0) {
    state_.fetch_sub(static_cast<std::uint64_t>(n) << k_count_shift, std::memory_order_relaxed);
    throw panic("sync: negative WaitGroup counter");
  }
  if (n > 0 && count(state) == n) return grow_from_zero(n);
  if (count(state) == 0) release_waiters();
}

// The counter has grown from zero, and there is the mark: misuse if somebody does wait.
void wait_group::grow_from_zero(std::int64_t n) {
  {
    const detail::race_hidden hidden;
    detail::wait_bucket& b = detail::bucket_of(this);
    const detail::lock_guard guard(b.guard);
    if (!detail::first_for(b, this)) return;
    state_.fetch_sub(static_cast<std::uint64_t>(n) << k_count_shift, std::memory_order_relaxed);
  }
  release_waiters();  // whom the add() that brought the counter to zero may have found no longer due
  throw panic("sync: WaitGroup misuse: Add called concurrently with Wait");
}

// Lets all waiters go, if the counter is still zero.
void wait_group::release_waiters() {
  const detail::runtime_entry entry;
  detail::wait_bucket& b = detail::bucket_of(this);
  detail::race_release(&state_);
  detail::woken_list woken;
  {
    const detail::lock_guard guard(b.guard);
    if (count(state_.load(std::memory_order_acquire)) != 0) return;
    while (detail::wait_node* waiter = detail::dequeue_for(b, this)) woken.add(*waiter);
    state_.fetch_and(~k_waiters, std::memory_order_release);
  }
  woken.ready_all(entry.mp());
}

bool wait_group::wait_slow(const time_point* deadline) {
  detail::runtime_entry entry;
  detail::wait_bucket& b = detail::bucket_of(this);
  b.guard.acquire();
  std::uint64_t old = state_.load(std::memory_order_acquire);
  const bool late = deadline && *deadline <= detail::now();
  do {
    if (old == 0 || late) {
      b.guard.release();
      if (old == 0) detail::race_acquire(&state_);
      return old == 0;
    }
  } while (!state_.compare_exchange_weak(old, old | k_waiters, std::memory_order_acquire,
                                         std::memory_order_acquire));
  detail::keyed_wait_node node;
  node.key = this;
  if (!detail::wait(entry, node, b.queue, b.guard, detail::place::last, deadline,
                    detail::wait_reason::semacquire)) {
    return false;
  }
  detail::race_acquire(&state_);
  if (state_.load(std::memory_order_acquire) != 0) {
    throw panic("sync: WaitGroup is reused before previous Wait has returned");
  }
  return true;
}

}  // namespace goro
