// Who waits, and how to let it go on.
//
// The one protocol of blocking:
//   1. take the lock of the object;  2. look: if there is nothing to wait for, done;  3. wait(): queues a
//   wait_node that lives on the waiter's stack, and releases the lock once the waiter is off its stack. The
//   waker takes the lock, takes a node out of the queue, writes its result, releases the lock, calls ready().
// The lock is what makes "published" and "parked" one step: nobody can find the node before it may be made
// ready.
//
// A wait that can also end in another way (a deadline, or a select, which stands in several queues) has a
// claim word: whoever changes it from 0 has won and makes the waiter ready; everybody else leaves it alone. A
// node whose claim is lost may still stand in a queue: dequeue() drops it.
#pragma once

#include <atomic>
#include <cstdint>

#include <goro/clock.hpp>
#include <goro/detail/chan_core.hpp>
#include <goro/detail/lock.hpp>
#include <goro/detail/race.hpp>

#include "os/futex.hpp"
#include "sched/claim.hpp"
#include "sched/wait_reason.hpp"

namespace goro::detail {

struct goroutine;

// A plain thread that waits. `counted`: it has no deadline, so it stands in scheduler::foreign_waiting, and
// whoever wakes it takes it out of there first: a thread that is about to wake up is not a sign of a
// deadlock.
struct thread_waiter {
  note wake;
  bool counted = false;
};

// Anything that can be resumed: a goroutine, or a plain thread. One word; the low bit tells which. A third
// kind (a coroutine) has the next bit.
class resumable {
 public:
  resumable() noexcept = default;
  explicit resumable(goroutine* gp) noexcept : bits_(reinterpret_cast<std::uintptr_t>(gp)) {}
  explicit resumable(thread_waiter* n) noexcept : bits_(reinterpret_cast<std::uintptr_t>(n) | k_thread) {}

  goroutine* as_goroutine() const noexcept {
    if (is_thread()) return nullptr;
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<goroutine*>(bits_);
  }
  bool is_thread() const noexcept { return (bits_ & k_thread) != 0; }
  bool is_set() const noexcept { return bits_ != 0; }
  thread_waiter* as_thread() const noexcept {
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return reinterpret_cast<thread_waiter*>(bits_ & ~k_thread);
  }

 private:
  static constexpr std::uintptr_t k_thread = 1;
  std::uintptr_t bits_ = 0;
};

struct machine;
class runtime_entry;

// Lets a waiter go on. `mp` is the calling machine, null on a plain thread. The waiter's stack may be gone
// when this returns. (turn.hpp)
void ready(machine* mp, resumable who) noexcept;
void wake_thread(resumable who) noexcept;

struct wait_node {
  wait_node* next = nullptr;
  wait_node* prev = nullptr;
  resumable who;
  void* element = nullptr;      // what the object wants to move from or to
  claim_word* claim = nullptr;  // null: only the queue's owner can end this wait
  bool queued = false;          // guarded by the queue's lock
  bool delivered = false;       // the waker's answer; false also means "closed"
  bool won = false;             // a waker has ended the wait by this node, where there are several
#if defined(GORO_TSAN)
  const void* race_slot = nullptr;  // of a buffer; the thread that waits here has got what went through it
#endif
};

// The owner of the node goes on, and sees what its waker has done before (detail/race.hpp).
inline void race_arrive([[maybe_unused]] const wait_node& n) noexcept {
#if defined(GORO_TSAN)
  race_acquire(&n);
  if (n.race_slot) race_acquire(n.race_slot);
#endif
}

// The queue's lock is held by who calls these.

inline wait_node* first_of(const wait_queue& q) noexcept { return q.first.load(std::memory_order_relaxed); }
inline void set_first(wait_queue& q, wait_node* n) noexcept { q.first.store(n, std::memory_order_relaxed); }

inline void enqueue(wait_queue& q, wait_node& n) noexcept {
  n.prev = q.last;
  n.next = nullptr;
  q.last ? void(q.last->next = &n) : set_first(q, &n);
  q.last = &n;
  n.queued = true;
}

inline void enqueue_first(wait_queue& q, wait_node& n) noexcept {
  n.next = first_of(q);
  n.prev = nullptr;
  (n.next ? n.next->prev : q.last) = &n;
  set_first(q, &n);
  n.queued = true;
}

inline void unlink(wait_queue& q, wait_node& n) noexcept {
  n.prev ? void(n.prev->next = n.next) : set_first(q, n.next);
  (n.next ? n.next->prev : q.last) = n.prev;
  n.queued = false;
}

// Takes out the first one; null if there is none.
inline wait_node* pop_first(wait_queue& q) noexcept {
  wait_node* const n = first_of(q);
  if (!n) return nullptr;
  wait_node* const next = n->next;
  set_first(q, next);
  (next ? next->prev : q.last) = nullptr;
  n->queued = false;
  return n;
}

// True if the caller is the one who ends this wait.
inline bool try_claim(wait_node& n, claimed winner) noexcept { return !n.claim || n.claim->take(winner); }

// Takes out the longest waiter whose wait the caller may end; null if there is none.
inline wait_node* dequeue(wait_queue& q) noexcept {
  while (wait_node* n = pop_first(q)) {
    if (try_claim(*n, claimed::by_waker)) {
      n->won = true;
      return n;
    }
  }
  return nullptr;
}

// Does anybody wait whose wait can be ended? Takes out those who cannot.
inline bool anybody_waits(wait_queue& q) noexcept {
  while (wait_node* n = first_of(q)) {
    if (!n->claim || n->claim->is_open()) return true;
    unlink(q, *n);
  }
  return false;
}

// Where a waiter stands: mostly last; first if it has been woken before and lost the race for what it waits
// for; or where it has been queued already.
enum class place { last, first, present };

// Blocks the caller, a goroutine or a thread, which holds `l`: queues n and releases the lock once the caller
// is off its stack. Returns true when a waker has claimed the node, false when the deadline came first: then
// the node is out of the queue again. The lock is not held afterwards. (turn.hpp)
bool wait(runtime_entry& entry, wait_node& n, wait_queue& q, lock& l, place where, const time_point* deadline,
          wait_reason reason) noexcept;

// The same for those who are not goroutines (`mp` is null), or have a deadline.
struct wait_end {
  machine* mp;
  bool woken;
};
wait_end wait_otherwise(machine* mp, wait_node& n, wait_queue& q, lock& l, place where,
                        const time_point* deadline, wait_reason reason) noexcept;

inline void enqueue_at(place where, wait_queue& q, wait_node& n) noexcept {
  if (where == place::last) enqueue(q, n);
  if (where == place::first) enqueue_first(q, n);
}

// Nobody will ever end this wait. Returns never.
void block_for_ever(wait_reason reason);

// Sleeps, with a reason to show.
void sleep_until(time_point deadline, wait_reason reason);

}  // namespace goro::detail
