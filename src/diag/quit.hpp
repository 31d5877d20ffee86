// SIGQUIT, which says "what are you doing?"
#pragma once

namespace goro::detail {

// From now on SIGQUIT has all goroutines reported and ends the process, if nobody has asked for anything
// else. The keeper runs.
void install_quit_handler() noexcept;

// By the keeper, whenever it wakes up: makes the report, if it is wanted.
void answer_quit() noexcept;

}  // namespace goro::detail
