// GORO_DEBUG=stalls=1: who keeps a thread busy or blocked without entering the runtime.
#pragma once

#include <cstdint>

namespace goro::detail {

// By sysmon: tells, once for each place where goroutines are started, of one that has run without its P for
// longer than k_stall. True if there are some that may have to be told of later.
bool report_stalls(std::int64_t now) noexcept;

}  // namespace goro::detail
