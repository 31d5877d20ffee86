// Whose turn it is: choosing among what is queued on a P, parking, making ready.
//
// Order of a turn: run_next, ready, the newest fresh one (run_queue.hpp says why). Against starvation:
//   * once in 61 turns the global queue comes first, if its oldest has waited at least since all who were
//     queued here got their turns: a goroutine that yields must not overtake them by way of the global queue
//     (SCHED-06);
//   * run_next inherits the time slice of the goroutine that filled it: when a chain of hand-overs has lasted
//     10 ms and others wait, the others come first and it goes to the end of the queue;
//   * who has to give the turn away because its own slice is over goes behind all, and before those who have
//     waited here come those whom it, timers, the poller and plain threads have made ready meanwhile: a
//     goroutine that sleeps waits for one slice of those who never do, not for one of each (preempt()). Who
//     sleeps a little and computes for long so gets more than its share, as with Go's run_next; that there is
//     no end of such who come does not keep others waiting for ever: at each eighth such end they go behind;
//   * once in 10 ms the oldest fresh goroutine comes first: newest-first alone could leave it for ever, and a
//     P that is kept busy with ready ones would start nobody.
//
// A look at the clock costs 9 to 30 ns, as much as a turn, so it is asked only every few turns, and only when
// somebody waits who could be starved.
#include <goro/go.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include <goro/detail/atomics.hpp>
#include "os/clock.hpp"
#include "os/thread.hpp"
#include "poll/poller.hpp"
#include "sched/fetch.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

constexpr std::uint64_t k_global_period = 61;
constexpr std::uint64_t k_oldest_period = 64;
constexpr std::uint64_t k_worth_period = 64;
constexpr std::uint64_t k_fair_period = 8;

// Has the chain of hand-overs lasted for a slice while others wait?
bool slice_is_over(processor* pp) noexcept {
  const auto seen = pp->queue.look();
  if (!seen.run_next || (seen.fresh_head == seen.fresh_tail && seen.ready_head == seen.ready_tail))
    return false;
  const std::int64_t now = coarse_now_ns();
  if (pp->slice_start == 0) pp->slice_start = now;
  return now - pp->slice_start >= k_time_slice;
}

bool oldest_is_due(processor* pp) noexcept {
  const auto seen = pp->queue.look();
  if (seen.fresh_head == seen.fresh_tail) return false;
  const std::int64_t now = coarse_now_ns();
  if (now - pp->last_oldest < k_time_slice) return false;
  pp->last_oldest = now;
  return true;
}

goroutine* pick_global(processor* pp) noexcept {
  goroutine* gp = nullptr;
  pp->global_runs.add(sched.global.pop_share(1, 1, [&](goroutine* g) { gp = g; }));
  return gp;
}

// Has the oldest in the global queue let everybody go first who was queued here when it was first seen?
bool global_is_due(processor* pp) noexcept {
  const std::uint64_t turns = pp->turns();
  processor::global_sight& then = pp->global_seen;
  const bool waits = sched.global.popped() < then.pushed;
  if (waits && turns - then.turns < then.queued) return false;
  then = {.pushed = sched.global.pushed(), .turns = turns, .queued = pp->queue.look().size()};
  return waits;
}

// The seam for seeded schedules: all orders are legal, so a test may roll the dice.
goroutine* pick_shuffled(processor* pp) noexcept {
  switch (pp->dice.below(4)) {
    case 0:
      return pick_global(pp);
    case 1:
      return pp->queue.pick(pick_order::slice_over);
    case 2:
      return pp->queue.pick(pick_order::oldest_fresh);
    default:
      return pp->queue.pick([] {});
  }
}

// Must the scheduler's own stack have the turn? Timers and the poller run only there: a parking goroutine's
// commit may hold a lock that they take.
bool scheduler_is_due(const processor* pp) noexcept {
  if (sched.freezing.load(std::memory_order_relaxed)) return true;
  const time_point due = first_due(pp);
  return (due != time_point::max() && due <= now()) || poll_is_due();
}

// This P's share of the global queue goes to the end of its own, so that who yields can stand behind both.
// False if not all of the share has room. Among ten goroutines that yield on two Ps a yield costs 85 ns by
// way of the global queue, whose lock both want, and 17 ns within the Ps' own.
bool fetch_share(processor* pp) noexcept {
  const auto procs = static_cast<std::size_t>(sched.procs.load(std::memory_order_relaxed));
  const std::size_t all = sched.global.share(procs);
  if (all == 0) return true;
  const std::size_t room = pp->queue.room();
  if (all + 1 > room || pp->queue.waits_fresh()) return false;
  pp->global_runs.add(
      pp->queue.push_ready_batch([&](auto push) { return sched.global.pop_share(procs, room - 1, push); }));
  return true;
}

[[gnu::noinline]] void queue_behind_all(processor* pp, goroutine* left) noexcept {
  left->from_outside = false;
  if (!pp || !fetch_share(pp) || !pp->queue.push_last(left)) sched.global.push(left);
}

