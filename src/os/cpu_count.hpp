// How many Ps a program begins with.
#pragma once

#include <optional>

namespace goro::detail {

// GORO_MAXPROCS, if that holds a positive integer; anything else is ignored with a line on stderr.
std::optional<int> wished_procs(int limit) noexcept;

// The CPUs that the process may use: by its affinity mask and the quotas of its control groups. At least 1,
// at most `limit`.
int usable_cpus(int limit) noexcept;

}  // namespace goro::detail
