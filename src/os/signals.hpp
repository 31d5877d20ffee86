// Signals, collected by a handler for a thread that hands them on.
#pragma once

#include <cstdint>

namespace goro::detail {

// May a program be notified of it? Not of what cannot be caught, nor of its own errors.
bool can_be_notified(int signal) noexcept;

// Notes the signal from now on instead of what it did; and the other way round.
void catch_signal(int signal) noexcept;
void release_signal(int signal) noexcept;
// Sends it to the process once more.
void raise_again(int signal) noexcept;

// Has a handler called for the signal, on the signal stack and once only; false if the program, or whoever
// has started it, has chosen something else than the default.
bool handle_if_default(int signal, void (*handler)(int)) noexcept;
// The signal does again what it did before; from now on, and once more to the calling thread.
void let_default_act(int signal) noexcept;

// Ends the process by SIGABRT, whatever the program has made of that. Also for signal handlers.
[[noreturn]] void dump_core() noexcept;

// Sleeps until there are some, and takes them: bit n - 1 stands for signal n.
std::uint64_t wait_for_signals() noexcept;

}  // namespace goro::detail
