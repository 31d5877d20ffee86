// GORO_DEBUG=schedtrace=X: a line on stderr every X ms that says what the scheduler as a whole does.
#pragma once

namespace goro::detail {

// Starts the thread that writes the lines, if the setting asks for them. Once, when the scheduler starts.
void start_sched_trace() noexcept;

}  // namespace goro::detail
