// The first and the last turn of a goroutine; the switch itself is in turn.hpp.
#include <algorithm>
#include <cstdlib>
#include <utility>

#include "arch/switch.hpp"
#include "diag/fatal.hpp"
#include "diag/panic_trace.hpp"
#include "sched/finish.hpp"
#include "sched/turn.hpp"
#include "stack/stack_pool.hpp"

namespace goro::detail {

namespace {

// Calls the function of the goroutine that runs now; an exception that leaves it is reported here.
[[gnu::noinline]] void run_body(goroutine* gp) {
  try {
    gp->call(gp->closure);
  } catch (const panic_probe&) {
    std::abort();  // it is never thrown; see there
  } catch (...) {
    if (gp->exiting) throw;  // this_goroutine::exit goes on to the end of the stack (finish.cpp)
    report_panic();
  }
}

// Makes `next` the one that this machine runs, and notes what is to be done for the running goroutine, which
// has ended.
[[gnu::always_inline]] inline context depart(machine* mp, goroutine* next) noexcept {
  mp->left.store(mp->curg, std::memory_order_relaxed);
  mp->commit = [](machine* m, goroutine* ended, void*) noexcept {
    sanitizer_end(ended->stack()->sanitizer);
    m->pp->stacks.put(ended->stack());
    ended->bind(nullptr);
    recycle(m->pp, ended);
  };
  return load_next(mp, next);
}

// May it have the stack of the one that has ended? Not if either had a wish of its own.
bool takes_over(const goroutine* next, const goroutine* ended) noexcept {
  return next && next->status.load(std::memory_order_relaxed) == g_status::runnable && next->fresh() &&
         next->wanted_stack() == 0 && ended->wanted_stack() == 0 && is_best(ended->stack());
}

}  // namespace

// The outermost function on each stack: runs goroutines, one after another. When the next one has not started
// yet, it takes over this stack: no switch, and a stack whose pages are hot.
departure goroutine_main(machine* mp) {
  complete_switch(mp);
  for (;;) {
    goroutine* gp = mp->curg;
    race_acquire(gp->closure);
    mp->hold.leave();
    race_show();
    run_body(gp);
    goroutine* next = end_of_function();
    mp = current_machine();
    if constexpr (k_sanitized) leave_for_ever(mp, next);  // the tools want to be told on the last frame
    if (!takes_over(next, gp)) {
      // Only a saved context can be returned to.
      if (next && next->fresh()) mp->chosen = std::exchange(next, nullptr);
      return {.to_sp = depart(mp, next).sp, .mp = mp};
    }
    next->bind(gp->stack());
    gp->bind(nullptr);
    recycle(mp->pp, gp);
    start_turn(mp, next);
    *mp->errno_address = 0;
    goro_arch_reset_control_words();
  }
}

context load_fresh(machine* mp, goroutine* next, g_status state) noexcept {
  if (!next->fresh()) fatal("goro: a goroutine has its turn before it is off its stack");
  if (!prepare_first_turn(mp, next)) return load_scheduler(mp);
  *mp->eh = {};
  *mp->errno_address = 0;
  void* const top = next->sp.load(std::memory_order_relaxed);
  start_turn(mp, next, state);
  return {.sp = top, .start = goroutine_main};
}

context load_locked(machine* mp, goroutine* next) noexcept {
  transition(next, g_status::runnable, g_status::runnable);  // nothing else can be right
  if (mp->curg) {
    mp->chosen = next;
    return load_scheduler(mp);
  }
  const g_status state = locked(g_status::running);
  void* const sp = next->sp.load(std::memory_order_relaxed);
  return sp ? load_suspended(mp, next, sp, state) : load_fresh(mp, next, state);
}

// Whoever is left may hold a lock until nobody stands on its stack, so nothing slow is done before: to make a
// stack takes a system call and a page fault. (A million goroutines that park on one channel, on two Ps: 3.1
// us each instead of 1.2.)
bool prepare_first_turn(machine* mp, goroutine* gp) noexcept {
  if (mp->curg && (gp->wanted_stack() != 0 || !mp->pp->stacks.has_warm())) {
    mp->chosen = gp;
    return false;
  }
  const std::size_t wanted = gp->wanted_stack();
  stack_slot* s = wanted != 0 ? mp->pp->stacks.get_sized(wanted) : mp->pp->stacks.get();
  const std::size_t asked = g_stack_choice.asked.load(std::memory_order_relaxed);
  s->limit.store(wanted != 0 ? wanted : std::min(s->pool->size(), asked), std::memory_order_relaxed);
  gp->bind(s);
  sanitizer_begin(s->sanitizer, s->bottom, static_cast<std::size_t>(s->top - s->bottom), mp->system_stack);
  gp->sp.store(s->top, std::memory_order_relaxed);
  gp->eh = {};
  gp->saved_errno = 0;
  return true;
}

// Not for AddressSanitizer to look at: it may keep the frame elsewhere than on the stack, and gives that back
// when it is told that the stack is left.
__attribute__((no_sanitize("address"))) void leave_for_ever(machine* mp, goroutine* next) noexcept {
  const context to = depart(mp, next);
  // Not in the descriptor: of a goroutine that ends, and of the one that has its descriptor next until it is
  // off its stack, it is to be null (stack/parked.hpp).
  void* nowhere = nullptr;
  sanitizer_leave(nullptr, mp->curg ? &mp->curg->stack()->sanitizer : &mp->system_stack);
  switch_context(&nowhere, to.sp, mp, to.start);
  std::abort();  // nobody switches to a goroutine that has ended
}

namespace {

// Whose turn it is next on this machine; null if its thread is to end, or if it has given the turn away.
goroutine* next_turn(machine* mp) noexcept {
  if (sched.freezing.load(std::memory_order_acquire)) freeze(mp);
  if (mp->locked && !mp->chosen) sleep_for_turn(mp);
  if (goroutine* gp = std::exchange(mp->chosen, nullptr)) {
    tell_of_timers(mp->pp);  // the commit of who has parked may have armed one
    return gp;
  }
  mp->left.store(nullptr, std::memory_order_relaxed);  // nobody stands on its stack any more
  if (!mp->pp) stop_machine(mp);
  return find_runnable(mp);
}

}  // namespace

void machine_loop(machine* mp) noexcept {
  while (!mp->leaves) {
    goroutine* gp = next_turn(mp);
    if (gp && gp->is_locked() && gp->extras->home != mp) {
      give_turn_to_home(mp, gp);
    } else if (gp) {
      if (mp->hold.traced()) trace_start(mp, gp);
      mp->outings = mp->outings + 1;
      switch_to(mp, nullptr, gp);
      mp->outings = mp->outings + 1;
    }
  }
  if (processor* pp = mp->pp) {
    mp->pp = nullptr;
    pass_on(pp);
  }
  mp->left.store(nullptr, std::memory_order_relaxed);
}

}  // namespace goro::detail
