// A goroutine that may run on one thread only.
//
// Its machine is called for ever, so that at the end of each turn the scheduler's own stack comes next: there
// the machine passes its P on and sleeps until its goroutine has the turn again. Whoever chooses that one
// gives it, and the P, to its home machine (machine_loop).
#include <goro/runtime.hpp>

#include "sched/scheduler.hpp"

namespace goro::detail {

// The machine of a locked goroutine has nothing to do until that has its turn.
void sleep_for_turn(machine* mp) noexcept {
  if (processor* pp = mp->pp) {
    tell_of_timers(pp);  // it may have armed one when it parked
    mp->pp = nullptr;
    pass_on(pp);
  }
  look_for_deadlock();
  sleep_until_assigned(mp, nullptr);
}

// A goroutine that may run on another machine only: that one gets the P, too.
void give_turn_to_home(machine* mp, goroutine* gp) noexcept {
  machine* home = gp->extras->home;
  {
    const lock_guard guard(sched.guard);
    processor* pp = mp->pp;
    mp->pp = nullptr;
    assign(home, pp, gp);
    push_idle_machine(mp);
  }
  wake(home);
  sleep_until_assigned(mp, nullptr);
}

}  // namespace goro::detail

namespace goro {

void lock_os_thread() {
  const detail::runtime_entry entry;
  detail::machine* mp = entry.mp();
  if (!mp) return;
  detail::goroutine* gp = mp->curg;
  detail::goroutine_extras& extras = extras_of(gp);
  if (extras.thread_locks++ != 0) return;
  extras.home = mp;
  gp->status.store(detail::locked(detail::g_status::running),
                   std::memory_order_release);  // pairs with snapshot()
  mp->locked = gp;
  mp->hold.call();
}

void unlock_os_thread() noexcept {
  const detail::runtime_entry entry;
  detail::machine* mp = entry.mp();
  if (!mp || !mp->locked || --mp->locked->extras->thread_locks != 0) return;
  mp->locked->status.store(detail::g_status::running, std::memory_order_release);  // pairs with snapshot()
  mp->locked = nullptr;
}

}  // namespace goro
