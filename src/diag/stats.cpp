// Counters that their owners write, summed up by whoever asks.
#include <algorithm>

#include <goro/runtime.hpp>

#include "poll/poller.hpp"
#include "sched/scheduler.hpp"
#include "stack/stack_pool.hpp"

namespace goro {

using detail::sched;

namespace {

template <class Visit>
void for_each_processor(Visit visit) {
  const int made = sched.made.load(std::memory_order_acquire);  // pairs with make_processor()
  for (int i = 0; i != made; ++i) visit(*sched.all[i].load(std::memory_order_relaxed));
}

processor_stats stats_of(const detail::processor& pp) {
  return {.switches = pp.turns(),
          .yields = pp.rotations.get() + pp.other_yields.get(),
          .preemptions = pp.preempted.get(),
          .steals = pp.steals.get(),
          .stolen = pp.stolen.get(),
          .overflows = pp.overflows.get(),
          .global_runs = pp.global_runs.get(),
          .timers_fired = pp.timers_fired.get(),
          .queued = pp.queue.look().size(),
          .held = pp.owner.load(std::memory_order_relaxed) != nullptr};
}

void add_processors(runtime_stats& s) {
  // What has ended or was given back first, as in goroutine_count().
  std::uint64_t stacks_given_back = 0;
  std::uint64_t stacks_taken = 0;
  for_each_processor([&](const detail::processor& pp) {
    stacks_given_back += pp.stacks.given_back();
    s.goroutines_finished += pp.finished.get(std::memory_order_acquire);  // pairs with end_of_function()
  });
  s.goroutines_started = sched.foreign_started.load(std::memory_order_relaxed);
  for_each_processor([&](detail::processor& pp) {
    const processor_stats one = stats_of(pp);
    s.goroutines_started += pp.started.get();
    s.switches += one.switches;
    s.yields += one.yields;
    s.preemptions += one.preemptions;
    s.steals += one.steals;
    s.stolen += one.stolen;
    s.overflows += one.overflows;
    s.global_runs += one.global_runs;
    s.timers_fired += one.timers_fired;
    s.timers_armed += pp.timers.size();
    stacks_taken += pp.stacks.taken();
    s.per_processor.push_back(one);
  });
  s.stacks_in_use = stacks_taken > stacks_given_back ? stacks_taken - stacks_given_back : 0;
}

void add_machines(runtime_stats& s) noexcept {
  const detail::lock_guard guard(sched.guard);
  s.goroutines_away = static_cast<std::uint64_t>(sched.away);
  s.machines =
      static_cast<std::uint64_t>(sched.machine_count.load(std::memory_order_relaxed) - sched.leaving);
  for (const detail::machine* mp = sched.idle_machines; mp; mp = mp->idle_link) ++s.machines_idle;
  s.machines_idle += sched.sentinel.load(std::memory_order_relaxed) ? 1 : 0;
}

void add_poller(runtime_stats& s) noexcept {
  s.poller_looks = detail::g_poll_counters.looks.load(std::memory_order_relaxed);
  s.poller_sleeps = detail::g_poll_counters.sleeps.load(std::memory_order_relaxed);
  s.poller_events = detail::g_poll_counters.events.load(std::memory_order_relaxed);
  s.poller_waiters = static_cast<std::uint64_t>(
      std::max<std::int64_t>(detail::g_poll_waiters.load(std::memory_order_relaxed), 0));
}

void add_stacks(runtime_stats& s) noexcept {
  detail::stack_totals totals;
  detail::for_each_pool(
      [](detail::stack_pool& pool, void* sum) {
        const detail::stack_totals part = pool.totals();
        static_cast<detail::stack_totals*>(sum)->made += part.made;
        static_cast<detail::stack_totals*>(sum)->bytes += part.bytes;
      },
      &totals);
  const std::uint64_t used = s.stacks_in_use + sched.signal_stacks.load(std::memory_order_relaxed);
  s.stacks_cached = totals.made - std::min<std::uint64_t>(used, totals.made);
  s.stack_bytes_reserved = totals.bytes;
}

}  // namespace

std::size_t goroutine_count() noexcept {
  // Ends first: one that starts and ends between the two sums must not make the difference negative.
  std::uint64_t finished = 0;
  for_each_processor([&](const detail::processor& pp) {
    finished += pp.finished.get(std::memory_order_acquire);  // pairs with end_of_function()
  });
  std::uint64_t started = sched.foreign_started.load(std::memory_order_relaxed);
  for_each_processor([&](const detail::processor& pp) { started += pp.started.get(); });
  return started > finished ? started - finished : 0;
}

runtime_stats stats() {
  runtime_stats s;
  s.processors = static_cast<std::uint64_t>(max_procs());  // starts goro, if nobody has
  add_processors(s);
  add_machines(s);
  add_poller(s);
  add_stacks(s);
  s.goroutines = goroutine_count();
  s.queued_global = sched.global.size();
  s.handoffs_blocked = sched.handoffs_blocked.load(std::memory_order_relaxed);
  s.handoffs_busy = sched.handoffs_busy.load(std::memory_order_relaxed);
  s.stalls = sched.stalls.load(std::memory_order_relaxed);
  s.machine_wakeups = sched.wakeups.load(std::memory_order_relaxed);
  return s;
}

}  // namespace goro
