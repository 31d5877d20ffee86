// The end of a goroutine.
#pragma once

#include "sched/scheduler.hpp"

namespace goro::detail {

// Called on the goroutine's own stack when its function has returned: destroys its locals, counts it, and
// chooses who has the next turn (null: the scheduler decides).
goroutine* end_of_function() noexcept;

// Frees what few goroutines have besides their descriptor: a closure that has no room in it, which has been
// destroyed or was never made, and their extras.
void free_belongings(goroutine* gp) noexcept;

// Gives the descriptor back. The stack has been taken from it.
inline void recycle(processor* pp, goroutine* gp) noexcept {
  if (gp->closure != gp->inline_closure || gp->extras) [[unlikely]]
    free_belongings(gp);
  gp->closure = nullptr;
  pp->descriptors.put(gp);
}

// Leaves the running goroutine for the last time.
[[noreturn]] void leave_for_ever(machine* mp, goroutine* next) noexcept;

// Destroys the goroutine_local objects of the running goroutine.
void destroy_locals(goroutine* gp) noexcept;

}  // namespace goro::detail
