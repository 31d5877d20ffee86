#include "diag/deadlock.hpp"

#include <dirent.h>

#include <goro/runtime.hpp>

#include "base/sanitizers.hpp"
#include "diag/fatal.hpp"
#include "sched/scheduler.hpp"

namespace goro::detail {

namespace {

// The number of threads that the program and the runtime have, by the kernel's own list; 0 if it cannot be
// read.
int thread_count() noexcept {
  DIR* d = ::opendir("/proc/self/task");
  if (!d) return 0;
  int n = 0;
  while (const dirent* e = ::readdir(d)) n += e->d_name[0] != '.';
  ::closedir(d);
  return n - k_sanitizer_threads;
}

// Then their number says nothing; the look is made again when they have been joined.
bool threads_end() noexcept {
  const lock_guard guard(sched.guard);
  return sched.leaving != 0;
}

}  // namespace

void report_deadlock(machine* sentinel) noexcept {
  const int asleep = sched.foreign_waiting.load(std::memory_order_acquire);
  if (asleep == 0 || sched.freezing.load(std::memory_order_relaxed)) return;
  if (sched.endless_sleeps.load(std::memory_order_acquire) != 0 || threads_end()) return;
  const int ours = sched.machine_count.load(std::memory_order_relaxed) +
                   sched.helper_count.load(std::memory_order_relaxed);
  if (thread_count() != ours + asleep) return;
  if (sched.foreign_waiting.load(std::memory_order_acquire) != asleep) return;
  // A thread that counts as asleep has submitted its last work before that, and with it relieved the
  // sentinel.
  if (!all_quiet(sentinel)) return;
  if (sched.main_exited.load(std::memory_order_acquire) && goroutine_count() == 0) {
    fatal("no goroutines (main called runtime.Goexit) - deadlock!");
  }
  fatal("all goroutines are asleep - deadlock!");
}

}  // namespace goro::detail
