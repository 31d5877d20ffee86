// P: the right to run goroutines, and the caches that go with it.
//
// A P is held by at most one machine; what is not atomic here belongs to that machine. Ps are made on demand
// and never freed: one that set_max_procs takes away keeps its (empty) queue and its timers until it is
// needed again.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/rng.hpp"
#include "diag/trace.hpp"
#include "sched/block_cache.hpp"
#include "sched/goroutine.hpp"
#include "sched/lock_trial.hpp"
#include "sched/run_queue.hpp"
#include "sched/steal_request.hpp"
#include "sched/worth.hpp"
#include "stack/stack.hpp"
#include "time/timer_heap.hpp"

namespace goro::detail {

// Counters of one P: written by its machine, read by anybody.
struct counter {
  std::atomic<std::uint64_t> value{0};
  void add(std::uint64_t n = 1, std::memory_order order = std::memory_order_relaxed) noexcept {
    value.store(value.load(std::memory_order_relaxed) + n, order);
  }
  void set(std::uint64_t n) noexcept { value.store(n, std::memory_order_relaxed); }
  std::uint64_t get(std::memory_order order = std::memory_order_relaxed) const noexcept {
    return value.load(order);
  }
};

struct processor {
  explicit processor(int n) noexcept : id(n) {}

  run_queue<goroutine> queue;
  steal_request<run_queue<goroutine>::loot> request;

  // Count turns: those that were chosen, and those of the usual yield. A watcher tells from both whether the
  // P moves on.
  std::atomic<std::uint64_t> tick{0};
  counter rotations;
  std::uint64_t looked_at = 0;  // the rotation before which its owner has looked after it
  std::uint64_t turns() const noexcept { return tick.load(std::memory_order_relaxed) + rotations.get(); }

  lock_wake woken_by_lock;

  // When the time slice began that run_next inherits; 0: it counts from the next look.
  std::int64_t slice_start = 0;
  std::int64_t last_oldest = 0;  // when the oldest fresh goroutine last got its turn

  // The global queue and this P's own, at the last look at who has waited longer.
  struct global_sight {
    std::uint64_t pushed = 0;
    std::uint64_t turns = 0;
    std::uint64_t queued = 0;
  } global_seen;

  stint present;
  bool aside = false;  // it is about to step aside

  std::uint32_t flushed = 0;  // the keeper's round in which the caches were last flushed
  goroutine_cache descriptors;
  stack_cache stacks;
  block_cache<k_channel_timer_bytes> channel_timers;
  // Gives back what is free in them; false if there was nothing.
  bool flush_caches() noexcept {
    bool any = descriptors.flush();
    any |= stacks.flush();
    any |= channel_timers.flush();
    return any;
  }

  goroutine_id next_id = 0;
  goroutine_id end_id = 0;
  rng dice;

  timer_heap timers;

  std::atomic<machine*> owner{nullptr};  // for those who look from outside
  std::atomic<int> core{-1};             // where its machine was last seen to run, for the watcher
  std::atomic<std::uint32_t> tenure{0};  // how often it was given to an owner
  processor* idle_link = nullptr;        // guarded by the scheduler's lock
  const int id;

  counter started, finished, other_yields, steals, stolen, overflows, global_runs, timers_fired, preempted;
  std::atomic<event_ring*> trace{nullptr};  // made with the first recording, never freed
  counter ran_dry;                          // times it had nothing to do but to ask the poller
};

}  // namespace goro::detail
