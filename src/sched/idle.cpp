// Machines without work: who watches, who sleeps, who is woken.
//
// Waking a sleeping thread is dear (15 us for the waker, 64 us until it runs, on the reference machine), and
// a core that is woken for a few microseconds of work costs more than it gives. So nobody is woken for each
// submission. Instead, while there are idle Ps, one machine looks after the rest:
//
//   watcher    holds a P, is awake, and looks every few tens of microseconds whether work has waited too long
//              (watch.cpp). While there is a watcher a submission costs nothing.
//   sentinel   sleeps, without a P. It takes the watcher's place when nothing has been submitted for a while,
//              or nothing runs; it may be another machine, one that sleeps in the poller already. It sleeps
//              until the earliest timer, and a submission wakes it.
//
// Invariant W: if a P is idle, there is a watcher or a sentinel, or somebody inside a function of this file
// or of hand_off.cpp is about to appoint one. At most one of each; both never.
//
// [MO-3] Submission against going to sleep (Dekker; the submitter's side is the frequent one):
//   submitter: push to a queue;  light_fence;  load sentinel; if set: lock; if still set: clear it, give it
//              a P as the watcher; unlock; wake it
//   sentinel:  release P; sentinel = me;  heavy_fence;  look at all queues and timers; if anything: lock;
//              if still the sentinel: clear it, take a P, be the watcher again; unlock (if not: a submitter
//              is waking us); else sleep
// Either the submitter sees the sentinel or the sentinel sees the work. Test that fails without:
// model.idle_*.
//
// Stand-by. Beside timers that come thick (timer_pace.hpp) there is work for a few microseconds, again and
// again, and to wake another watcher each time is dearer than the work. So who falls asleep then sleeps for
// k_stand_by only, and a watcher that has found work in its own queue makes one of those the sentinel without
// waking it. That one stands by, which `sentinel_due` says: it is not woken for timers, nor for what a
// machine that holds a P makes ready between two turns, because that machine looks after both next. If its
// goroutine computes instead, the other one comes when its sleep ends. (Then that one looks whether anything
// has waited too long, which with the rest makes half a millisecond, and what the kernel takes to run it.)
// All else that is submitted wakes it like any sentinel, and so does who gives up a P (provide_for_idle).
// There is no fence: who overlooks it waits until that sleep ends. Nobody can take another sentinel for one
// that stands by: its `sentinel_due` is stored before `sentinel` and before the heavy_fence, and both are
// read after the light_fence, so by [MO-3] either both are seen or the work is. Tests that fail without:
// model.idle_stands_by, model.idle_needs_each_look, quiet.TimerStorm.
//
// All transitions happen under the scheduler's lock; only looks at `sentinel` do without. A machine sleeps
// until somebody has put a P into `assigned`; where, and who takes one without being given it, is in
// rest.cpp.
#include "os/clock.hpp"
#include "poll/poller.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// Gives a sleeping machine an idle P, as the watcher; false if there is no idle P. The lock is held.
bool assign_watch(machine* mp) noexcept {
  processor* pp = take_idle_processor();
  if (!pp) return false;
  assign(mp, pp, nullptr);
  mp->watching = true;
  sched.watcher = mp;
  return true;
}

// Nobody runs, with a P or without, nobody is about to, nobody waits for what comes from outside, and no
// thread is about to end, whose number tells a deadlock. The lock is held.
bool nothing_happens() noexcept {
  return !anything_queued() && !others_run() && sched.away == 0 && sched.leaving == 0 &&
         earliest_timer() == time_point::max() && !anybody_polls();
}

void end_watch(machine* mp) noexcept {
  mp->watching = false;
  sched.watcher = nullptr;
}

// Of those that sleep, who is to be woken next, or null. The lock is held.
machine* next_sleeper() noexcept {
  machine* const in_poller = sched.in_poller.load(std::memory_order_relaxed);
  return in_poller && in_poller->on_idle_list ? in_poller : sched.idle_machines;
}

