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

// How many the runtime knows to have; one that has ended counts until it is joined.
int own_threads() noexcept {
  return sched.machine_count.load(std::memory_order_relaxed) +
         sched.helper_count.load(std::memory_order_relaxed);
}

}  // namespace

void report_deadlock(machine* sentinel) noexcept {
  const int asleep = sched.foreign_waiting.load(std::memory_order_acquire);
  if (asleep == 0 || sched.freezing.load(std::memory_order_relaxed)) return;
  if (sched.endless_sleeps.load(std::memory_order_acquire) != 0) return;
  const int ours = own_threads();
  if (thread_count() != ours + asleep) return;
  // One of ours may have ended since, and even been joined: then the look is made again.
  if (sched.foreign_waiting.load(std::memory_order_acquire) != asleep || own_threads() != ours) return;
  // A thread that counts as asleep has submitted its last work before that, and with it relieved the
  // sentinel.
  if (!all_quiet(sentinel)) return;
  if (sched.main_exited.load(std::memory_order_acquire) && goroutine_count() == 0) {
    fatal("no goroutines (main called runtime.Goexit) - deadlock!");
  }
  fatal("all goroutines are asleep - deadlock!");
}

}  // namespace goro::detail
