// The hot path of the scheduler: making ready, choosing the next one, switching. All of it inline, because a
// hand-over between two goroutines runs through it twice and is to cost some tens of nanoseconds in all.
// (Left to the compiler, some of it is called instead, with arguments and registers saved on the stack: 3 to
// 5 % more for ping-pong and the prime sieve.)
//
// A switch goes from the running goroutine (or the scheduler's own stack) straight to the next one. What must
// happen to the one that is left, once nobody stands on its stack, is noted in the machine and done by
// whoever arrives: the resumed goroutine, a new one, or the scheduler. So a parking goroutine keeps the lock
// of the queue where it has published itself until it is really off its stack, and no waker can resume it too
// early.
//
// Bound to the thread, and therefore swapped here: the C++ exception state (a goroutine may park inside a
// catch block or in a destructor during unwinding) and errno. Both are reached through pointers that the
// machine looked up once, never through thread-local storage: after the switch it may be another machine's
// thread.
#pragma once

#include <utility>

#include "arch/switch.hpp"
#include "sched/scheduler.hpp"
#include "sched/waiter.hpp"

namespace goro::detail {

// --- choosing (the rules and the rare cases are in schedule.cpp) ---

inline constexpr std::uint64_t k_care_period = 8;

// Every k_care_period turns: who comes before the usual one, if anybody?
struct careful_choice {
  goroutine* gp = nullptr;
  bool scheduler = false;  // nobody may be chosen here: the scheduler's own stack must have the turn
};
careful_choice pick_with_care(processor* pp, std::uint64_t tick, bool scheduler_has_looked) noexcept;

// This P's share of the global queue: one is returned, the others go to its own queue.
goroutine* pick_share(processor* pp) noexcept;

// Null: nobody waits, or the scheduler's own stack must have the turn. Not for timers and the poller if it
// has just looked after them: a timer that is due again as soon as it has fired would keep all others from
// theirs.
[[gnu::always_inline]] inline goroutine* pick_local(processor* pp,
                                                    bool scheduler_has_looked = false) noexcept {
  const std::uint64_t tick = pp->tick.load(std::memory_order_relaxed) + 1;
  goroutine* gp = nullptr;
  if (tick % k_care_period == 0) [[unlikely]] {
    const careful_choice choice = pick_with_care(pp, tick, scheduler_has_looked);
    if (choice.scheduler) return nullptr;
    gp = choice.gp;
  }
  if (!gp) gp = pp->queue.pick([pp] { pp->slice_start = 0; });
  if (!gp && sched.global.size() != 0) gp = pick_share(pp);
  // Only a turn that is given counts: a goroutine that yields alone must not look like a P that moves on.
  if (gp) pp->tick.store(tick, std::memory_order_relaxed);
  return gp;
}

// Between two turns: somebody wants something of this machine. False if the scheduler's own stack must have
// the turn.
bool heed_call(machine* mp) noexcept;

// The caller goes to the end of the queue; `next` has the turn, or the scheduler. (schedule.cpp)
machine* requeue(machine* mp, goroutine* next) noexcept;

// The caller's time slice is over: it goes behind all others but those who have not begun, also behind those
// whom timers, the poller and plain threads have made ready meanwhile, and these go before those who have
// waited here. (schedule.cpp)
machine* preempt(machine* mp) noexcept;

// pick_next() for a machine that is called, whose turns are recorded, or whose fences are symmetric.
goroutine* pick_attentively(machine* mp) noexcept;

// Who has the turn after the running goroutine; null: the scheduler decides.
[[gnu::always_inline]] inline goroutine* pick_next(machine* mp) noexcept {
  if (mp->hold.noted()) [[unlikely]]
    return pick_attentively(mp);
  return pick_local(mp->pp);
}

// --- switching ---

departure goroutine_main(machine* mp);  // the first function on every stack (switch.cpp)

// A pass over the parked goroutines has got hold of this one, or has noticed it. (stack/parked.cpp)
void come_back(goroutine* gp) noexcept;

// `state` is running, or that of a locked one; that it was runnable has been seen.
inline void start_turn(machine* mp, goroutine* gp, g_status state = g_status::running) noexcept {
  gp->status.store(state, std::memory_order_release);  // pairs with snapshot()
  std::atomic_signal_fence(
      std::memory_order_seq_cst);  // [MO-7]: light_fence(), on whose asymmetry the passes insist
  if (gp->parked.load(std::memory_order_relaxed) != parked_state::untouched) [[unlikely]]
    come_back(gp);
  gp->sp.store(nullptr, std::memory_order_relaxed);
  mp->curg = gp;
}

// Done by whoever arrives, for the one that was left. `Likely`: how that has most probably given up its turn,
// which is how whoever arrives did it.
enum class leaving : std::uint8_t { by_wait, by_rotation };

inline bool complete_rotation(machine* mp) noexcept {
  processor* const pp = mp->rotating;
  if (!pp) return false;
  mp->rotating = nullptr;
  pp->queue.end_rotation();
  notify_submit_where_asymmetric();
  return true;
}

template <leaving Likely = leaving::by_wait>
inline void complete_switch(machine* mp) noexcept {
  if constexpr (k_sanitized) {
    // The bounds of the scheduler's own stack are known from the first time that somebody comes from there.
    sanitizer_arrive(mp->curg ? mp->curg->stack()->sanitizer : mp->system_stack,
                     mp->left.load(std::memory_order_relaxed) ? nullptr : &mp->system_stack);
    race_acquire(mp);  // what the thread was before anybody ran on it: its thread-local variables
  }
  if (Likely == leaving::by_rotation && complete_rotation(mp)) return;
  if (lock* held = std::exchange(mp->release_after, nullptr)) return held->release();
  if (Likely == leaving::by_wait && complete_rotation(mp)) return;
  if (mp->commit)
    std::exchange(mp->commit, nullptr)(mp, mp->left.load(std::memory_order_relaxed), mp->commit_arg);
}

inline context load_scheduler(machine* mp) noexcept {
  *mp->eh = {};
  mp->curg = nullptr;
  return {.sp = mp->system_sp};
}

// `next` has not begun. (switch.cpp)
context load_fresh(machine* mp, goroutine* next, g_status state) noexcept;

inline context load_suspended(machine* mp, goroutine* next, void* sp, g_status state) noexcept {
  *mp->eh = next->eh;
  *mp->errno_address = next->saved_errno;
  start_turn(mp, next, state);
  return {.sp = sp};
}

// `next` is not simply runnable, but locked to a thread: the scheduler must have the turn first if that is
// another one. (switch.cpp)
context load_locked(machine* mp, goroutine* next) noexcept;

// Makes `next` (null: the scheduler) the machine's curg; the switch itself must follow. It is the scheduler
// all the same if `next` cannot start from here.
[[gnu::always_inline]] inline context load_next(machine* mp, goroutine* next) noexcept {
  if (!next) [[unlikely]]
    return load_scheduler(mp);
  if (next->status.load(std::memory_order_relaxed) != g_status::runnable) [[unlikely]]
    return load_locked(mp, next);
  void* const sp = next->sp.load(std::memory_order_relaxed);
  if (!sp) return load_fresh(mp, next, g_status::running);
  return load_suspended(mp, next, sp, g_status::running);
}

// From `self`, the running goroutine (null: the scheduler's stack), to `next`. Returns when the caller has
// its next turn, on the machine that gives it.
template <leaving How = leaving::by_wait>
[[gnu::always_inline]] inline machine* switch_to(machine* mp, goroutine* self, goroutine* next) noexcept {
  mp->left.store(self, std::memory_order_relaxed);
  if (self) {
    self->eh = *mp->eh;
    self->saved_errno = *mp->errno_address;
  }
  const context to = load_next(mp, next);
  if constexpr (k_sanitized) {
    sanitizer_leave(self ? &self->stack()->sanitizer : &mp->system_stack,
                    mp->curg ? &mp->curg->stack()->sanitizer : &mp->system_stack);
  }
  mp = switch_context(self ? self->place_of_sp() : &mp->system_sp, to.sp, mp, to.start);
  if (!mp) __builtin_unreachable();
  complete_switch<How>(mp);
  return mp;
}

// --- parking and making ready ---

// Gives the turn of `self`, the caller, away; it goes on when somebody has put it into a run queue. Returns
// the machine on which it goes on. What is to be done once it is off its stack is noted in the machine.
[[gnu::always_inline]] inline machine* give_turn(machine* mp, goroutine* self) noexcept {
  if (!self) __builtin_unreachable();
  return switch_to(mp, self, pick_next(mp));
}

inline void set_waiting(goroutine* gp, wait_reason reason) noexcept {
  gp->reason.store(reason, std::memory_order_relaxed);
  transition(gp, g_status::running, g_status::waiting);
}

// Parks, and releases a lock once off the stack.
[[gnu::always_inline]] inline machine* park(machine* mp, lock& held, wait_reason reason) noexcept {
  goroutine* const self = mp->curg;
  set_waiting(self, reason);
  mp->release_after = &held;
  return give_turn(mp, self);
}

// Parks, and has something else done.
inline machine* park(machine* mp, commit_function commit, void* arg, wait_reason reason) noexcept {
  goroutine* const self = mp->curg;
  set_waiting(self, reason);
  mp->commit = commit;
  mp->commit_arg = arg;
  return give_turn(mp, self);
}

// See waiter.hpp. Nothing keeps the address of `entry`, so that it is registers.
[[gnu::always_inline]] inline bool wait(runtime_entry& entry, wait_node& n, wait_queue& q, lock& l,
                                        place where, const time_point* deadline,
                                        wait_reason reason) noexcept {
  if (!entry.mp() || deadline) [[unlikely]] {
    const wait_end end = wait_otherwise(entry.mp(), n, q, l, where, deadline, reason);
    entry.moved(end.mp);
    if (end.woken) race_arrive(n);
    return end.woken;
  }
  n.who = resumable(entry.mp()->curg);
  enqueue_at(where, q, n);
  entry.moved(park(entry.mp(), l, reason));
  race_arrive(n);
  return true;
}

// Makes a parked goroutine runnable: next on the calling machine's P, or, if it is null or holds none,
// through the global queue.
[[gnu::always_inline]] inline void ready_goroutine(machine* mp, goroutine* gp) noexcept {
  transition(gp, g_status::waiting, g_status::runnable);
  if (!mp || !mp->curg) [[unlikely]]
    return ready_elsewhere(mp, gp);
  if (goroutine* kicked = mp->pp->queue.push_next(gp)) [[unlikely]]
    queue_ready(mp->pp, kicked);
  notify_submit();
}

[[gnu::always_inline]] inline void ready(machine* mp, resumable who) noexcept {
  if (who.is_thread()) [[unlikely]]
    return wake_thread(who);
  goroutine* const gp = who.as_goroutine();
  if (!gp) __builtin_unreachable();
  ready_goroutine(mp, gp);
}

}  // namespace goro::detail
