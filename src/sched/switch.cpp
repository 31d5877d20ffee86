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

// The outermost function on each stack: runs goroutines, one after another. When the next one has not started
// yet, it takes over this stack: no switch, and a stack whose pages are hot.
void goroutine_main(machine* mp) {
  complete_switch(mp);
  for (;;) {
    goroutine* gp = mp->curg;
    mp->inside.store(false, std::memory_order_relaxed);
    run_body(gp);
    goroutine* next = end_of_function();
    mp = current_machine();
    if (!next || !next->fresh() || k_sanitized) leave_for_ever(mp, next);
    next->stack = std::exchange(gp->stack, nullptr);
    recycle(mp->pp, gp);
    start_turn(mp, next);
    *mp->errno_address = 0;
    goro_arch_reset_control_words();
  }
}

}  // namespace

void prepare_first_turn(processor* pp, goroutine* gp) noexcept {
  stack_slot* s = pp->stacks.get();
  gp->stack = s;
  sanitizer_begin(s->sanitizer, s->bottom, static_cast<std::size_t>(s->top - s->bottom));
  gp->sp = arch_prepare(s->top, goroutine_main);
  gp->eh = {};
  gp->saved_errno = 0;
}

void leave_for_ever(machine* mp, goroutine* next) noexcept {
  goroutine* self = mp->curg;
  mp->left = self;
  mp->commit = [](machine* m, goroutine* ended, void*) {
    sanitizer_end(ended->stack->sanitizer);
    m->pp->stacks.put(std::exchange(ended->stack, nullptr));
    recycle(m->pp, ended);
  };
  void* to = load_next(mp, next);
  sanitizer_leave(nullptr, next ? &next->stack->sanitizer : &mp->system_stack);
  goro_arch_switch(&self->sp, to, mp);
  std::abort();  // nobody switches to a goroutine that has ended
}

void machine_loop(machine* mp) noexcept {
  for (;;) {
    goroutine* gp = find_runnable(mp);
    switch_to(mp, gp);
  }
}

}  // namespace goro::detail
