// What happens when a goroutine needs more stack than there is: a report instead of a crash.
#pragma once

namespace goro::detail {

struct stack_slot;

// Handles SIGSEGV from now on; what is no overflow goes to the handler that was there before.
void install_overflow_handler() noexcept;

// Gives the calling thread a stack for signal handlers, unless it has one: on a goroutine's stack that has
// overflown there is no room for the handler that says so. It comes from the pools, guard and all; the thread
// gives it back before it ends. Null if there is none to give back.
stack_slot* provide_signal_stack() noexcept;
void withdraw_signal_stack(stack_slot* s) noexcept;

}  // namespace goro::detail
