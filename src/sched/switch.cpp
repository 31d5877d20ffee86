// The switch between goroutines, above the registers.
//
// A switch goes from the running goroutine (or the scheduler's own stack) straight to the next one. What must happen
// to the one that is left, once nobody stands on its stack, is handed over as a commit function and run by whoever
// arrives: the resumed goroutine, a new one, or the scheduler. So a parking goroutine keeps the lock of the queue
// where it has published itself until it is really off its stack, and no waker can resume it too early.
//
// Bound to the thread, and therefore swapped here: the C++ exception state (a goroutine may park inside a catch block
// or in a destructor during unwinding) and errno. Both are reached through pointers that the machine looked up once,
// never through thread-local storage: after the switch it may be another machine's thread.
#include <cxxabi.h>

#include <cerrno>
#include <cstdlib>

#include "arch/switch.hpp"
#include "diag/fatal.hpp"
#include "sched/finish.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

void save_thread_state(machine* mp, goroutine* gp) noexcept {
  gp->eh = *mp->eh;
  gp->saved_errno = *mp->errno_address;
}

void load_thread_state(machine* mp, const goroutine* gp) noexcept {
  *mp->eh = gp->eh;
  *mp->errno_address = gp->saved_errno;
}

void start_turn(machine* mp, goroutine* gp) noexcept {
  transition(gp, g_status::runnable, g_status::running);
  mp->curg = gp;
  mp->pp->switches.add();
}

// Calls the function of the goroutine that runs now; an exception that leaves it is reported here.
[[gnu::noinline]] void run_body(goroutine* gp) {
  try {
    gp->call(gp->closure);
  } catch (const abi::__forced_unwind&) {
    throw;  // this_goroutine::exit goes on to the end of the stack (finish.cpp)
  } catch (...) {
    report_panic();
  }
}

// The outermost function on each stack: runs goroutines, one after another. When the next one has not started yet,
// it takes over this stack: no switch, and a stack whose pages are hot.
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

void complete_switch(machine* mp) noexcept {
  sanitizer_stack& here = mp->curg ? mp->curg->stack->sanitizer : mp->system_stack;
  // The scheduler's own stack bounds are known from the first time that somebody comes from there.
  sanitizer_arrive(here, mp->left ? nullptr : &mp->system_stack);
  if (mp->commit) std::exchange(mp->commit, nullptr)(mp, mp->left, mp->commit_arg);
}

machine* switch_to(machine* mp, goroutine* next) noexcept {
  goroutine* self = mp->curg;
  if (self) save_thread_state(mp, self);
  mp->left = self;
  if (next) {
    if (next->fresh()) prepare_first_turn(mp->pp, next);
    load_thread_state(mp, next);
    start_turn(mp, next);
  } else {
    *mp->eh = {};
    mp->curg = nullptr;
  }
  sanitizer_stack& from = self ? self->stack->sanitizer : mp->system_stack;
  sanitizer_leave(&from, next ? next->stack->sanitizer : mp->system_stack);
  mp = goro_arch_switch(self ? &self->sp : &mp->system_sp, next ? next->sp : mp->system_sp, mp);
  complete_switch(mp);
  return mp;
}

void leave_for_ever(machine* mp, goroutine* next) noexcept {
  goroutine* self = mp->curg;
  mp->left = self;
  mp->commit = [](machine* m, goroutine* ended, void*) {
    sanitizer_end(ended->stack->sanitizer);
    m->pp->stacks.put(std::exchange(ended->stack, nullptr));
    recycle(m->pp, ended);
  };
  if (next) {
    if (next->fresh()) prepare_first_turn(mp->pp, next);
    load_thread_state(mp, next);
    start_turn(mp, next);
  } else {
    *mp->eh = {};
    mp->curg = nullptr;
  }
  sanitizer_leave(nullptr, next ? next->stack->sanitizer : mp->system_stack);
  goro_arch_switch(&self->sp, next ? next->sp : mp->system_sp, mp);
  std::abort();  // nobody switches to a goroutine that has ended
}

void machine_loop(machine* mp) noexcept {
  for (;;) {
    goroutine* gp = find_runnable(mp);
    switch_to(mp, gp);
  }
}

}  // namespace goro::detail
