// The slow paths of mutex, with Go's two modes of fairness.
//
// The word: locked; waiters (somebody stands, or stood, in the wait table for this address); woken (one
// waiter has been taken out and is on its way to try again: no use waking another).
//
// Normal mode: unlock frees the word and wakes the longest waiter, which competes with newcomers; those run
// already and mostly win, which is fast. A woken one that loses goes back to the front, with the time of its
// first arrival. Starvation mode: when the longest waiter has waited for more than 1 ms, unlock does not free
// the word but hands it over (and gives the turn away too). The word stays locked all the time, so newcomers
// and try_lock fail. It ends when the longest waiter is younger than 1 ms, or there is none.
//
// Nobody spins. Two cores that fight for one word are slower than one (25 ns for a pair of lock and unlock
// against 5 on the reference machine), and a goroutine that parks leaves its P to others, or to sleep.
//
// Invariant: if somebody stands in the table and none is woken, `waiters` is set. It is set under the
// bucket's lock by who queues and cleared under it by who finds nobody, so a waiter whose time runs out just
// leaves.
#include <goro/mutex.hpp>

#include <goro/detail/atomics.hpp>
#include "diag/fatal.hpp"
#include "diag/lock_graph.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"
#include "sync/wait_table.hpp"

namespace goro {

namespace {

constexpr std::int64_t k_starvation = 1'000'000;  // ns

// GORO_DEBUG=deadlocks=1
bool noted() noexcept { return detail::g_mutex_words.free.load(std::memory_order_relaxed) != 0; }

std::uintptr_t place_of_call(const void* return_address) noexcept {
  return reinterpret_cast<std::uintptr_t>(return_address) - 1;
}

}  // namespace

// One attempt; with `woken` it also takes back the mark that the caller is on its way.
bool mutex::try_once(bool woken) {
  std::uint32_t old = state_.load(std::memory_order_relaxed);
  for (;;) {
    const bool free = (old & k_locked) == 0;
    const std::uint32_t wish = (woken ? old & ~k_woken : old) | k_locked;
    if (wish == old) return false;
    if (state_.compare_exchange_weak(old, wish, std::memory_order_acquire, std::memory_order_relaxed))
      return free;
  }
}

// Marks that somebody waits; false if the word has become free meanwhile.
bool mutex::announce_waiter() {
  std::uint32_t old = state_.load(std::memory_order_relaxed);
  do {
    if ((old & k_locked) == 0) return false;
  } while (!state_.compare_exchange_weak(old, old | k_waiters, std::memory_order_relaxed,
                                         std::memory_order_relaxed));
  return true;
}

bool mutex::lock_slow(const time_point* deadline) {
  if (!noted()) [[likely]]
    return lock_unnoted(deadline);
  return lock_noted(deadline, place_of_call(__builtin_return_address(0)));
}

// The wait is over before the mutex is the caller's: see lock_graph.cpp.
bool mutex::lock_noted(const time_point* deadline, std::uintptr_t where) {
  if (!try_once(false)) {
    if (deadline) {
      if (!lock_unnoted(deadline)) return false;
    } else {
      const detail::lock_wait wait(this);
      lock_unnoted(nullptr);
    }
  }
  detail::note_locked(this, where);
  return true;
}

// Somebody else has changed the word, or all is noted.
bool mutex::try_lock_slow() noexcept {
  if (!noted() || !try_once(false)) return false;
  detail::note_locked(this, place_of_call(__builtin_return_address(0)));
  return true;
}

bool mutex::lock_unnoted(const time_point* deadline) {
  if (try_once(false)) return true;
  detail::runtime_entry entry;
  if (!lock_waiting(entry, deadline)) return false;
  detail::race_acquire(&state_);
  return true;
}

bool mutex::lock_waiting(detail::runtime_entry& entry, const time_point* deadline) {
  detail::wait_bucket& b = detail::bucket_of(this);
  std::int64_t since = 0;
  bool woken = false;
  for (;;) {
    if (try_once(woken)) return true;
    if (deadline && *deadline <= detail::now()) return false;
    b.guard.acquire();
    if (!announce_waiter()) {
      b.guard.release();
      woken = false;
      continue;
    }
    detail::keyed_wait_node node;
    node.key = this;
    node.since = since != 0 ? since : detail::now_ns();
    const auto where = since != 0 ? detail::place::first : detail::place::last;
    since = node.since;
    if (!detail::wait(entry, node, b.queue, b.guard, where, deadline, detail::wait_reason::mutex_lock))
      return false;
    if (node.delivered) return true;  // handed over
    woken = true;
  }
}

void mutex::unlock_slow() {
  if (noted()) [[unlikely]]
    detail::note_unlocked(this);
  detail::runtime_entry entry;  // who is fought for the lock may be wanted elsewhere
  detail::race_release(&state_);
  std::uint32_t old = state_.load(std::memory_order_relaxed);
  do {
    if ((old & k_locked) == 0) detail::fatal("sync: unlock of unlocked mutex");
    if ((old & k_waiters) != 0 && (old & k_woken) == 0) return unlock_to_waiter(entry);
  } while (!state_.compare_exchange_weak(old, old & ~k_locked, std::memory_order_release,
                                         std::memory_order_relaxed));
}

// Nothing of *this is touched after the bucket's release: the next owner may destroy it.
void mutex::unlock_to_waiter(detail::runtime_entry& entry) {
  detail::wait_bucket& b = detail::bucket_of(this);
  b.guard.acquire();
  // Another unlock of the same lock() may have come in between.
  if ((state_.load(std::memory_order_relaxed) & (k_locked | k_woken)) != k_locked) {
    detail::fatal("sync: unlock of unlocked mutex");
  }
  detail::keyed_wait_node* n = detail::dequeue_for(b, this);
  const std::uint32_t left = n && detail::first_for(b, this) ? k_waiters : 0;
  const bool starving = n && detail::now_ns() - n->since > k_starvation;
  const detail::resumable who = n ? n->who : detail::resumable();
  if (starving) {
    n->delivered = true;
    state_.store(k_locked | left, std::memory_order_release);
  } else {
    state_.store(n ? k_woken | left : 0, std::memory_order_release);
  }
  b.guard.release();
  if (!n) return;
  detail::ready(entry.mp(), who);
  if (starving) detail::hand_over_turn(entry);
}

}  // namespace goro
