// Looking for work, on the scheduler's own stack: due timers, this P's queue, the global queue, then the
// other Ps.
#include <algorithm>
#include <utility>

#include "os/clock.hpp"
#include "os/thread.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

// set_max_procs has taken this P away: everything that waits here goes to the others.
void retire_processor(machine* mp) noexcept {
  processor* pp = mp->pp;
  sched.global.push_all(pp->queue.drain());
  pp->descriptors.flush();
  pp->stacks.flush();
  {
    const lock_guard guard(sched.guard);
    mp->attention.store(false, std::memory_order_relaxed);
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

// Not noticed by anybody else: the process is ending, and what runs now must not meet destroyed statics.
[[noreturn]] void freeze() noexcept {
  note never;
  for (;;) never.sleep();
}

goroutine* search_once(machine* mp) noexcept {
  processor* pp = mp->pp;
  if (pp->timers.next_due() != time_point::max()) run_timers(pp, now());
  if (goroutine* gp = pick_local(pp)) return gp;
  // The kernel may wake this thread on the core of the one that it is to watch.
  if (!std::exchange(mp->short_slice, true)) ask_for_slice(time_slice::shortest);
  return watch_or_sleep(mp) ? watch(mp) : nullptr;
}

}  // namespace

goroutine* find_runnable(machine* mp) noexcept {
  for (;;) {
    if (sched.freezing.load(std::memory_order_relaxed)) freeze();
    if (mp->pp->id >= sched.procs.load(std::memory_order_relaxed)) {
      retire_processor(mp);
      continue;
    }
    if (goroutine* gp = search_once(mp)) {
      if (mp->watching) resign_watcher(mp);
      if (std::exchange(mp->short_slice, false)) ask_for_slice(time_slice::usual);
      return gp;
    }
  }
}

std::size_t run_timers(processor* pp, time_point now) noexcept {
  std::size_t fired = pp->timers.fire_due(now);
  if (fired != 0) pp->timers_fired.add(fired);
  return fired;
}

time_point earliest_timer() noexcept {
  time_point earliest = time_point::max();
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    earliest = std::min(earliest, sched.all[i].load(std::memory_order_relaxed)->timers.next_due());
  }
  return earliest;
}

void arm_timer(timer_node& t, bool keeps_running) {
  machine* mp = current_machine();
  processor* pp = mp && mp->pp ? mp->pp : sched.all[0].load(std::memory_order_relaxed);
  const time_point when = t.when;  // once armed, the timer may fire and its node be gone
  if (!pp->timers.arm(t)) return;
  if (mp && mp->pp && !keeps_running) {
    pp->timer_moved =
        true;  // looked at when this P goes on with somebody else; if it goes idle it looks anyway
    return;
  }
  light_fence();  // [MO-3]: the sentinel looks at the timers after its heavy_fence
  if (when.time_since_epoch().count() < sched.sentinel_due.load(std::memory_order_relaxed)) wake_sentinel();
}

}  // namespace goro::detail