// The lock is held.
void appoint_asleep(machine* sleeper, clock::rep due) noexcept {
  remove_idle_machine(sleeper);
  sched.sentinel_due.store(due, std::memory_order_relaxed);
  sched.sentinel.store(sleeper, std::memory_order_release);
}

bool sentinel_stands_by() noexcept {
  return sched.sentinel_due.load(std::memory_order_relaxed) == k_stands_by;
}

// Until when who falls asleep now stands by; time_point::max(): not at all.
time_point end_of_stand_by() noexcept {
  const time_point t = now();
  return sched.pace.is_thick(t) ? t + k_stand_by : time_point::max();
}

// True if one that stands by is the sentinel now, while the machine runs what only its own queue holds. The
// lock is held.
bool appoint_stand_by(const machine* mp) noexcept {
  if (!sched.idle_procs || sched.sentinel.load(std::memory_order_relaxed)) return false;
  machine* const sleeper = next_sleeper();
  if (!sleeper || sleeper->rests_until == time_point::max()) return false;
  const time_point t = now();
  if (sleeper->rests_until > t + k_stand_by || !sched.pace.is_thick(t)) return false;
  if (anything_queued(mp->pp)) return false;
  appoint_asleep(sleeper, k_stands_by);
  return true;
}

// Is the caller a machine on its scheduler's stack that holds a P? It looks at its queue next.
bool is_between_turns() noexcept {
  const machine* const self = current_machine();
  return self && !self->curg && self->pp;
}

}  // namespace

bool anything_queued(const processor* but_for) noexcept {
  if (sched.global.size() != 0) return true;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    const processor* const pp = sched.all[i].load(std::memory_order_relaxed);
    if (pp != but_for && !pp->queue.look().empty()) return true;
  }
  return false;
}

bool take_watch(machine* mp) noexcept {
  processor* pp = take_idle_processor();
  if (!pp) return false;
  hold(mp, pp);
  mp->watching = true;
  sched.watcher = mp;
  return true;
}

void rouse(machine* mp) noexcept {
  mp->wake.set();
  if (sched.in_poller.load(std::memory_order_relaxed) == mp) wake_poller();
}

void wake(machine* mp) noexcept {
  sched.wakeups.fetch_add(1, std::memory_order_relaxed);
  rouse(mp);
}

bool all_quiet(machine* mp) noexcept {
  const lock_guard guard(sched.guard);
  return sched.sentinel.load(std::memory_order_relaxed) == mp && nothing_happens();
}

bool every_processor_works() noexcept {
  const lock_guard guard(sched.guard);
  return !sched.idle_procs && !sched.watcher;
}

std::size_t count_waiting(time_point now) noexcept {
  std::size_t n = sched.global.size() + (earliest_timer() <= now ? 1 : 0);
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) n += sched.all[i].load(std::memory_order_relaxed)->queue.look().size();
  return n;
}

// The sentinel looks for one before it sleeps, and who is the last to park without watching has not been seen
// by it.
void look_for_deadlock() noexcept {
  {
    const lock_guard guard(sched.guard);
    if (!nothing_happens()) return;
  }
  wake_sentinel();
}

// Without a P, until somebody assigns one.
void stop_machine(machine* mp) noexcept {
  {
    const lock_guard guard(sched.guard);
    push_idle_machine(mp);
  }
  sleep_until_assigned(mp, nullptr);
}

// Out of work. True: the machine keeps its P and watches. False: there is a watcher already, so it has
// released its P and slept until it was given one. One step under the lock: were the P released a moment
// after the look, the watcher might have found work and resigned in between, and nobody would look after the
// P.
bool watch_or_sleep(machine* mp) noexcept {
  time_point due = time_point::max();
  {
    const lock_guard guard(sched.guard);
    // A P is not left with work in its queue; it may hold some if the last pick was refused because a timer
    // is due.
    if (!mp->pp->queue.look().empty()) return mp->watching;
    if (!sched.watcher || sched.watcher == mp) {
      // A sentinel that sleeps is relieved: it stays asleep, as one of the idle machines.
      if (machine* old = sched.sentinel.load(std::memory_order_relaxed)) push_idle_machine(old);
      sched.sentinel.store(nullptr, std::memory_order_relaxed);
      sched.watcher = mp;
      mp->watching = true;
      return true;
    }
    release_processor(mp);
    // If it is to serve the poller it looks after the timers as well.
    const bool serves = anybody_polls() && working_processors() == 0;
    due = serves ? next_timer_wake() : end_of_stand_by();
    mp->rests_until = due;
    push_idle_machine(mp);
  }
  sleep_until_assigned(mp, due == time_point::max() ? nullptr : &due);
  return false;
}

