#include <algorithm>

#include <goro/runtime.hpp>

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

}  // namespace

std::size_t goroutine_count() noexcept {
  // Ends first: one that starts and ends between the two sums must not make the difference negative.
  std::uint64_t finished = 0;
  for_each_processor([&](const detail::processor& pp) { finished += pp.finished.get(); });
  std::uint64_t started = sched.foreign_started.load(std::memory_order_acquire);
  for_each_processor([&](const detail::processor& pp) { started += pp.started.get(); });
  return started > finished ? started - finished : 0;
}

runtime_stats stats() {
  runtime_stats s;
  s.goroutines_started = sched.foreign_started.load(std::memory_order_relaxed);
  // What has ended or was given back first, as in goroutine_count().
  std::uint64_t stacks_given_back = 0;
  std::uint64_t stacks_taken = 0;
  for_each_processor([&](const detail::processor& pp) { stacks_given_back += pp.stacks.given_back(); });
  for_each_processor([&](const detail::processor& pp) {
    s.goroutines_started += pp.started.get();
    s.goroutines_finished += pp.finished.get();
    s.switches += pp.tick.load(std::memory_order_relaxed);
    s.yields += pp.yields.get();
    s.preemptions += pp.preempted.get();
    s.steals += pp.steals.get();
    s.stolen += pp.stolen.get();
    s.overflows += pp.overflows.get();
    s.global_runs += pp.global_runs.get();
    s.timers_fired += pp.timers_fired.get();
    stacks_taken += pp.stacks.taken();
  });
  s.stacks_in_use = stacks_taken > stacks_given_back ? stacks_taken - stacks_given_back : 0;
  s.handoffs_blocked = sched.handoffs_blocked.load(std::memory_order_relaxed);
  s.handoffs_busy = sched.handoffs_busy.load(std::memory_order_relaxed);
  s.stalls = sched.stalls.load(std::memory_order_relaxed);
  {
    const detail::lock_guard guard(sched.guard);
    s.goroutines_away = static_cast<std::uint64_t>(sched.away);
    s.machines =
        static_cast<std::uint64_t>(sched.machine_count.load(std::memory_order_relaxed) - sched.leaving);
  }
  s.machine_wakeups = sched.wakeups.load(std::memory_order_relaxed);
  s.processors = static_cast<std::uint64_t>(max_procs());
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
  return s;
}

}  // namespace goro
