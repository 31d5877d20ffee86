// Global deadlock: everything is parked, and nothing that could wake anybody is left.
#pragma once

namespace goro::detail {

struct machine;
class note;

// Called by the sentinel when no P had work and no timer was armed. Fatal if every thread of the process is
// either the runtime's or known to be asleep in it for ever; returns if some thread might still do something,
// or just has.
void report_deadlock(machine* sentinel) noexcept;

// Sleeps on the note of a plain thread that stands in scheduler::foreign_waiting. It may be the last that did
// anything, when nobody looks any more: so it has one look made, when it has slept for a while. While the
// process ends it tells, after a second, that no goroutine will come.
void sleep_counted(note& n) noexcept;

}  // namespace goro::detail
