// The contract of the context switch; one implementation in assembly per architecture, in this folder.
//
// Saved and restored: the callee-saved general registers, the stack pointer, and the floating-point control
// words (x86-64: MXCSR and the x87 control word; aarch64: FPCR, and d8-d15), which the ABIs count as
// callee-saved. Not saved: caller-saved registers (the compiler saves what it needs around the call), the
// signal mask (a property of the thread; saving it would cost a system call), thread-local storage (it stays
// with the thread: nothing that was derived from it may be held across a switch), errno and the C++ exception
// state (done in sched/switch.cpp).
//
// A frame whose first frame is `start` carries an end-of-stack mark (undefined return address in the unwind
// tables, a zero frame pointer), so that unwinders and debuggers stop there. Both return by an ordinary
// return. The processor predicts it by its stack of calls, and that is right, since all who park have called
// the switch from the same few places; an indirect jump would leave one call unmatched and make every return
// after it mispredict (a round trip over channels took 140 ns instead of 88). The x86-64 object carries no
// mark for CET shadow stacks, which such a return does not satisfy.
#pragma once

#include <cstddef>

namespace goro::detail {

struct machine;

// The first function of a new stack. It gets what the switch to it was given, and never returns.
using start_function = void (*)(machine* mp);

extern "C" {

// Saves the caller's context on its stack and its stack pointer in *save_sp; continues the context `to_sp`,
// where the matching call returns `mp` (or `start(mp)` begins).
machine* goro_arch_switch(void** save_sp, void* to_sp, machine* mp) noexcept;

// Puts the floating-point control words to the state in which a program starts.
void goro_arch_reset_control_words() noexcept;
}

// Prepares a context at the top of an empty stack; returns its stack pointer.
void* arch_prepare(std::byte* stack_top, start_function start) noexcept;

}  // namespace goro::detail
