// What LeakSanitizer must see of parked goroutines. It looks for pointers in the stacks of threads, in static
// memory and in what malloc gave; the stacks of goroutines are neither, and what only a parked one refers to
// would be called a leak. Empty in builds without AddressSanitizer.
#pragma once

#include "base/sanitizers.hpp"

namespace goro::detail {

// At the end of the process, with the machines stopped: LeakSanitizer's own exit handler was registered
// first, so it comes last.
#if defined(GORO_ASAN)
void show_stacks_to_leak_sanitizer() noexcept;
#else
inline void show_stacks_to_leak_sanitizer() noexcept {}
#endif

}  // namespace goro::detail
