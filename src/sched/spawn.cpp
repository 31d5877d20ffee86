// Starting goroutines.
#include <goro/detail/spawn.hpp>

#include <cstring>
#include <new>
#include <utility>

#include <goro/error.hpp>

#include "diag/fatal.hpp"
#include "sched/finish.hpp"
#include "sched/scheduler.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

constexpr goroutine_id k_id_batch = 64;

goroutine_id next_id(processor* pp) noexcept {
  if (pp->next_id == pp->end_id) {
    pp->next_id = sched.last_id.fetch_add(k_id_batch, std::memory_order_relaxed) + 1;
    pp->end_id = pp->next_id + k_id_batch;
  }
  return pp->next_id++;
}

void describe(goroutine* gp, closure_call call, std::source_location where) noexcept {
  gp->call = call;
  gp->where.store(where, std::memory_order_relaxed);
}

void apply_options(goroutine* gp, const go_options& options) {
  if (options.stack() > k_largest_stack) throw panic("goro: go_options::stack: more than 1 TB");
  if (options.name().empty() && options.stack() == 0 && options.labels().empty()) return;
  shared_labels labels;
  if (!options.labels().empty()) labels = with_labels(own_labels(), options.labels());
  goroutine_extras& extras = extras_of(gp);
  const lock_guard guard(extras_lock());
  extras.name = options.name();
  extras.stack_bytes = options.stack();
  extras.labels = std::move(labels);
}

// Where a closure lives that has no room in the descriptor.
void allocate_closure(goroutine* gp, std::size_t size, std::size_t align) {
  void* const memory = ::operator new(size, std::align_val_t{align});
  std::memcpy(gp->inline_closure, &align, sizeof align);  // for free_belongings()
  gp->closure = memory;
}

// From a thread that is not the runtime's, or from the scheduler's own stack.
void start_foreign(machine* mp, goroutine* gp, goroutine_id id) noexcept {
  gp->id.store(id, std::memory_order_relaxed);
  gp->creator.store(0, std::memory_order_relaxed);
  sched.foreign_started.fetch_add(1, std::memory_order_relaxed);
  if (recording()) [[unlikely]]
    trace_spawn(mp, gp);
  transition(gp, g_status::dead, g_status::runnable);
  submit_global(gp);
  ensure_machine();
}

goroutine_id single_id() noexcept { return sched.last_id.fetch_add(1, std::memory_order_relaxed) + 1; }

void enqueue_fresh(runtime_entry& entry, goroutine* gp) {
  // 256 that this P has not started yet are enough: their descriptors fit the cache, a million would not. The
  // spawner gives them the turn, as at the end of a time slice.
  for (processor* pp = entry.mp()->pp; !pp->queue.push_fresh(gp); pp = entry.mp()->pp)
    entry.moved(yield_turn(entry.mp()));
  notify_submit();
}

}  // namespace

unborn spawn_prepare(std::size_t size, std::size_t align, const go_options* options) {
  const runtime_entry entry;
  machine* mp = entry.mp();
  if (!mp) ensure_started();
  processor* pp = mp ? mp->pp.get() : nullptr;
  goroutine* gp = pp ? pp->descriptors.get() : take_shared_descriptor();
  gp->closure = gp->inline_closure;
  try {
    // Where races are looked for each has its own: the memory of a descriptor passes from one to the next.
    if (race_checks_program() || size > goroutine::k_inline_closure || align > alignof(std::max_align_t))
        [[unlikely]]
      allocate_closure(gp, size, align);
    if (options) [[unlikely]]
      apply_options(gp, *options);
  } catch (...) {
    spawn_abandon(gp);
    throw;
  }
  return {gp, gp->closure};
}

void spawn_abandon(goroutine* gp) noexcept {
  const race_hidden hidden;
  free_belongings(gp);
  gp->closure = nullptr;
  give_shared_descriptor(gp);
}

void spawn_submit(goroutine* gp, closure_call call, std::source_location where) noexcept {
  runtime_entry entry;
  machine* mp = entry.mp();
  describe(gp, call, where);
  race_release(gp->closure);
  const goroutine* creator = mp ? mp->curg.get() : nullptr;
  if (!creator) [[unlikely]]
    return start_foreign(mp, gp, single_id());
  if (creator->extras) [[unlikely]]
    inherit_labels(gp, *creator);
  processor* pp = mp->pp;
  gp->id.store(next_id(pp), std::memory_order_relaxed);
  gp->creator.store(creator->id.load(std::memory_order_relaxed), std::memory_order_relaxed);
  pp->started.add();
  if (mp->hold.traced()) [[unlikely]]
    trace_spawn(mp, gp);
  transition(gp, g_status::dead, g_status::runnable);
  enqueue_fresh(entry, gp);
}

void spawn_main(goroutine* gp, closure_call call, std::source_location where) {
  static constinit std::atomic<bool> first{true};
  const race_hidden hidden;
  describe(gp, call, where);
  race_release(gp->closure);
  sched.main_goroutine.store(gp, std::memory_order_relaxed);
  start_foreign(nullptr, gp, first.exchange(false, std::memory_order_relaxed) ? 1 : single_id());
}

void go_of_nil() { fatal("go of nil func value"); }

}  // namespace goro::detail
