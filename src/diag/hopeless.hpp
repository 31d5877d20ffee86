// GORO_DEBUG=deadlocks=1: goroutines that nobody can wake any more are told of while the program runs.
#pragma once

namespace goro::detail {

// By the keeper, at each of its looks. Tells of those that have waited for some time and are proven to be
// such (unreachable.cpp), once each. True if there are some that it will have to look at again.
bool report_hopeless() noexcept;

}  // namespace goro::detail
