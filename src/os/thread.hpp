// What the runtime asks of the kernel for one of its threads.
#pragma once

#include <csignal>
#include <cstdint>

namespace goro::detail {

// Timers and naps on time: the kernel's default adds 50 us of slack to each sleep. For the calling thread.
void ask_for_exact_sleeps() noexcept;

// Starts a thread that nobody joins, with that signal mask; returns 0 or the error.
int start_thread(void* (*body)(void*), void* arg, const sigset_t& mask) noexcept;

// The lowest address of the calling thread's own stack; 0 if that cannot be found out.
std::uintptr_t thread_stack_bottom() noexcept;

// How long the kernel lets the calling thread run before it looks at others on the same core, from Linux 6.12
// on; it does not change how much each may run. A thread with a short slice gets its turn as soon as it wakes
// up, also on a core where one with the usual slice computes (measured here: 5 us instead of up to 4 ms).
enum class time_slice { usual, shortest };
void ask_for_slice(time_slice slice) noexcept;

}  // namespace goro::detail
