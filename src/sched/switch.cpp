// The first and the last turn of a goroutine; the switch itself is in turn.hpp.
#include <cstdlib>
#include <utility>

#include "arch/switch.hpp"
#include "diag/fatal.hpp"
#include "sched/finish.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

namespace {

// Calls the function of the goroutine that runs now; an exception that leaves it is reported here.
[[gnu::noinline]] void run_body(goroutine* gp) {
  try {
    gp->call(gp->closure);
  } catch (...) {
    if (gp->exiting) throw;  // this_goroutine::exit goes on to the end of the stack (finish.cpp)
    report_panic();
  }
}

// Makes `next` the one that this machine runs, and notes what is to be done for the running goroutine, which
// has ended.
context depart(machine* mp, goroutine* next) noexcept {
  mp->left = mp->curg;
  mp->commit = [](machine* m, goroutine* ended, void*) {
    sanitizer_end(ended->stack->sanitizer);
    m->pp->stacks.put(std::exchange(ended->stack, nullptr));
    recycle(m->pp, ended);
  };
  return load_next(mp, next);
}

}  // namespace

// The outermost function on each stack: runs goroutines, one after another. When the next one has not started
// yet, it takes over this stack: no switch, and a stack whose pages are hot.
departure goroutine_main(machine* mp) {
  complete_switch(mp);
  for (;;) {
    goroutine* gp = mp->curg;
    race_acquire(gp->closure);
    mp->inside.store(false, std::memory_order_relaxed);
    race_show();
    run_body(gp);
    goroutine* next = end_of_function();
    mp = current_machine();
    if constexpr (k_sanitized) leave_for_ever(mp, next);  // the tools want to be told on the last frame
    if (!next || !next->fresh()) return {.to_sp = depart(mp, next).sp, .mp = mp};
    next->stack = std::exchange(gp->stack, nullptr);
    recycle(mp->pp, gp);
    start_turn(mp, next);
    *mp->errno_address = 0;
    goro_arch_reset_control_words();
  }
}

void prepare_first_turn(machine* mp, goroutine* gp) noexcept {
  stack_slot* s = mp->pp->stacks.get();
  gp->stack = s;
  sanitizer_begin(s->sanitizer, s->bottom, static_cast<std::size_t>(s->top - s->bottom), mp->system_stack);
  gp->sp = s->top;
  gp->eh = {};
  gp->saved_errno = 0;
}

void leave_for_ever(machine* mp, goroutine* next) noexcept {
  goroutine* self = mp->curg;
  const context to = depart(mp, next);
  sanitizer_leave(nullptr, next ? &next->stack->sanitizer : &mp->system_stack);
  goro_arch_switch(&self->sp, to.sp, mp, to.start);
  std::abort();  // nobody switches to a goroutine that has ended
}

void machine_loop(machine* mp) noexcept {
  for (;;) {
    goroutine* gp = find_runnable(mp);
    switch_to(mp, gp);
  }
}

}  // namespace goro::detail
