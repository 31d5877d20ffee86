// The contract of the context switch; one implementation in assembly per architecture, in this folder.
//
// Saved and restored: the callee-saved general registers, the stack pointer, and the floating-point control
// words (x86-64: MXCSR and the x87 control word; aarch64: FPCR, and d8-d15), which the ABIs count as
// callee-saved. Not saved: the x87 status word (flags of long double arithmetic), FPSR, caller-saved
// registers (the compiler saves what it needs around the call), the signal mask (a property of the thread;
// saving it would cost a system call), thread-local storage (it stays with the thread: nothing that was
// derived from it may be held across a switch), errno and the C++ exception state (done in sched/turn.hpp).
//
// Every call has its return, also where a stack begins and ends: the outermost frame of a stack is entered by
// a call, and left by returning from it. Processors predict returns by their stack of calls, which stays
// right that way, since all who park have called the switch from the same few places: a program of forks and
// joins runs through its goroutines as through function calls. (Starting by a return to a prepared frame and
// ending by a switch cost such a program 30 of 100 ns a fork; resuming by an indirect jump made a round trip
// over channels take 140 ns instead of 88.) The outermost frame carries an end-of-stack mark (undefined
// return address in the unwind tables, a zero frame pointer), so that unwinders and debuggers stop there. The
// x86-64 object carries no mark for CET shadow stacks, which a return to another stack does not satisfy.
#pragma once

#include <cstddef>

namespace goro::detail {

struct machine;

// Where whoever leaves a stack for ever goes: a context that goro_arch_switch has saved.
struct departure {
  void* to_sp;
  machine* mp;
};

// The first function of a new stack. It gets what the switch to it was given; when it returns, nobody stands
// on its stack any more.
using start_function = departure (*)(machine* mp);

// What a switch goes to: a saved context, or, if start is not null, the top of an empty stack, aligned to 16.
struct context {
  void* sp = nullptr;
  start_function start = nullptr;
};

extern "C" {

// For switch_context() alone, which knows what it keeps.
machine* goro_arch_switch(void** save_sp, void* to_sp, machine* mp, start_function start) noexcept;

// Calls f(arg) on the caller's own stack, but to an unwinder it looks as if the context that was saved at
// `saved_sp` had called it: a walk that f begins goes on into that stack, of which it reads what lies at and
// above `saved_sp`, and to which nothing is written. Nobody may resume that context meanwhile.
void goro_arch_walk_from(void* saved_sp, void (*f)(void*), void* arg) noexcept;

// Puts the floating-point control words to the state in which a program starts.
void goro_arch_reset_control_words() noexcept;
}

// Saves the caller's context on its stack and its stack pointer in *save_sp; then continues the context
// `to_sp`, where the matching call returns `mp`, or begins `start(mp)` on the stack whose top is `to_sp`.
//
// On x86-64 the compiler saves the callee-saved registers, because it is told that the call overwrites them:
// those that its function uses are on the stack already. (A push and a pop of each besides took 1 of 17 ns of
// a yield among a thousand goroutines, for a line of stack that they filled.) The compiler does not know that
// a call is made: sources with this in them are compiled without a red zone (CMakeLists.txt), in which the
// return address would fall. Where it may use more registers than are named here, this is a function, which
// overwrites them by convention.
#if !defined(__AVX512F__) && !defined(__APX_F__)
[[gnu::always_inline]]
#elif defined(__clang__)
[[gnu::noinline]]
#else
[[gnu::noipa]]
#endif
inline machine* switch_context(void** save_sp, void* to_sp, machine* mp, start_function start) noexcept {
#if defined(__x86_64__)
  asm volatile("call goro_arch_switch"
               : "+D"(save_sp), "+S"(to_sp), "+d"(mp), "+c"(start)
               :
               : "rax", "rbx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",    //
                 "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",        //
                 "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",  //
                 "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "mm0", "mm1", "mm2",
                 "mm3", "mm4", "mm5", "mm6", "mm7", "memory", "cc");
  return mp;
#else
  return goro_arch_switch(save_sp, to_sp, mp, start);
#endif
}

}  // namespace goro::detail