// Behind everybody who is queued here: the end of the local ring, if that is where the last of them stands.
void commit_yield(machine* mp, goroutine* left, void*) noexcept {
  processor* pp = mp->pp;
  const bool queued = pp && sched.global.size() == 0 && pp->queue.push_last(left);
  if (!queued) [[unlikely]]
    queue_behind_all(pp, left);
  notify_submit();
}

// This P's share of the global queue, or what of it there is room for.
struct share {
  chain<goroutine> from_outside;
  chain<goroutine> others;  // who have computed, or yielded
  bool whole = true;
};
share take_share(processor* pp) noexcept {
  constexpr std::size_t k_spare = 2;  // for the one that is preempted
  share got;
  const std::size_t room = pp->queue.room();
  const auto procs = static_cast<std::size_t>(sched.procs.load(std::memory_order_relaxed));
  const std::size_t all = sched.global.share(procs);
  got.whole = all + k_spare <= room;
  if (all == 0 || room <= k_spare) return got;
  pp->global_runs.add(sched.global.pop_share(procs, room - k_spare, [&](goroutine* gp) {
    (std::exchange(gp->from_outside, false) ? got.from_outside : got.others).push_back(gp);
  }));
  return got;
}

void queue_all(processor* pp, chain<goroutine>& those) noexcept {
  while (goroutine* gp = those.pop_front()) queue_ready(pp, gp);
}

// Off its stack, on the scheduler's, and from an entry, so that no lock is held. Where all others use up
// their slices, too, whoever was waited for would have to wait for a slice of each of them, and whoever has
// not begun for oldest_is_due().
void commit_preempted(machine* mp, goroutine* left, void*) noexcept {
  processor* pp = mp->pp;
  if (sched.freezing.load(std::memory_order_acquire)) return commit_yield(mp, left, nullptr);
  queue_oldest_fresh(pp);
  const std::uint32_t mark = pp->queue.mark_end();
  if (first_due(pp) != time_point::max()) run_timers(mp, now());
  if (poll_is_due()) poll_and_start(mp);
  share of_global = take_share(pp);
  queue_all(pp, of_global.from_outside);
  if (pp->preempted.get() % k_fair_period != 0) pp->queue.pass_before(mark);
  queue_all(pp, of_global.others);
  left->from_outside = false;
  if (!of_global.whole || !pp->queue.push_last(left)) sched.global.push(left);
  notify_submit();
}

// Does this P have anything to do besides the running goroutine?
bool nothing_waits(const processor* pp) noexcept {
  return pp->queue.look().empty() && sched.global.size() == 0 && first_due(pp) == time_point::max();
}

[[gnu::noinline]] void flush_caches(processor* pp) noexcept {
  pp->flushed = sched.flush_round.load(std::memory_order_relaxed);
  pp->flush_caches();
}

// Every k_care_period turns: looks after this P, and whether the scheduler's own stack must have the turn.
bool scheduler_must_look(processor* pp, std::uint64_t turn, bool has_looked = false) noexcept {
  if (!has_looked && scheduler_is_due(pp)) return true;
  if (pp->flushed != sched.flush_round.load(std::memory_order_relaxed)) [[unlikely]]
    flush_caches(pp);
  if (turn % k_worth_period != 0) return false;
  pp->core.store(current_core(), std::memory_order_relaxed);
  settle_slice(current_machine());
  if (!should_step_aside(pp)) return false;
  pp->aside = true;
  return true;
}

// So many goroutines were woken at once that neither their descriptors nor their stacks are in the caches.
// Asked for together they come while the first ones run.
constexpr std::size_t k_beyond_caches = 4096;

void fetch_from_memory(std::span<goroutine* const> those) noexcept {
  for (const goroutine* gp : those) fetch_lines(gp, sizeof *gp);
  for (const goroutine* gp : those) fetch_frames(gp);
}

}  // namespace

careful_choice pick_with_care(processor* pp, std::uint64_t tick, bool scheduler_has_looked) noexcept {
  if (scheduler_must_look(pp, tick, scheduler_has_looked)) return {.scheduler = true};
  goroutine* gp = nullptr;
  if (tick % k_global_period < k_care_period && global_is_due(pp)) gp = pick_global(pp);
  if (!gp && tick % k_oldest_period == 0 && oldest_is_due(pp)) gp = pp->queue.pick(pick_order::oldest_fresh);
  if (!gp && slice_is_over(pp)) {
    pp->slice_start = 0;
    gp = pp->queue.pick(pick_order::slice_over);
  }
  if (!gp && sched.shuffle_seed != 0) gp = pick_shuffled(pp);
  return {.gp = gp};
}

goroutine* pick_share(processor* pp) noexcept {
  // A batch of 128 to pay for the lock; what is taken has room, since the ring is empty.
  constexpr std::size_t k_batch = 128;
  const auto procs = static_cast<std::size_t>(sched.procs.load(std::memory_order_relaxed));
  const bool many = sched.global.size() > k_beyond_caches;
  goroutine* first = nullptr;
  std::array<goroutine*, k_batch> taken;
  std::size_t n = 0;
  pp->global_runs.add(pp->queue.push_ready_batch([&](auto push) {
    return sched.global.pop_share(procs, k_batch, [&](goroutine* gp) {
      first ? push(gp) : void(first = gp);
      if (many) taken[n++] = gp;
    });
  }));
  fetch_from_memory({taken.data(), n});
  return first;
}

