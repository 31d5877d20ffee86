// The end of the process, with a report: for broken invariants and misuse that cannot be recovered from.
#pragma once

#include <string_view>

namespace goro::detail {

// Writes "fatal error: <what>" and the goroutines, the caller first, to stderr, unbuffered, and ends the
// process with code 2. No destructor runs, nothing is flushed; the program's fatal handler is called.
[[noreturn]] void fatal(std::string_view what) noexcept;

// The same for a deadlock.
[[noreturn]] void fatal_deadlock(std::string_view what) noexcept;

// The same for a failed system call: adds the error's text.
[[noreturn]] void fatal_errno(std::string_view what, int error) noexcept;

// Writes the whole text to stderr with as few system calls as possible.
void write_stderr(std::string_view text) noexcept;

// Reports the exception in flight as Go reports a panic of the present goroutine, and ends the process if the
// policy says so, or the goroutine cannot end alone. Call it in a handler.
void report_panic(bool must_end = false) noexcept;

// Somebody wants to know what the program is doing (quit.cpp): writes all goroutines and ends the process
// with code 2.
[[noreturn]] void report_quit() noexcept;

// Only one report is written: the first caller goes on, others wait here for the end of the process.
void claim_report() noexcept;

// The same for a signal handler, which can neither park nor allocate.
void claim_last_report() noexcept;

// Ends the process with code 2, or with a core dump if GORO_TRACEBACK says so; nothing else happens.
[[noreturn]] void leave_process() noexcept;

// While a report is being made the process must not end in another way: waits for its end, if there is one.
void let_report_finish() noexcept;

// The same for who ends the process in the usual way: what a goroutine's destructors have told it, because of
// an exception that nobody handles, must not let it overtake the report. Destructors that take longer than a
// second are not waited for.
void let_panics_finish() noexcept;

// An exception that cannot be thrown, because one already unwinds the stack, is reported like one that leaves
// a goroutine. On threads that are not the runtime's the former handler goes on.
void install_terminate_handler() noexcept;

}  // namespace goro::detail
