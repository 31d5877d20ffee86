// How many Ps a program begins with.
#pragma once

namespace goro::detail {

// The CPUs that the process may use, from its affinity mask; or GORO_MAXPROCS, if that holds a positive
// integer (anything else is ignored with a line on stderr). At least 1, at most `limit`.
int initial_procs(int limit) noexcept;

}  // namespace goro::detail
