// The thread that sees to it that nobody keeps a P too long.
#pragma once

namespace goro::detail {

struct machine;

void start_sysmon() noexcept;

// Somebody has taken a P; the scheduler's lock is held.
void rouse_sysmon() noexcept;

// Has sysmon start the machine's thread: one that is started by the calling thread would inherit what a
// locked goroutine has changed there.
void have_started(machine* mp) noexcept;

}  // namespace goro::detail
