// What follows a report that was written: the program's own handler, and the end of the process.
#pragma once

#include <string_view>

#include <goro/diag.hpp>

namespace goro::detail {

// Has the program's handler called, if there is one and nobody has called it yet, and ends the process. Also
// for signal handlers: allocates nothing and takes no lock itself.
[[noreturn]] void end_process(const diag::fatal_report& report) noexcept;

// Will it be called? Then its texts are worth the memory.
bool has_fatal_handler() noexcept;

// If the handler runs, or has run: the end of the process, with a line that says who is to blame, the handler
// that has failed (called by its own party), or that does not come to an end. Otherwise returns.
void end_if_handler_runs() noexcept;

}  // namespace goro::detail
