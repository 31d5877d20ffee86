// The end of a goroutine: by return, and by this_goroutine::exit.
//
// exit() unwinds the stack as pthread_exit does, by a forced unwind: destructors run, catch clauses do not,
// except `catch (...)`, which must rethrow. The unwinder calls stop() for every frame; at the end of the
// stack it never returns to the unwinder but ends the goroutine. A catch-all that swallows the unwind has it
// "deleted", which is fatal with a sentence that says so.
#include "sched/finish.hpp"

#include <unwind.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <goro/error.hpp>
#include <goro/go.hpp>

#include "diag/fatal.hpp"
#include "sched/turn.hpp"

namespace goro::detail {

void free_belongings(goroutine* gp) noexcept {
  if (gp->closure != gp->inline_closure) {
    std::align_val_t align;
    std::memcpy(&align, gp->inline_closure, sizeof align);
    ::operator delete(gp->closure, align);
  }
  if (!gp->extras) return;
  const lock_guard guard(extras_lock());
  delete std::exchange(gp->extras, nullptr);
}

goroutine* end_of_function() noexcept {
  race_hide();
  machine* mp = current_machine();
  goroutine* gp = mp->curg;
  if (gp->locals) [[unlikely]] {
    race_show();
    destroy_locals(gp);  // may park
    race_hide();
    mp = current_machine();
  }
  if (mp->hold.enter()) [[unlikely]] {
    mp = look_closer(mp);
    mp->leaves = gp->is_locked();  // what it has done to its thread is for nobody else
  }
  transition(gp, g_status::running, g_status::dead);
  goroutine* const next = pick_next(mp);
  // After its end is in the recording, if there is one; pairs with goroutine_count().
  mp->pp->finished.add(1, std::memory_order_release);
  return next;
}

namespace {

// Called for every frame, before anything of it runs.
_Unwind_Reason_Code stop(int, _Unwind_Action actions, _Unwind_Exception_Class, _Unwind_Exception* e,
                         _Unwind_Context*, void*) {
  goroutine* gp = current_machine()->curg;
  // Should std::terminate be called now, that shows whether exit is what cannot go on (report_terminate).
  // Held, not only looked at: were it freed, a later exception could stand at its address.
  {
    const race_hidden hidden;
    gp->extras->handled_at_exit = std::current_exception();
    if ((actions & _UA_END_OF_STACK) == 0) return _URC_NO_REASON;
    delete e;
    gp->exiting = false;
  }
  goroutine* next = end_of_function();
  leave_for_ever(current_machine(), next);
}

void swallowed(_Unwind_Reason_Code, _Unwind_Exception*) {
  fatal("goro: this_goroutine::exit was swallowed by a catch (...) that does not rethrow");
}

}  // namespace

}  // namespace goro::detail

namespace goro::this_goroutine {

void exit() {
  detail::machine* mp = detail::current_machine();
  if (!mp) throw panic("goro: this_goroutine::exit called on a plain thread");
  if (mp->eh->uncaught_exceptions != 0) {
    detail::fatal("goro: this_goroutine::exit called while the stack was being unwound");
  }
  {
    const detail::race_hidden hidden;
    extras_of(mp->curg);
    mp->curg->exiting = true;
  }
  auto* e = new _Unwind_Exception{};
  e->exception_cleanup = detail::swallowed;
  detail::sanitizer_no_return();
  _Unwind_ForcedUnwind(e, detail::stop, nullptr);
  detail::fatal("goro: this_goroutine::exit could not unwind the stack");
}

}  // namespace goro::this_goroutine
