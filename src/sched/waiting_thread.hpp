// A plain thread that begins to wait for ever in the runtime, as far as others must know of it.
#pragma once

#include "sched/scheduler.hpp"

namespace goro::detail {

// What the callers of the present function keep in registers is in memory while it runs, for who looks for
// handles there (diag/unreachable.cpp).
[[gnu::always_inline]] inline void spill_registers() noexcept { __builtin_unwind_init(); }

// From here on the thread waits without a deadline, in the present function; sleep_counted() is the sleep for
// it. Whoever wakes it takes it out of scheduler::foreign_waiting first.
[[gnu::always_inline]] inline void count_as_waiting() noexcept {
  spill_registers();
  sched.foreign_waiting.fetch_add(1, std::memory_order_release);  // pairs with report_deadlock()
}

}  // namespace goro::detail
