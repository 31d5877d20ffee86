// Global deadlock: everything is parked, and nothing that could wake anybody is left.
#pragma once

namespace goro::detail {

// Called when no P has work and no timer is armed. Fatal if every thread of the process is either the runtime's or
// known to be asleep in it for ever; returns if some thread might still do something.
void report_deadlock() noexcept;

}  // namespace goro::detail
