// The lines of GORO_DEBUG=schedtrace=X, with the names and in the order of Go's, so that what reads Go's
// reads these:
//
//   SCHED 1004ms: gomaxprocs=4 idleprocs=2 threads=6 spinningthreads=1 idlethreads=2 runqueue=0 [4 0 1 0]
//
//   SCHED            time since the scheduler was started
//   gomaxprocs       max_procs()
//   idleprocs        Ps that nobody holds
//   threads          threads of the runtime: machines, and those that are none (sysmon, the keeper, this one)
//   spinningthreads  1 if there is a watcher: it is awake, holds a P, and looks for work (sched/idle.cpp)
//   idlethreads      machines that sleep without a P, the sentinel included
//   runqueue [...]   goroutines in the global queue, and in that of each P
//
// A thread of its own writes them, which exists only if the setting asks for it. Go leaves it to sysmon; here
// sysmon sleeps for ever when nothing happens, and must not stand still before a pipe that nobody reads. This
// thread holds no P and waits for none, so the lines come whatever the goroutines do, or if they do nothing.
//
// One look is made under the scheduler's lock, so the figures of Ps and threads belong together; the lengths
// of the queues are those of moving targets.
#include "diag/sched_trace.hpp"

#include <chrono>
#include <new>
#include <string>

#include "diag/debug_env.hpp"
#include "diag/fatal.hpp"
#include "os/futex.hpp"
#include "sched/helper_thread.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

template <class T>
int length(const T* first, T* T::* link) noexcept {
  int n = 0;
  for (; first; first = first->*link) ++n;
  return n;
}

std::string line_of(std::chrono::milliseconds since_start) {
  std::string line = "SCHED " + std::to_string(since_start.count()) + "ms:";
  const auto add = [&line](const char* name, auto value) {
    line += name + std::to_string(static_cast<unsigned long long>(value));
  };
  const lock_guard guard(sched.guard);
  const int procs = sched.procs.load(std::memory_order_relaxed);
  const bool sentinel = sched.sentinel.load(std::memory_order_relaxed) != nullptr;
  add(" gomaxprocs=", procs);
  add(" idleprocs=", length(sched.idle_procs, &processor::idle_link));
  add(" threads=", sched.machine_count.load(std::memory_order_relaxed) - sched.leaving +
                       sched.helper_count.load(std::memory_order_relaxed));
  add(" spinningthreads=", sched.watcher ? 1 : 0);
  add(" idlethreads=", length(sched.idle_machines, &machine::idle_link) + (sentinel ? 1 : 0));
  add(" runqueue=", sched.global.size());
  for (int i = 0; i != procs; ++i)
    add(i == 0 ? " [" : " ", sched.all[i].load(std::memory_order_relaxed)->queue.look().size());
  return line + "]\n";
}

void* sched_trace_thread(void*) {
  race_hide();
  const std::chrono::milliseconds period(debug().sched_trace_ms);
  const time_point start = clock::now();
  note never;
  for (time_point next = start; !sched.freezing.load(std::memory_order_relaxed);) {
    try {
      write_stderr(line_of(std::chrono::duration_cast<std::chrono::milliseconds>(clock::now() - start)));
    } catch (const std::bad_alloc&) {
      write_stderr("goro: no memory for a line of schedtrace\n");
    }
    // Lines that could not be written in time are left out, not made up for.
    while (next <= clock::now()) next += period;
    never.sleep(&next);
  }
  for (;;) never.sleep();  // the process is ending
}

}  // namespace

void start_sched_trace() noexcept {
  if (debug().sched_trace_ms == 0) return;
  if (!start_helper(sched_trace_thread)) write_stderr("goro: cannot start the thread of schedtrace\n");
}

}  // namespace goro::detail
