// Whose turn it is: choosing among what is queued on a P, parking, making ready.
//
// Order of a turn: run_next, ready, the newest fresh one (run_queue.hpp says why). Against starvation:
//   * every 61st turn the global queue comes first;
//   * run_next inherits the time slice of the goroutine that filled it: when a chain of hand-overs has lasted 10 ms
//     and others wait, the others come first and it goes to the end of the queue;
//   * once in 10 ms the oldest fresh goroutine comes first: newest-first alone could leave it for ever, and a P that
//     is kept busy with ready ones would start nobody.
// A look at the clock costs 12 to 30 ns, more than a whole turn, so it is asked only every few turns, and only when
// somebody waits who could be starved.
#include <goro/go.hpp>

#include "base/atomics.hpp"
#include "os/clock.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::uint32_t k_global_period = 61;
constexpr std::uint32_t k_oldest_period = 64;
constexpr std::uint32_t k_care_period = 4;  // turns between looks at the slice, the timers and the end
constexpr std::int64_t k_slice = 10'000'000;  // ns

// Has the chain of hand-overs lasted for a slice while others wait?
bool slice_is_over(processor* pp) noexcept {
  const auto seen = pp->queue.look();
  if (!seen.run_next || (seen.fresh_head == seen.fresh_tail && seen.ready_head == seen.ready_tail)) return false;
  const std::int64_t now = now_ns();
  if (pp->slice_start == 0) pp->slice_start = now;
  return now - pp->slice_start >= k_slice;
}

bool oldest_is_due(processor* pp) noexcept {
  const auto seen = pp->queue.look();
  if (seen.fresh_head == seen.fresh_tail) return false;
  const std::int64_t now = now_ns();
  if (now - pp->last_oldest < k_slice) return false;
  pp->last_oldest = now;
  return true;
}

goroutine* pick_global(processor* pp) noexcept {
  if (sched.global.size() == 0) return nullptr;
  goroutine* gp = sched.global.pop_share(k_max_procs, 1).first;
  if (gp) pp->global_runs.add();
  return gp;
}

// The seam for seeded schedules: all orders are legal, so a test may roll the dice.
goroutine* pick_shuffled(processor* pp) noexcept {
  bool inherits = false;
  switch (pp->dice.below(4)) {
    case 0: return pick_global(pp);
    case 1: return pp->queue.pick(pick_order::slice_over);
    case 2: return pp->queue.pick(pick_order::oldest_fresh);
    default: return pp->queue.pick(inherits);
  }
}

// A turn on which somebody else than usual may come first. Null: nobody does.
goroutine* pick_with_care(processor* pp, std::uint32_t tick) noexcept {
  if (tick % k_oldest_period == 0 && oldest_is_due(pp)) return pp->queue.pick(pick_order::oldest_fresh);
  if (!slice_is_over(pp)) return nullptr;
  pp->slice_start = 0;
  return pp->queue.pick(pick_order::slice_over);
}

// Must the scheduler's own stack have the turn? Timers run only there: a parking goroutine's commit may hold a lock
// that their functions take.
bool scheduler_is_due(processor* pp) noexcept {
  if (sched.freezing.load(std::memory_order_relaxed)) return true;
  const time_point due = pp->timers.next_due();
  return due != time_point::max() && due <= now();
}

// A timer was armed that is due before the sleeping sentinel would look, and this P is about to be busy.
void check_sentinel_due(processor* pp) noexcept {
  pp->timer_moved = false;
  const auto due = pp->timers.next_due().time_since_epoch().count();
  if (due < sched.sentinel_due.load(std::memory_order_relaxed) &&
      sched.sentinel.load(std::memory_order_relaxed) != nullptr) {
    wake_sentinel();
  }
}

void commit_yield(machine* mp, goroutine* left, void*) noexcept {
  processor* pp = mp->pp;
  pp->submits.store(pp->submits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sched.global.push(left);
  notify_submit();
}

}  // namespace

goroutine* pick_local(processor* pp) noexcept {
  const std::uint32_t tick = pp->tick.load(std::memory_order_relaxed) + 1;
  pp->tick.store(tick, std::memory_order_relaxed);
  goroutine* gp = nullptr;
  if (tick % k_care_period == 0) {
    if (scheduler_is_due(pp)) return nullptr;
    gp = pick_with_care(pp, tick);
  }
  if (!gp && tick % k_global_period == 0) gp = pick_global(pp);
  if (!gp && sched.shuffle_seed != 0) [[unlikely]] gp = pick_shuffled(pp);
  if (!gp) {
    bool inherits = false;
    gp = pp->queue.pick(inherits);
    if (!inherits) pp->slice_start = 0;
  }
  if (const goroutine* after = pp->queue.peek_ready()) after->prefetch_stack();
  if (pp->timer_moved && gp) [[unlikely]] check_sentinel_due(pp);
  return gp;
}

machine* give_turn(machine* mp, commit_function commit, void* arg) noexcept {
  goroutine* next = mp->attention.load(std::memory_order_relaxed) ? nullptr : pick_local(mp->pp);
  mp->commit = commit;
  mp->commit_arg = arg;
  return switch_to(mp, next);
}

machine* park(machine* mp, commit_function commit, void* arg, wait_reason reason) noexcept {
  goroutine* gp = mp->curg;
  gp->reason.store(reason, std::memory_order_relaxed);
  transition(gp, g_status::running, g_status::waiting);
  return give_turn(mp, commit, arg);
}

void submit_global(goroutine* gp) noexcept {
  sched.global.push(gp);
  notify_submit();
}

void ready_goroutine(machine* mp, goroutine* gp) noexcept {
  transition(gp, g_status::waiting, g_status::runnable);
  gp->prefetch_stack();
  if (!mp || !mp->pp) return submit_global(gp);
  processor* pp = mp->pp;
  chain<goroutine> overflow;
  if (mp->curg) {
    pp->queue.push_next(gp, overflow);
  } else {
    // From the scheduler's stack (timers) there is no slice to inherit: first in, first out.
    pp->queue.push_ready(gp, overflow);
  }
  if (overflow.first) [[unlikely]] {
    pp->overflows.add();
    sched.global.push_all(overflow);
  }
  pp->submits.store(pp->submits.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  notify_submit();
}

void give_up_processor(machine* mp) noexcept {
  mp->attention.store(false, std::memory_order_relaxed);
  if (!mp->curg || mp->pp->id < sched.procs.load(std::memory_order_relaxed)) return;
  transition(mp->curg, g_status::running, g_status::runnable);
  mp->commit = commit_yield;
  switch_to(mp, nullptr);
}

// Lets all that is queued here go first, by way of the global queue.
machine* yield_turn(machine* mp) noexcept {
  processor* pp = mp->pp;
  pp->yields.add();
  transition(mp->curg, g_status::running, g_status::runnable);
  return give_turn(mp, commit_yield, nullptr);
}

void hand_over_turn(runtime_entry& entry) noexcept {
  if (entry.mp() && entry.mp()->curg) entry.moved(yield_turn(entry.mp()));
}

}  // namespace goro::detail

namespace goro::this_goroutine {

void yield() {
  detail::runtime_entry entry;
  detail::machine* mp = entry.mp();
  if (!mp) {
    ::sched_yield();
    return;
  }
  if (mp->pp->queue.look().empty() && detail::sched.global.size() == 0 &&
      mp->pp->timers.next_due() == time_point::max()) {
    return;  // nobody to yield to
  }
  entry.moved(detail::yield_turn(mp));
}

}  // namespace goro::this_goroutine
