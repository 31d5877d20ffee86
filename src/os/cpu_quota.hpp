// What a container may use of the machine's cores.
#pragma once

#include <string>

namespace goro::detail {

// The tightest CPU quota of the control groups (v1 and v2) that this process belongs to, its own and all
// those above it that it can see, in cores, rounded up, at least 1; 0 if there is none. `root` stands before
// every path, for tests. Throws std::bad_alloc.
int cpu_quota(const std::string& root);

}  // namespace goro::detail
