// Looking into a running program: who is there, what each waits for, who was left behind.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <goro/detail/spawn.hpp>
#include <goro/runtime.hpp>

namespace goro::diag {

// One goroutine as it was at the moment of the call.
struct goroutine_info {
  std::uint64_t id = 0;
  std::string name;           // empty unless go_options named it
  goroutine_labels labels;    // its own and its starter's, in the order in which they were set
  std::string state;          // "runnable", "running", or what it waits for: "chan receive", "sleep", ...
  std::string created_at;     // "file:line (function)" of the call that started it
  std::uint64_t creator = 0;  // id of the goroutine that started it; 0: a plain thread
  std::chrono::seconds waiting{0};  // for how long it is known to have been parked: waits are noticed by a
                                    // look every few seconds, so a short one counts as none
  std::size_t stack_limit =
      0;  // bytes that its stack may take, as they were asked for: it has that many or more; 0: no stack yet
  std::size_t stack_used =
      0;  // bytes of it that hold memory: the most that was used, until unused pages are given back
};

// All goroutines that have been started and have not ended, by id. A snapshot of a moving target: each entry
// is consistent, the set may miss one that starts or ends meanwhile. Allocates; does not park.
std::vector<goroutine_info> goroutines();

// Writes all goroutines in Go's shape: "goroutine N [reason, minutes]:", the stack, and "created at ...", an
// empty line after each. Those that wait for the same at the same place, and were started at the same, stand
// there as one, with their numbers: "12 goroutines [chan receive]: 18, 19, ...". Nobody is stopped: each
// goroutine is seen at a moment of its own, and of one that runs on another thread there is no stack. Of more
// than 10'000 goroutines the stacks of the first are looked at, and 1'000 different ones are written.
// Functions, files and lines come from the debug information of the program; reading that takes a while the
// first time. Allocates; does not park.
void dump_goroutines(std::ostream& out);

// The stack of one goroutine in that shape, "function" and "\tfile:line" for each frame; empty if there is no
// such goroutine. Allocates; does not park.
std::string stack_of(std::uint64_t id);

// Writes stats() for Prometheus, in its text format 0.0.4 (Content-Type: text/plain; version=0.0.4): names
// goro_..., counters that end in _total, a label p="0" where there is a figure for each P. docs/tracing.md
// lists them. Takes some microseconds. Allocates; does not park, unless the stream does. From anywhere.
void write_metrics(std::ostream& out);

// How much a trace may grow.
struct trace_limits {
  std::uint64_t file_bytes = std::uint64_t{64} << 20;  // recording ends there, with a note in the file
};

// Records what the scheduler does into a file that ui.perfetto.dev and chrome://tracing show: a track for
// each P with a slice for each turn (name, place of creation, what it waited for at the end), arrows from who
// made a goroutine ready, or started it, to its turn, lengths of the queues, thefts, hand-offs. The file is
// made anew. Returns an error if it cannot be made, if there is no memory or thread to be had, and
// std::errc::device_or_resource_busy if there is a trace already: there is one at a time in a process.
//
// A turn takes some tens of nanoseconds more as long as it is recorded; a thread exists for that time, which
// writes. If it cannot keep up it is not waited for: events are left out, and the file says where and how
// many. A program that ends by main's return or by exit() finishes its trace; one that crashes does not.
// From anywhere; does not park. docs/tracing.md.
[[nodiscard]] std::error_code start_trace(const std::string& path, trace_limits limits = {});

// Ends it. What has happened before the call is in the file when it returns, and the file is complete. Blocks
// until it is written; a goroutine gives its P away meanwhile. Returns an error if it could not be written as
// a whole (no space left on the disk). Throws goro::panic if there is no trace to stop.
std::error_code stop_trace();

// Why goro ends the process.
enum class fatal_kind : unsigned char {
  panic,           // an exception has left a goroutine's function, or could not
  fatal_error,     // misuse that no handler catches, a failed leak_check, a broken invariant, no memory
  deadlock,        // nobody can be woken any more
  stack_overflow,  // a goroutine needs more stack than there is: the handler is called in a signal handler
};

// What a fatal handler is told. The texts live as long as its call.
struct fatal_report {
  fatal_kind kind = fatal_kind::fatal_error;
  std::string_view text;  // how the report begins: "panic: boom", "fatal error: ..."; no newline at the end,
                          // one inside for each exception that was replaced (std::throw_with_nested)
  std::string_view stacks;  // the goroutines that follow in it; empty for a stack overflow, with
                            // GORO_TRACEBACK=none, and where there was no memory for a copy
};

using fatal_handler = void (*)(const fatal_report& report);

// Has handler called before goro ends the process because of an error: once, after the report was written to
// stderr; when it returns, the process ends as without it (exit code 2, or SIGABRT with
// GORO_TRACEBACK=crash). Null: nothing is called, as at the beginning. Returns the former handler, which the
// new one may call. Not called for SIGQUIT, for what ends the process without goro (std::terminate on a plain
// thread, a fault that is no overflow), nor where a panic ends only its goroutine (panic_policy).
//
// It runs on the thread that reports: on the stack of the guilty goroutine, or, as for most deadlocks, of a
// thread of the runtime. Locks of the runtime, and those that the program held there, may be held: call
// nothing of goro but this_goroutine::id() and name(), wait for nothing that another goroutine has to do. It
// may end the process itself, by std::_Exit, abort or a signal; not by exit() or longjmp. The other threads
// go on meanwhile; who wants to end the process then waits for it up to 5 s.
//
// For fatal_kind::stack_overflow it runs in a signal handler, on the alternate stack, with room for 16 KB,
// and what was interrupted may be malloc: only async-signal-safe functions (man 7 signal-safety) are allowed,
// such as write, _Exit, abort; no allocation, no stdio, no locks.
//
// One that throws, overflows a goroutine's stack, or makes another fatal error is not called again: the
// process ends, with a line that says so. A second fatal error on another thread is neither reported nor
// handled. What precedes the call of set_fatal_handler happens before the handler's. Does not block; from
// anywhere.
fatal_handler set_fatal_handler(fatal_handler handler) noexcept;

// Fails the program when goroutines that were started in its scope outlive it. At the end of the scope it
// waits up to one second for them; then it is fatal, with a dump of all that are there. For any test
// framework: one of these in a test, or in the fixture.
class leak_check {
 public:
  // Goroutines with one of these names (go_options::name) may outlive it: caches and pools that are meant to.
  explicit leak_check(std::vector<std::string> allowed = {});
  ~leak_check();
  leak_check(const leak_check&) = delete;
  leak_check& operator=(const leak_check&) = delete;

  // How many goroutines started since the constructor have not ended yet, those that may not counted. Does
  // not wait.
  std::size_t leaked() const;

 private:
  std::vector<std::string> allowed_;
  std::vector<std::uint64_t> before_;
};

}  // namespace goro::diag
