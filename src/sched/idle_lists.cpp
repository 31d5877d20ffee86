// The lists of who is idle: Ps without a machine, machines without a P. What they are for, and who moves
// between them when, is in idle.cpp.
//
// Both are guarded by the scheduler's lock. How many Ps are held is counted without it, so it may be an old
// answer.
#include "sched/keeper.hpp"
#include "sched/scheduler.hpp"
#include "sched/sysmon.hpp"

namespace goro::detail {

void take_into_use(processor* pp, machine* owner) noexcept {
  pp->tenure.store(pp->tenure.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  pp->owner.store(owner, std::memory_order_release);  // pairs with company_of()
  rouse_keeper();
  rouse_sysmon();
}

void push_idle_processor(processor* pp) noexcept {
  pp->idle_link = sched.idle_procs;
  sched.idle_procs = pp;
}

processor* take_idle_processor(const processor* preferred) noexcept {
  for (processor** at = &sched.idle_procs; preferred && *at; at = &(*at)->idle_link) {
    if (*at != preferred) continue;
    processor* pp = *at;
    *at = pp->idle_link;
    return pp;
  }
  processor* const first = sched.idle_procs;
  if (first) sched.idle_procs = first->idle_link;
  return first;
}

void release_processor(machine* mp) noexcept {
  processor* pp = mp->pp;
  mp->pp = nullptr;
  pp->owner.store(nullptr, std::memory_order_release);                // pairs with company_of()
  if (pp->id >= sched.procs.load(std::memory_order_relaxed)) return;  // taken away by set_max_procs
  push_idle_processor(pp);
}

void hold(machine* mp, processor* pp) noexcept {
  take_into_use(pp, mp);
  mp->rests_until = time_point::max();
  mp->pp = pp;
}

void assign(machine* mp, processor* pp, goroutine* turn) noexcept {
  take_into_use(pp, mp);
  mp->assigned = pp;
  mp->assigned_turn = turn;
}

void push_idle_machine(machine* mp) noexcept {
  if (mp->on_idle_list) return;
  mp->on_idle_list = true;
  mp->idle_since = sched.flush_round.load(std::memory_order_relaxed);
  mp->idle_link = sched.idle_machines;
  sched.idle_machines = mp;
}

machine* pop_idle_machine() noexcept {
  machine* mp = sched.idle_machines;
  if (mp) {
    sched.idle_machines = mp->idle_link;
    mp->on_idle_list = false;
  }
  return mp;
}

void remove_idle_machine(machine* mp) noexcept {
  machine** at = &sched.idle_machines;
  while (*at != mp) at = &(*at)->idle_link;
  *at = mp->idle_link;
  mp->on_idle_list = false;
}

int running_processors() noexcept {
  int n = 0;
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) {
    if (sched.all[i].load(std::memory_order_relaxed)->owner.load(std::memory_order_relaxed)) ++n;
  }
  return n;
}

int working_processors() noexcept { return running_processors() - (sched.watcher ? 1 : 0); }

bool others_run() noexcept {
  const machine* self = current_machine();
  return running_processors() > (self && self->pp ? 1 : 0);
}

}  // namespace goro::detail