[[gnu::noinline]] goroutine* pick_attentively(machine* mp) noexcept {
  goroutine* next = nullptr;
  if (!mp->hold.called() || heed_call(mp)) next = pick_local(mp->pp);
  if (mp->hold.traced()) trace_turn(mp, next);
  return next;
}

void submit_global(goroutine* gp) noexcept {
  gp->from_outside = true;
  sched.global.push(gp);
  notify_submit();
}

void queue_ready(processor* pp, goroutine* gp) noexcept {
  chain<goroutine> overflow;
  pp->queue.push_ready(gp, overflow);
  if (!overflow.first) return;
  pp->overflows.add();
  sched.global.push_all(overflow);
}

// From a plain thread, or from the scheduler's stack (timers), where there is no slice to inherit: first in,
// first out.
void ready_elsewhere(machine* mp, goroutine* gp) noexcept {
  if (!mp || !mp->pp) return submit_global(gp);
  queue_ready(mp->pp, gp);
  notify_submit();
}

bool queue_oldest_fresh(processor* pp) noexcept {
  if (!pp->queue.waits_fresh()) return false;
  if (goroutine* gp = pp->queue.pick(pick_order::oldest_fresh)) queue_ready(pp, gp);
  return true;
}

namespace {

// The caller becomes runnable, and whoever arrives queues it.
machine* leave_turn(machine* mp, goroutine* next, commit_function commit) noexcept {
  goroutine* const self = mp->curg;
  if (!self) __builtin_unreachable();
  transition(self, g_status::running, g_status::runnable);
  mp->commit = commit;
  return switch_to(mp, self, next);
}

}  // namespace

machine* requeue(machine* mp, goroutine* next) noexcept { return leave_turn(mp, next, commit_yield); }

machine* preempt(machine* mp) noexcept { return leave_turn(mp, nullptr, commit_preempted); }

machine* yield_turn(machine* mp) noexcept {
  mp->pp->other_yields.add();
  return requeue(mp, pick_next(mp));
}

namespace {

// The usual yield, a fifth cheaper than a choice and a push of their own: who has the turn when the running
// goroutine has changed places with it. Nobody if it is not so simple. Of what pick_with_care() looks at, who
// goes first concerns nobody here. Each store and each load is .1 ns of the 8.0 that a yield takes.
[[gnu::always_inline]] inline careful_choice change_places(machine* mp, processor* pp,
                                                           goroutine* self) noexcept {
  if (sched.global.size() != 0) return {};
  const std::uint64_t rotation = pp->rotations.get() + 1;
  if (rotation % k_care_period == 0 && pp->looked_at != rotation) [[unlikely]] {
    pp->looked_at = rotation;  // once, though this may not become a rotation
    if (sched.shuffle_seed != 0) return {};
    if (scheduler_must_look(pp, rotation)) return {.scheduler = true};
  }
  goroutine* const next = pp->queue.begin_rotation(self);
  if (!next) return {};
  pp->slice_start = 0;
  pp->rotations.set(rotation);
  mp->rotating = pp;
  return {.gp = next};
}

// Who has the turn after a yield that is not the usual one, unless it is known to be the scheduler: the
// caller is counted, and stands behind all once it is off its stack. The caller itself if nobody waits.
[[gnu::noinline]] goroutine* pick_for_yield(machine* mp, bool scheduler) noexcept {
  goroutine* const next = scheduler ? nullptr : pick_next(mp);
  if (next || !nothing_waits(mp->pp)) {
    mp->pp->other_yields.add();
    mp->commit = commit_yield;
    return next;
  }
  if (mp->hold.traced()) trace_start(mp, mp->curg);
  return mp->curg;
}

}  // namespace

void hand_over_turn(runtime_entry& entry) noexcept {
  if (entry.mp() && entry.mp()->curg) entry.moved(yield_turn(entry.mp()));
}

}  // namespace goro::detail

namespace goro::this_goroutine {

void yield() {
  detail::machine* mp = detail::current_machine();
  if (!mp) {
    ::sched_yield();
    return;
  }
  detail::runtime_entry entry(mp, detail::runtime_entry::outermost);
  mp = entry.mp();
  detail::goroutine* const self = mp->curg;
  if (!self) __builtin_unreachable();
  detail::careful_choice next;
  if (!entry.noted()) [[likely]]
    next = detail::change_places(mp, mp->pp, self);
  if (!next.gp) [[unlikely]] {
    next.gp = detail::pick_for_yield(mp, next.scheduler);
    if (next.gp == self) return;
  }
  // One switch for both: a return goes where the processor expects it only if whoever is resumed has called
  // the switch from the same places as who is left (2 ns of the 20 of a yield among a thousand).
  detail::transition(self, detail::g_status::running, detail::g_status::runnable);
  entry.moved(detail::switch_to<detail::leaving::by_rotation>(mp, self, next.gp));
}

}  // namespace goro::this_goroutine
