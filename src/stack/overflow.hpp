// What happens when a goroutine needs more stack than there is: a report instead of a crash.
#pragma once

namespace goro::detail {

// Handles SIGSEGV from now on; what is no overflow goes to the handler that was there before.
void install_overflow_handler() noexcept;

}  // namespace goro::detail
