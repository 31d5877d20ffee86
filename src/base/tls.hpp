// The thread-local variables of the runtime, behind functions that cannot be inlined.
//
// A goroutine may continue on another thread after any switch. The compiler does not know that: it may keep
// the thread pointer, or the address of a thread-local, in a register that the switch faithfully restores.
// Hence a call that it can neither inline nor merge with another (noinline, and a volatile asm inside:
// without it GCC finds the function pure), and the rule that its result is not used across a switch: switches
// return the present machine.
#pragma once

namespace goro::detail {

struct machine;

// The machine of the calling thread; null on a thread that is not the runtime's.
[[gnu::noinline]] machine* current_machine() noexcept;
void set_current_machine(machine* mp) noexcept;

}  // namespace goro::detail
