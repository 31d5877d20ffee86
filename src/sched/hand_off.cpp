// Goroutines that run without a P.
//
// A goroutine that blocks its thread in the kernel, or computes for too long, loses its P to others
// (sysmon.cpp decides, possession.hpp says how). It runs on: its thread is not interrupted, no signal is
// sent, no lock of the C library is left in the middle. When it enters the runtime the next time it wants a P
// again:
//
//   * there is an idle one: it takes that, its former one if it can, and goes on;
//   * there is none: it stands behind the others in the global queue, and its machine goes to sleep.
//
// So max_procs bounds the goroutines that hold a P, and what has lost it overlaps them until its next entry.
// Who still holds its P, but is wanted to give the turn to others, does so at its next entry: that is what a
// time slice is. goro::blocking gives the P up by itself, before it calls what is known to block.
//
// A P is taken, and its machine noted as away, in one step under the scheduler's lock; who comes back takes
// the lock before it is no longer away. So those two cannot overtake each other, and while a machine is noted
// as away its goroutine cannot end.
#include <new>

#include <goro/detail/blocking.hpp>

#include "diag/fatal.hpp"
#include "os/clock.hpp"
#include "poll/poller.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

// The scheduler's lock is held by who calls these two.

void begin_absence(machine* mp, absence why) noexcept {
  mp->away = why;
  ++sched.away;
  if (why.reason == absence_reason::blocked) sched.handoffs_blocked.fetch_add(1, std::memory_order_relaxed);
  if (why.reason != absence_reason::busy) return;
  ++sched.away_busy;
  sched.handoffs_busy.fetch_add(1, std::memory_order_relaxed);
}

void end_absence(machine* mp) noexcept {
  if (mp->away.reason == absence_reason::busy) {
    --sched.away_busy;
    ++sched.busy_returns;
  }
  if (mp->away.reason != absence_reason::blocking && now_ns() - mp->away.since >= k_stall)
    sched.stalls.fetch_add(1, std::memory_order_relaxed);
  --sched.away;
  mp->away = {};
}

// A P that nobody holds any more: to another machine if anything waits for it, else it is idle.
struct bequest {
  machine* heir = nullptr;
  bool is_new = false;
  bool drained = false;
  successor who = successor::not_needed;
};

// Under the scheduler's lock.
bequest begin_bequest(processor* pp) noexcept {
  bequest b;
  pp->slice_start = 0;
  const bool in_use = pp->id < sched.procs.load(std::memory_order_relaxed);
  b.drained = !in_use && !pp->queue.look().empty();
  if (b.drained) sched.global.push_all(pp->queue.drain());
  pp->owner.store(nullptr, std::memory_order_release);  // pairs with company_of()
  if (in_use && (!pp->queue.look().empty() || sched.global.size() != 0)) {
    b.heir = pop_idle_machine();
    b.is_new = !b.heir;
    b.is_new ? void(b.heir = new_machine(pp)) : assign(b.heir, pp, nullptr);
    return b;
  }
  if (in_use) push_idle_processor(pp);
  b.who = provide_for_idle();
  return b;
}

// Without it.
void complete_bequest(const bequest& b) noexcept {
  if (b.heir) return b.is_new ? start_machine(b.heir) : wake(b.heir);
  complete_resignation(b.who);
  // Was it the last P that was held? Whoever was appointed sentinel in its sleep sleeps on its note, and
  // sysmon does not look into the poller beside idle Ps.
  const bool nobody_looks =
      anybody_polls() && running_processors() == 0 && !sched.in_poller.load(std::memory_order_relaxed);
  if (b.drained || nobody_looks) notify_submit();
}

}  // namespace

void pass_on(processor* pp) noexcept {
  bequest b;
  {
    const lock_guard guard(sched.guard);
    b = begin_bequest(pp);
  }
  complete_bequest(b);
}

bool take_away(machine* mp, absence why) noexcept {
  bequest b;
  {
    const lock_guard guard(sched.guard);
    processor* pp = nullptr;
    if (!mp->hold.take([&] { pp = mp->pp, why.who = mp->curg; })) return false;
    begin_absence(mp, why);
    trace_hand_off(pp, mp, why);
    b = begin_bequest(pp);
  }
  complete_bequest(b);
  return true;
}

namespace {

// Answers a thief that asks. True if the machine may keep its P.
bool still_in_use(processor* pp) noexcept {
  pp->request.serve([pp] { return pp->queue.split(); });
  return pp->id < sched.procs.load() && !sched.freezing.load(std::memory_order_acquire);
}

// The goroutine that has called exit() goes on when all others have stopped.
bool is_last(const machine* mp) noexcept {
  return sched.freezing.load(std::memory_order_acquire) && mp == sched.exiting;
}

// True if there was an idle one.
bool find_processor(machine* mp) noexcept {
  const processor* former = mp->pp;
  mp->pp = nullptr;
  const lock_guard guard(sched.guard);
  processor* pp = take_idle_processor(former);
  if (!pp && is_last(mp)) pp = new (std::nothrow) processor(0);  // nobody will give one back
  if (!pp) return false;
  hold(mp, pp);
  end_absence(mp);
  trace_return(mp);
  return true;
}

// Off its stack.
void commit_return(machine* mp, goroutine* left, void*) noexcept {
  {
    const lock_guard guard(sched.guard);
    end_absence(mp);
    trace_queued_again(mp, left);
    left->from_outside = false;
    sched.global.push(left);  // in the same step: else it might look as if nobody were there
  }
  notify_submit();
}

void wait_for_processor(machine* mp) noexcept {
  goroutine* const self = mp->curg;
  transition(self, g_status::running, g_status::runnable);
  mp->commit = commit_return;
  switch_to(mp, self, nullptr);
}

}  // namespace

bool heed_call(machine* mp) noexcept {
  static_cast<void>(mp->hold.settle());  // nothing is lost inside, and the turn is at its end anyway
  if (mp->locked) {
    mp->hold.call();  // nobody else may have a turn on this thread
    return false;
  }
  return still_in_use(mp->pp);
}

void answer_call(machine* mp) noexcept {
  if (sched.forked.load(std::memory_order_relaxed)) used_after_fork();
  if (!mp->curg) return;  // for the goroutine that is chosen next
  const finding found = mp->hold.settle();
  if (mp->locked) mp->hold.call();
  if (found == finding::lost && !find_processor(mp)) return wait_for_processor(mp);
  const bool keeps = still_in_use(mp->pp);
  if (is_last(mp) || (keeps && found != finding::wanted)) return;
  if (found == finding::wanted) {
    mp->pp->preempted.add();
    trace_preempted(mp);
  }
  if (mp->hold.traced()) trace_turn(mp, nullptr);
  if (keeps) {
    preempt(mp);
  } else {
    requeue(mp, nullptr);
  }
}

machine* look_closer(machine* mp) noexcept {
  if (!mp->hold.must_settle()) return mp;
  answer_call(mp);
  return current_machine();
}

void begin_blocking() noexcept {
  const runtime_entry entry;
  machine* mp = entry.mp();
  if (!mp || !mp->curg) return;
  bequest b;
  {
    const lock_guard guard(sched.guard);
    mp->hold.renounce();
    begin_absence(mp, {.reason = absence_reason::blocking, .since = now_ns(), .who = mp->curg});
    trace_hand_off(mp->pp, mp, mp->away);
    b = begin_bequest(mp->pp);
  }
  complete_bequest(b);
}

void end_blocking() noexcept { const runtime_entry entry; }

}  // namespace goro::detail