// Sees to invariant W: appoints a watcher if a P is idle and nobody looks after it.
void appoint_watcher() noexcept {
  machine* mp = nullptr;
  processor* pp = nullptr;
  {
    const lock_guard guard(sched.guard);
    if (sched.watcher || sched.sentinel.load(std::memory_order_relaxed) || !sched.idle_procs) return;
    mp = pop_idle_machine();
    if (mp) {
      assign_watch(mp);
    } else {
      pp = take_idle_processor();
      mp = new_machine(pp);
      mp->watching = true;
      sched.watcher = mp;
    }
  }
  pp ? start_machine(mp) : wake(mp);
}

void ensure_machine() noexcept {
  if (sched.machine_count.load(std::memory_order_relaxed) == 0) appoint_watcher();
}

// Somebody must look after the idle Ps. A machine that sleeps, and will wake up in time for the first timer,
// can be the sentinel without being woken, if nothing waits: that is for complete_resignation() to see. One
// that was the sentinel before mostly does, because its own deadline stands. (Without that, a server whose
// connections have deadlines would wake a thread each time that it finds something to do.)
successor provide_for_idle() noexcept {
  if (!sched.idle_procs || sched.watcher) return successor::not_needed;
  if (sched.sentinel.load(std::memory_order_relaxed))
    return sentinel_stands_by() ? successor::stands_by : successor::not_needed;
  machine* const sleeper = next_sleeper();
  if (!sleeper || sleeper->rests_until > next_timer_wake()) return successor::to_be_woken;
  appoint_asleep(sleeper, sleeper->rests_until.time_since_epoch().count());
  return successor::asleep;
}

// The watcher has work for itself.
successor begin_resignation(machine* mp) noexcept {
  const lock_guard guard(sched.guard);
  end_watch(mp);
  return provide_for_idle();
}

void complete_resignation(successor who) noexcept {
  if (who == successor::asleep) heavy_fence();  // [MO-3]
  complete_fenced_resignation(who);
}

void complete_fenced_resignation(successor who) noexcept {
  if (who == successor::to_be_woken) appoint_watcher();
  if (who == successor::stands_by) wake_sentinel();
  if (who != successor::asleep) return;
  const time_point due(clock::duration(sched.sentinel_due.load(std::memory_order_relaxed)));
  if (anything_queued() || next_timer_wake() < due) wake_sentinel();
}

void resign_watcher(machine* mp) noexcept {
  successor who = successor::not_needed;
  {
    const lock_guard guard(sched.guard);
    end_watch(mp);
    if (appoint_stand_by(mp)) return;
    who = provide_for_idle();
  }
  complete_resignation(who);
}

void wake_sentinel() noexcept {
  if (sched.forked.load(std::memory_order_relaxed)) used_after_fork();
  machine* mp = nullptr;
  {
    const lock_guard guard(sched.guard);
    mp = sched.sentinel.load(std::memory_order_relaxed);
    if (!mp) return;
    sched.sentinel.store(nullptr, std::memory_order_relaxed);
    if (!assign_watch(mp)) {
      push_idle_machine(mp);
      return;
    }
    note_sights();  // the time that it takes to wake up counts as waiting
  }
  wake(mp);
}

void wake_sentinel_for_work() noexcept {
  if (!sentinel_stands_by() || !is_between_turns()) wake_sentinel();
}

}  // namespace goro::detail
