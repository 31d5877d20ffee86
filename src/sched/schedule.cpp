// Whose turn it is: choosing among what is queued on a P, parking, making ready.
//
// Order of a turn: run_next, ready, the newest fresh one (run_queue.hpp says why). Against starvation:
//   * every 61st turn the global queue comes first;
//   * run_next inherits the time slice of the goroutine that filled it: when a chain of hand-overs has lasted 10 ms
//     and others wait, the others come first and it goes to the end of the queue;
//   * once in 10 ms the oldest fresh goroutine comes first: newest-first alone could leave it for ever, and a P that
//     is kept busy with ready ones would start nobody.
// A look at the clock costs 12 to 30 ns, a turn 10, so the clock is asked only every few turns, and only when somebody
// waits who could be starved.
#include <goro/go.hpp>

#include "base/atomics.hpp"
#include "os/clock.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

constexpr std::uint32_t k_global_period = 61;
constexpr std::uint32_t k_oldest_period = 64;
constexpr std::uint32_t k_slice_period = 4;
constexpr std::uint32_t k_timer_period = 8;
constexpr std::int64_t k_slice = 10'000'000;  // ns

bool slice_is_over(processor* pp) noexcept {
  if (++pp->inherited % k_slice_period != 0) return false;
  const std::int64_t now = now_ns();
  if (pp->slice_start == 0) pp->slice_start = now;
  return now - pp->slice_start >= k_slice;
}

bool oldest_is_due(processor* pp) noexcept {
  const std::int64_t now = now_ns();
  if (now - pp->last_oldest < k_slice) return false;
  pp->last_oldest = now;
  return true;
}

// The seam for seeded schedules: all orders are legal, so a test may roll the dice.
pick_order shuffled(processor* pp) noexcept { return static_cast<pick_order>(pp->dice.below(3)); }

pick_order choose_order(processor* pp, std::uint32_t tick) noexcept {
  if (sched.shuffle_seed != 0) [[unlikely]] return shuffled(pp);
  const auto seen = pp->queue.look();
  const bool fresh_wait = seen.fresh_head != seen.fresh_tail;
  if (tick % k_oldest_period == 0 && fresh_wait && oldest_is_due(pp)) return pick_order::oldest_fresh;
  if (seen.run_next && (fresh_wait || seen.ready_head != seen.ready_tail)) {
    if (!slice_is_over(pp)) return pick_order::usual;
    pp->slice_start = 0;
    return pick_order::slice_over;
  }
  pp->slice_start = 0;
  pp->inherited = 0;
  return pick_order::usual;
}

bool timer_is_due(processor* pp, std::uint32_t tick) noexcept {
  const time_point due = pp->timers.next_due();
  if (due == time_point::max()) return false;
  return (tick % k_timer_period == 0 || pp->queue.look().empty()) && due <= now();
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
  if (sched.freezing.load(std::memory_order_relaxed)) [[unlikely]] return nullptr;
  if (timer_is_due(pp, tick)) return nullptr;  // timers run on the scheduler's stack only: a parking goroutine's
                                               // commit may hold a lock that their functions take
  if (tick % k_global_period == 0 && sched.global.size() != 0) {
    if (goroutine* gp = sched.global.pop_share(k_max_procs, 1).first) {
      pp->global_runs.add();
      return gp;
    }
  }
  goroutine* gp = pp->queue.pick(choose_order(pp, tick));
  if (pp->timer_moved && gp) [[unlikely]] check_sentinel_due(pp);
  return gp;
}

machine* give_turn(machine* mp, commit_function commit, void* arg) noexcept {
  goroutine* next = mp->attention.load(std::memory_order_relaxed) ? nullptr : pick_local(mp->pp);
  mp->commit = commit;
  mp->commit_arg = arg;
  return switch_to(mp, next);
}

void park(commit_function commit, void* arg, wait_reason reason) noexcept {
  machine* mp = current_machine();
  goroutine* gp = mp->curg;
  gp->reason.store(reason, std::memory_order_relaxed);
  transition(gp, g_status::running, g_status::waiting);
  give_turn(mp, commit, arg);
}

void submit_global(goroutine* gp) noexcept {
  sched.global.push(gp);
  notify_submit();
}

void submit_overflow(processor* pp, chain<goroutine> overflow) noexcept {
  if (!overflow.first) [[likely]] return;
  pp->overflows.add();
  sched.global.push_all(overflow);
}

void ready_goroutine(goroutine* gp) noexcept {
  transition(gp, g_status::waiting, g_status::runnable);
  machine* mp = current_machine();
  if (!mp || !mp->pp) return submit_global(gp);
  processor* pp = mp->pp;
  // From the scheduler's stack (timers) there is no running goroutine whose slice it could inherit: first in, first out.
  submit_overflow(pp, mp->curg ? pp->queue.push_next(gp) : pp->queue.push_ready(gp));
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
void yield_turn(machine* mp) noexcept {
  processor* pp = mp->pp;
  pp->yields.add();
  transition(mp->curg, g_status::running, g_status::runnable);
  give_turn(mp, commit_yield, nullptr);
}

void hand_over_turn() noexcept {
  machine* mp = current_machine();
  if (mp && mp->curg) yield_turn(mp);
}

}  // namespace goro::detail

namespace goro::this_goroutine {

void yield() {
  const detail::runtime_entry entry;
  detail::machine* mp = entry.mp();
  if (!mp) {
    ::sched_yield();
    return;
  }
  if (mp->pp->queue.look().empty() && detail::sched.global.size() == 0 &&
      mp->pp->timers.next_due() == time_point::max()) {
    return;  // nobody to yield to
  }
  detail::yield_turn(mp);
}

}  // namespace goro::this_goroutine
