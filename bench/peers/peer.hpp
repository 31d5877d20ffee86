// What the peers' programs share: the command line of goro-bench, without its servers.
#pragma once

#include <span>

#include "bench.hpp"

namespace bench {

// The workload that the command line names, its flags read. Null, and what is wrong on stderr with the names
// of the workloads, if there is none.
const workload* choose(const char* program, std::span<const workload> known, int argc, char** argv);

}  // namespace bench
