// Looking for work, on the scheduler's own stack: due timers, this P's queue, the global queue, the poller,
// then the other Ps.
#include <algorithm>
#include <new>
#include <utility>

#include "diag/fatal.hpp"
#include "os/clock.hpp"
#include "os/thread.hpp"
#include "poll/poller.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

// set_max_procs has taken this P away: everything that waits here goes to the others.
void retire_processor(machine* mp) noexcept {
  processor* pp = mp->pp;
  sched.global.push_all(pp->queue.drain());
  pp->flush_caches();
  {
    const lock_guard guard(sched.guard);
    if (mp->watching) {
      mp->watching = false;
      sched.watcher = nullptr;
    }
    release_processor(mp);
  }
  notify_submit();
  appoint_watcher();
  stop_machine(mp);
}

// A timer of a P that is about to be busy: the sleeping sentinel must know of it.
void tell_sentinel(time_point due) noexcept {
  light_fence();  // [MO-3]: the sentinel looks at the timers after its heavy_fence
  if (sched.sentinel.load(std::memory_order_relaxed) != nullptr &&
      sched.pace.wake_for(due).time_since_epoch().count() <
          sched.sentinel_due.load(std::memory_order_relaxed)) {
    wake_sentinel();
  }
}

// This P's core costs more than it gives (worth.hpp): what waits here goes to the others.
void step_aside(processor* pp) noexcept {
  pp->aside = false;
  sched.global.push_all(pp->queue.drain());
  light_fence();  // [MO-3], as in notify_submit(); also one that stands by is to see it
  if (sched.sentinel.load(std::memory_order_relaxed)) wake_sentinel();
}

// The kernel may wake this thread on the core of the one that it is to watch: who is idle asks for a short
// slice, and so is served at once. A single P has nobody to watch.
void note_dry(machine* mp) noexcept {
  if (mp->dry_since == 0) mp->dry_since = now_ns();
  if (sched.procs.load(std::memory_order_relaxed) > 1 && !std::exchange(mp->short_slice, true))
    ask_for_slice(time_slice::shortest);
}

void ask_for_usual_slice(machine* mp) noexcept {
  mp->short_slice = false;
  ask_for_slice(time_slice::usual);
}

// Who runs dry again and again keeps it: the four system calls for each time were 7 % of what a million
// sleepers cost.
constexpr std::int64_t k_slice_settles = 1'000'000;  // ns

void note_work(machine* mp) noexcept {
  const std::int64_t since = std::exchange(mp->dry_since, 0);
  if (!mp->short_slice) return;
  mp->work_since = now_ns();
  if (mp->work_since - since >= k_slice_settles) ask_for_usual_slice(mp);
}

goroutine* search_once(machine* mp) noexcept {
  processor* pp = mp->pp;
  if (first_due(pp) != time_point::max()) run_timers(mp, now());
  const bool has_looked = poll_is_due();
  if (has_looked) poll_and_start(mp);
  if (pp->aside) {
    step_aside(pp);
  } else if (goroutine* gp = pick_local(pp, /*scheduler_has_looked=*/true)) {
    return gp;
  }
  if (anybody_polls()) {
    pp->ran_dry.add();
    if (!has_looked && poll_and_start(mp) != 0) {
      if (goroutine* gp = pick_local(pp, /*scheduler_has_looked=*/true)) return gp;
    }
  }
  end_stint(pp);
  note_dry(mp);
  return watch_or_sleep(mp) ? watch(mp) : nullptr;
}

}  // namespace

// A P that is kept busy by what comes from outside would start a new goroutine only once in a slice
// (schedule.cpp): for each so many events one that has not begun, the oldest first, stands behind them.
std::size_t poll_and_start(machine* mp) noexcept {
  constexpr std::size_t k_events_for_a_start = 4;
  const std::size_t events = poll_now(mp);
  for (std::size_t n = 0; n < events && queue_oldest_fresh(mp->pp); n += k_events_for_a_start) {
  }
  return events;
}

void settle_slice(machine* mp) noexcept {
  if (mp->short_slice && now_ns() - mp->work_since >= k_slice_settles) ask_for_usual_slice(mp);
}

// What runs now must not meet destroyed statics.
void freeze(machine* mp) noexcept {
  if (mp == sched.exiting)
    fatal("goro: a destructor or exit handler waited for a goroutine while the process was ending");
  mp->frozen.store(true, std::memory_order_release);  // pairs with freeze_at_exit()
  note never;
  for (;;) never.sleep();
}

void tell_of_timers(const processor* pp) noexcept {
  if (const time_point due = pp->timers.next_due(); due != time_point::max()) tell_sentinel(due);
}

goroutine* find_runnable(machine* mp) noexcept {
  for (;;) {
    if (mp->leaves) return nullptr;
    if (mp->hold.called()) [[unlikely]]
      heed_call(mp);  // what it answers is looked at here
    if (sched.freezing.load(std::memory_order_acquire)) freeze(mp);
    if (mp->pp->id >= sched.procs.load(std::memory_order_relaxed)) {
      retire_processor(mp);
      continue;
    }
    if (goroutine* gp = search_once(mp)) {
      if (mp->pp->present.begun == 0) begin_stint(mp->pp);
      if (mp->watching) {
        resign_watcher(mp);
      } else {
        tell_of_timers(mp->pp);
      }
      if (mp->dry_since != 0) note_work(mp);
      return gp;
    }
  }
}

time_point first_due(const processor* pp) noexcept {
  time_point due = pp->timers.next_due();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = sched.procs.load(std::memory_order_relaxed); i < made; ++i) {
    due = std::min(due, sched.all[i].load(std::memory_order_relaxed)->timers.next_due());
  }
  return due;
}

std::size_t fire_due(processor* pp, timer_heap& timers, time_point now) noexcept {
  return timers.fire_due(now, [pp] { pp->timers_fired.add(); });
}

void run_timers(const machine* mp, time_point now) noexcept {
  processor* const pp = mp->pp;
  std::size_t fired = fire_due(pp, pp->timers, now);
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = sched.procs.load(std::memory_order_relaxed); i < made; ++i) {
    fired += fire_due(pp, sched.all[i].load(std::memory_order_relaxed)->timers, now);
  }
  if (fired != 0 && mp->watching) sched.pace.fired(now);
}

time_point earliest_timer() noexcept {
  time_point earliest = time_point::max();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    earliest = std::min(earliest, sched.all[i].load(std::memory_order_relaxed)->timers.next_due());
  }
  return earliest;
}

time_point next_timer_wake() noexcept { return sched.pace.wake_for(earliest_timer()); }

void arm_timer(timer_node& t) {
  machine* mp = current_machine();
  processor* pp = mp && mp->pp ? mp->pp.get() : sched.all[0].load(std::memory_order_relaxed);
  const time_point when = t.when;  // once armed, the timer may fire and its node be gone
  if (!pp->timers.arm(t)) return;
  // On the scheduler's stack it is told when a goroutine is to run (machine_loop, find_runnable); else the
  // machine sees to the timer.
  if (!mp || mp->curg) tell_sentinel(when);
}

void arm_timer_of_wait(timer_node& t) noexcept {
  try {
    arm_timer(t);
  } catch (const std::bad_alloc&) {
    fatal("goro: no memory for the timer of a wait");
  }
}

void rearm_timer(timer_node& t) {
  const time_point when = t.when;
  if (t.heap.load(std::memory_order_relaxed)->arm(t)) tell_sentinel(when);
}

}  // namespace goro::detail
