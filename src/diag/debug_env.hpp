// GORO_DEBUG: settings for finding trouble, as "name=value,name=value".
#pragma once

#include <cstdint>

namespace goro::detail {

struct debug_settings {
  // shuffle=SEED: the next goroutine is chosen by dice seeded with this number; 0 is off.
  std::uint64_t shuffle_seed = 0;
  // raceruntime=1: ThreadSanitizer checks the runtime instead of the program (detail/race.hpp).
  bool race_runtime = false;
  // mprotectguards=1: guards of stacks as on kernels before 6.13 (stack/stack_guard.hpp).
  bool mprotect_guards = false;
  // stalls=1: tells of goroutines that block their threads, or compute for long (diag/stall.hpp).
  bool stalls = false;
  // deadlocks=1: tells of some that wait for each other while others go on (diag/lock_graph.cpp).
  bool deadlocks = false;
  // schedtrace=X: a line about the scheduler every X ms (diag/sched_trace.cpp); 0 is off.
  std::uint32_t sched_trace_ms = 0;
};

// What the environment said when it was first asked for. What is not known is ignored, with a line on stderr
// that says what is.
const debug_settings& debug() noexcept;

// GORO_TRACEBACK: how much a report says.
enum class traceback_level {
  none,    // what has happened; no goroutine
  single,  // of a panic the goroutine whose it is; of what concerns all, all
  all,     // always all
  crash,   // and then the process dumps its core
};
traceback_level traceback() noexcept;

}  // namespace goro::detail
