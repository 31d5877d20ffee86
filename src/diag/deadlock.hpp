// Global deadlock: everything is parked, and nothing that could wake anybody is left.
#pragma once

namespace goro::detail {

struct machine;

// Called by the sentinel when no P had work and no timer was armed. Fatal if every thread of the process is
// either the runtime's or known to be asleep in it for ever; returns if some thread might still do something,
// or just has.
void report_deadlock(machine* sentinel) noexcept;

}  // namespace goro::detail
