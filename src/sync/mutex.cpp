// The slow paths of mutex, with Go's two modes of fairness.
//
// Its state: locked; woken (one waiter has been taken out of the queue and is on its way to try again: no use
// waking another). It and the queue are guarded by `guard_`, for some instructions each time.
//
// Normal mode: unlock frees the mutex and wakes the longest waiter, which competes with newcomers; those run
// already and mostly win, which is fast. A woken one that loses goes back to the front, with the time of its
// first arrival. Starvation mode: when the longest waiter has waited for more than 1 ms, unlock does not free
// the mutex but hands it over (and gives the turn away too). It stays locked all the time, so newcomers and
// try_lock fail. It ends when the longest waiter is younger than 1 ms, or there is none.
//
// Nobody spins. Two cores that fight for one mutex are slower than one, and a goroutine that parks leaves its
// P to others, or to sleep. How soon a woken waiter gets a core of its own: sched/lock_trial.hpp. Until it
// runs, lock() and unlock() go their short way, and nobody else is woken.
//
// Nothing of *this is touched after the release of `guard_` by who unlocks: the next owner may destroy it.
#include <goro/mutex.hpp>

#include "diag/fatal.hpp"
#include "diag/lock_graph.hpp"
#include "os/clock.hpp"
#include "sched/turn.hpp"

namespace goro {

namespace {

constexpr std::int64_t k_starvation = 1'000'000;  // ns

struct mutex_wait_node : detail::wait_node {
  std::int64_t since = 0;  // when the waiting began
};

// GORO_DEBUG=deadlocks=1
bool noted() noexcept {
  return detail::g_mutex_states.free.load(std::memory_order_relaxed) == detail::mutex_states::k_never;
}

std::uintptr_t place_of_call(const void* return_address) noexcept {
  return reinterpret_cast<std::uintptr_t>(return_address) - 1;
}

}  // namespace

bool mutex::lock_slow(const time_point* deadline) {
  if (!noted()) [[likely]]
    return lock_unnoted(deadline);
  return lock_noted(deadline, place_of_call(__builtin_return_address(0)));
}

// The wait is over before the mutex is the caller's: see lock_graph.cpp.
bool mutex::lock_noted(const time_point* deadline, std::uintptr_t where) {
  if (!try_unnoted()) {
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

// All is noted, or told to ThreadSanitizer; or it is locked.
bool mutex::try_lock_slow() noexcept {
  if (!try_unnoted()) return false;
  if (noted()) detail::note_locked(this, place_of_call(__builtin_return_address(0)));
  return true;
}

bool mutex::try_unnoted() noexcept {
  const detail::runtime_entry entry;
  const detail::lock_guard guard(guard_, entry.places());
  if (is_locked()) return false;
  add(k_locked);
  detail::race_acquire(&state_);
  return true;
}

bool mutex::lock_unnoted(const time_point* deadline) {
  detail::runtime_entry entry;  // who is fought for the lock may be wanted elsewhere
  std::int64_t since = 0;
  bool woken = false;
  for (;;) {
    guard_.acquire(entry.places());
    if (woken) remove(k_woken);  // this one
    if (!is_locked()) {
      add(k_locked);
      guard_.release();
      break;
    }
    if (deadline && *deadline <= detail::now()) {
      guard_.release();
      return false;
    }
    mutex_wait_node node;
    if (!woken) since = detail::now_ns();
    node.since = since;
    detail::note_lock_wait(entry.mp(), this);
    const auto where = woken ? detail::place::first : detail::place::last;
    if (!detail::wait(entry, node, waiters_, guard_, where, deadline, detail::wait_reason::mutex_lock))
      return false;
    if (node.delivered) break;  // handed over
    woken = true;
  }
  detail::race_acquire(&state_);
  return true;
}

void mutex::unlock_slow() {
  if (noted()) [[unlikely]]
    detail::note_unlocked(this);
  detail::runtime_entry entry;
  guard_.acquire(entry.places());
  if (!is_locked()) detail::fatal("sync: unlock of unlocked mutex");
  detail::race_release(&state_);
  auto* const n = is_woken() ? nullptr : static_cast<mutex_wait_node*>(detail::dequeue(waiters_));
  const bool starving = n && detail::now_ns() - n->since > k_starvation;
  const detail::resumable who = n ? n->who : detail::resumable();
  if (starving) {
    n->delivered = true;
  } else {
    remove(k_locked);
    if (n) add(k_woken);
  }
  guard_.release();
  if (!n) return;
  detail::ready(entry.mp(), who);
  detail::note_lock_wake(entry.mp(), who, this);
  if (starving) detail::hand_over_turn(entry);
}

}  // namespace goro
